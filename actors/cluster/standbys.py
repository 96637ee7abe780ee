"""Stand-bys for servers that will be killed: each is a process, so only a server's next few exist at a time."""

from collections import Counter, deque
from collections.abc import Callable
from typing import Any

AHEAD = 2  # of a server, so that the second of two kills in quick succession does not wait

Begin = Callable[[int], tuple[Any, Any]]  # for a server: an actor, and the call that gives its process's number


class Standbys:
    """The stand-bys of a run."""

    def __init__(self, kills: Counter[int], begin: Begin) -> None:
        """Begin the first ones, given how often each server is to be killed."""
        self._left = kills.copy()  # kills for which no stand-by has begun
        self._begin = begin
        self._ahead: dict[int, deque[tuple[Any, Any]]] = {server: deque() for server in kills}
        for server in kills:
            for _ in range(AHEAD):
                self.begin_next(server)

    @property
    def calls(self) -> list[Any]:
        """The calls that make those ready that are there."""
        return [call for several in self._ahead.values() for _, call in several]

    def take(self, server: int) -> tuple[Any, Any]:
        """Return the one that takes a server's place, and the call that makes it ready."""
        return self._ahead[server].popleft()

    def begin_next(self, server: int) -> None:
        """Begin one more, if there are more kills."""
        if self._left[server] > 0:
            self._left[server] -= 1
            self._ahead[server].append(self._begin(server))
