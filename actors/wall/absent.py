"""What becomes of messages for a server whose listener is closed, and of those that were on their way to it.

They wait until they are due. If the listener is open by then they get there; else its host refuses what it would
have been answered, as a kernel does (ECONNREFUSED): the sender's process does that in its place, and the refusal
takes one latency back. Notices are no messages: they wait for the server's observer.
"""

from collections import defaultdict
from typing import Any

import numpy as np

from ..state.events import EVENT
from ..state.rows import NEVER
from .slice import Slice, is_notices


class Absent:
    """What one process knows of servers that are not there."""

    def __init__(self, part: Slice) -> None:
        self.refused = dict.fromkeys(range(part.servers), 0)  # messages, by server
        self._slice = part
        self._under_way: dict[int, list[Any]] = defaultdict(list)  # rows that were sent, by server
        self._handled: dict[int, int] = defaultdict(int)  # up to when servers have handled their events, ns
        self._waiting: dict[int, Any] = {}  # rows for servers that are not there
        self._notices: dict[int, list[Any]] = defaultdict(list)

    def heard(self, server: int, handled: int) -> None:
        """Note how far a server said that it had come."""
        self._handled[server] = handled

    def sent(self, server: int, rows: Any) -> None:
        """Note what was sent to a server, until it has handled it."""
        on_way = self._under_way[server]
        on_way[:] = [some for some in on_way if some["time"][-1] >= self._handled[server]] + [rows]

    def lose(self, server: int, unsent: list[Any]) -> None:
        """Note that a server has gone: it has not had what did not leave, and what was to arrive later."""
        handled = self._handled[server]
        for rows in unsent:
            self.knock(server, rows[rows["time"] < handled])
        for rows in self._under_way.pop(server, []):
            self.knock(server, rows[rows["time"] >= handled])

    def knock(self, server: int, rows: Any) -> None:
        """Have messages wait for a server that is not there; at the end of the run none does any more."""
        rows = rows[rows["time"] < self._slice.end]
        about = is_notices(rows)
        self._notices[server].append(rows[about])
        self._waiting[server] = np.concatenate([self._waiting.get(server, rows[:0]), rows[~about]])

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
        """Return what is to be sent to a server that is back: what its observer missed, and what is not due."""
        rows = [*self._notices.pop(server, []), self._waiting.pop(server, np.zeros(0, EVENT))]
        return [some for some in rows if len(some)]
