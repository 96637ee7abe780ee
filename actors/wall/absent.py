"""What happens to messages for a server whose listener is closed, and to those already on their way to it.

They wait until they are due. If the listener is open by then, they are delivered; otherwise its host refuses those
that expect an answer, as a kernel does (ECONNREFUSED): the sender's process does that in its place, and the
refusal takes one latency to come back. Notices are not messages: they wait for the server's observer. So does a
DISCONNECT: a host hears of closed connections whatever its server does.
"""

from collections import defaultdict, deque
from typing import Any

import numpy as np

from ..state import kinds
from ..state.events import EVENT
from ..state.rows import NEVER
from .slice import Slice, is_notices


class Absent:
    """What one process knows of servers that are not there."""

    def __init__(self, part: Slice) -> None:
        self.refused = dict.fromkeys(range(part.servers), 0)  # messages, by server
        self._slice = part
        # By server what was sent: when the latest is to arrive, ns, and the rows.
        self._under_way: dict[int, deque[tuple[int, Any]]] = defaultdict(deque)
        self._handled: dict[int, int] = defaultdict(int)  # up to when servers have handled their events, ns
        self._waiting: dict[int, Any] = {}  # rows for servers that are not there
        self._heard_later: dict[int, list[Any]] = defaultdict(list)  # rows that wait, whenever they are due

    def heard(self, server: int, handled: int) -> None:
        """Note how far a server said that it had come."""
        self._handled[server] = handled
        on_way = self._under_way[server]
        while on_way and on_way[0][0] < handled:
            on_way.popleft()

    def sent(self, server: int, rows: Any) -> None:
        """Note what was sent to a server, until it has handled it."""
        self._under_way[server].append((int(rows["time"].max()), rows))

    def lose(self, server: int, unsent: list[Any]) -> None:
        """Note that a server has gone: it has not had what did not leave, and what was to arrive later."""
        handled = self._handled[server]
        for rows in unsent:
            self.knock(server, rows[rows["time"] < handled])
        for _, rows in self._under_way.pop(server, ()):
            self.knock(server, rows[rows["time"] >= handled])

    def knock(self, server: int, rows: Any) -> None:
        """Have messages wait for a server that is not there; at the end of the run none does any more."""
        rows = rows[rows["time"] < self._slice.end]
        later = is_notices(rows) | (rows["kind"] == kinds.DISCONNECT)
        self._heard_later[server].append(rows[later])
        self._waiting[server] = np.concatenate([self._waiting.get(server, rows[:0]), rows[~later]])

    @property
    def next_due(self) -> int:
        """When the next of them is to arrive, ns."""
        return min((int(rows["time"].min()) for rows in self._waiting.values() if len(rows)), default=NEVER)

    def refusals(self, now: int) -> dict[int, Any]:
        """Return the answers to those that are due, by server, none before `now`."""
        found = {}
        for server, rows in self._waiting.items():
            is_due = rows["time"] <= now
            if is_due.any():
                self._waiting[server] = rows[~is_due]
                self.refused[server] += int(is_due.sum())
                answers = self._slice.refusals(rows[is_due])
                answers["time"] = np.maximum(answers["time"], now)
                found[server] = answers
        return found

    def back(self, server: int) -> list[Any]:
        """Return what is to be sent to a server that is back: what it missed, and what is not due."""
        rows = [*self._heard_later.pop(server, []), self._waiting.pop(server, np.zeros(0, EVENT))]
        return [some for some in rows if len(some)]
