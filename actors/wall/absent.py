"""What becomes of messages for a server whose listener is closed, and of those that were on their way to it.

Its host refuses what it would have been answered, as a kernel does (ECONNREFUSED); the sender's process does that
in its place, one latency after the message would have been there. Notices are no messages: they wait for its
observer.
"""

from collections import defaultdict
from typing import Any

import numpy as np

from ..state.events import EVENT
from .slice import Slice, is_notices


class Absent:
    """What one process knows of servers that are not there."""

    def __init__(self, part: Slice) -> None:
        self.refused = dict.fromkeys(range(part.servers), 0)  # messages, by server
        self._slice = part
        self._under_way: dict[int, list[Any]] = defaultdict(list)  # rows that were sent, by server
        self._handled: dict[int, int] = defaultdict(int)  # up to when servers have handled their events, ns
        self._notices: dict[int, list[Any]] = defaultdict(list)
        self._answers: list[Any] = []

    @property
    def is_asked(self) -> bool:
        """Whether there is something to answer."""
        return bool(self._answers)

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
        """Have messages find the listener of a server closed; at the end of the run none does any more."""
        rows = rows[rows["time"] < self._slice.end]
        about = is_notices(rows)
        self._notices[server].append(rows[about])
        self.refused[server] += len(rows) - int(about.sum())
        self._answers.append(self._slice.refusals(rows[~about]))

    def answers(self, now: int) -> dict[int, Any]:
        """Return the refusals, by server, none before `now`, and forget them."""
        rows = np.concatenate(self._answers) if self._answers else np.zeros(0, EVENT)
        self._answers = []
        rows["time"] = np.maximum(rows["time"], now)
        servers = rows["source"] - int(self._slice.world.config[0].clients)
        return {server: rows[servers == server] for server in np.unique(servers).tolist()}

    def notices(self, server: int) -> list[Any]:
        """Return what a server's observer has missed, now that it is back, and forget it."""
        return [rows for rows in self._notices.pop(server, []) if len(rows)]
