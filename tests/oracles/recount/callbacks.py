"""Licenses reserved for users who are told that they are free."""

from typing import Any

from meterstorm.actors.state import kinds
from meterstorm.actors.state.events import WANTS_CALLBACK

from oracles.recount.clock import Clock, ns
from oracles.recount.holdings import RESERVED, Holdings, Key
from oracles.recount.leases import wanted
from oracles.recount.record import Outcome, Row


class Callbacks:
    """Reservations, and who may not be granted until the next site server cycle."""

    def __init__(self, scenario: Any, clock: Clock, holdings: Holdings) -> None:
        self.clock, self.holdings, self.first_server = clock, holdings, scenario.clients.count
        self.cycle_ns = ns(scenario.servers.callback_cycle_s)
        self.grace_ns = ns(scenario.servers.callback_grace_s)
        self.reserved: dict[Key, tuple[Row, int]] = {}  # for which request, and when the grace ends
        self.denied_at: dict[tuple[Key, int], tuple[int, Row]] = {}  # by request: when
        self.barred: dict[tuple[int, int], tuple[int, int]] = {}  # a slot's program: in which site server cycle
        self.denied: dict[tuple[int, int], int] = {}  # a slot's latest program

    def deny(self, key: Key, row: Row) -> None:
        if row.flag & WANTS_CALLBACK:
            self.denied_at[key, row.attempt] = self.clock.now, row
        if key.program > self.denied.get(key[:2], 0):
            self.denied[key[:2]] = key.program
            self.barred.pop(key[:2], None)

    def is_barred(self, key: Key) -> bool:
        return self.barred.get(key[:2]) == (key.program, self._cycle())

    def _cycle(self) -> int:
        """The number of the site server cycle, from 1; -1 where callbacks do not depend on it."""
        return 1 + self.clock.now // self.cycle_ns if self.cycle_ns else -1

    def call_back(self, outcome: Outcome) -> None:
        """Reserve licenses for each user who is told that they are free, unless denied in this very cycle."""
        while outcome and outcome[0].kind == kinds.CALLBACK:
            self._call(outcome.popleft())

    def _call(self, row: Row) -> None:
        key = Key(row.target, row.slot, row.program, row.source - self.first_server)
        denied_at, request = self.denied_at[key, row.attempt]
        if self.cycle_ns and denied_at // self.cycle_ns == self.clock.now // self.cycle_ns:
            self.barred[key[:2]] = key.program, self._cycle()
            return
        if self.holdings.has(key, row.product):  # by a request that was overtaken
            return
        self.holdings.put(key, row.product, RESERVED, wanted(request))
        self.reserved[key] = request, self.clock.now + self.grace_ns

    def claim(self, key: Key) -> int:
        """The attempt for which licenses are reserved, no longer for a user called back; 0 if there are none."""
        if key not in self.reserved:
            return 0
        request, _ = self.reserved.pop(key)
        return request.attempt

    def end_grace(self, key: Key) -> None:
        if key in self.reserved and self.reserved[key][1] <= self.clock.now:
            self._unreserve(key)

    def drop(self, s: int, client: int) -> None:
        """A server keeps nothing for a client any more."""
        for key in [key for key in self.reserved if (key.server, key.client) == (s, client)]:
            self._unreserve(key)

    def forget(self, s: int) -> None:
        """A server has lost its reservations."""
        for key in [key for key in self.reserved if key.server == s]:
            self._unreserve(key)

    def _unreserve(self, key: Key) -> None:
        request, _ = self.reserved.pop(key)
        self.holdings.drop(key, request.product)
