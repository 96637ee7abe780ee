"""What faults do to a server's process at a given time: whether its listener is closed, it is stopped, or slow."""

import time
from bisect import bisect_right
from typing import Any

from ..setup.scenario import Scenario
from ..state.rows import NEVER
from .slice import Slice
from .strikes import KILL, STOP, stretches, strikes


class Standing:
    """The fault states of a node's server over time; those of clients are always well."""

    def __init__(self, scenario: Scenario, replication: int, part: Slice) -> None:
        own = [one for one in strikes(scenario, replication, part.end) if one.server == part.server]
        world = part.world
        self.is_killed = any(one.what == KILL for one in own)
        states: Any = world.spells[:0]
        if part.server is not None:
            states = world.spells[world.spells_from[part.server] : world.spells_from[part.server + 1]]
        # Plain numbers: rows are slow to look into, and each turn of the loop looks.
        self._starts, self._ends = states["start"].tolist() or [0], states["end"].tolist() or [NEVER]
        self._slow = states["slow"].tolist() or [1.0]
        self._closed = [(start, end) for start, end, _ in stretches(states, lambda one: bool(one.refusing))]
        self._stopped = [(one.start, one.end) for one in own if one.what == STOP]

    def refuses(self, now: int) -> bool:
        """Whether the listener is closed."""
        return any(start <= now < end for start, end in self._closed)

    def open_since(self, now: int) -> int:
        """Return when the listener was to be opened last, ns; 0: it was open from the start."""
        return max((end for _, end in self._closed if end <= now), default=0)

    def next_change(self, now: int) -> int:
        """Return when it changes next, ns."""
        return int(self._ends[self._at(now)])

    def next_closure(self, reached: int) -> int:
        """Return when the listener closes next, after `reached`, ns."""
        return min((start for start, _ in self._closed if start > reached), default=NEVER)

    def stood_still(self, reached: int, now: int) -> bool:
        """Whether it was stopped, or its listener closed, at some time since `reached`."""
        return any(start < now and reached < end for start, end in (*self._stopped, *self._closed))

    def horizon(self, now: int, reached: int, patience: int) -> int:
        """Return up to when events may be handled: not beyond the start of a closure, until it is over.

        Then it waits for `patience` more, unless it has come beyond the end.
        """
        for start, end in self._closed:
            if start <= now and reached < end and now < end + patience:
                return max(start, reached)
        return now

    def slow_down(self, now: int, spent_s: float) -> None:
        """Where a fault makes the server slow, spend as much more CPU time as it says than was just spent."""
        factor = self._slow[self._at(now)]
        if factor > 1.0:
            end_s = time.thread_time() + (factor - 1.0) * spent_s
            while time.thread_time() < end_s:
                pass

    def _at(self, now: int) -> int:
        """Return the number of the state at a time."""
        return max(0, bisect_right(self._starts, now) - 1)
