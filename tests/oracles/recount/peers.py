"""The books of lost connections at one server: when it must free what their clients hold."""

from typing import Any

from meterstorm.actors.records import journal
from meterstorm.actors.state import kinds

from oracles.recount.clock import ns
from oracles.recount.connections import Connections
from oracles.recount.granting import Granting
from oracles.recount.record import Contradiction, Row

STANDING_STILL = {"crash", "stall"}


class Peers:
    """Each client's latest connection to a server, and since when it is lost, if it is."""

    def __init__(self, number: int, scenario: Any, connections: Connections, granting: Granting) -> None:
        self.number, self.clock, self.connections, self.granting = number, granting.clock, connections, granting
        self.faults = connections.faults
        self.frees = scenario.servers.on_lost_connection == "free"
        self.grace_ns = ns(scenario.servers.connection_grace_s)
        self.latest: dict[int, int] = {}
        self.closed: dict[int, int] = {}  # up to this attempt, as the client says
        self.heard: dict[int, int] = {}  # when the client hears of it first
        self.open: set[int] = set()
        self.silent_at: dict[int, int | None] = {}
        self.lost_at: dict[int, int] = {}
        self.in_crash: set[int] = set()  # who lost theirs in one
        self.over: set[int] = set()  # whose leases have been freed

    def opened(self, row: Row, answer: Row) -> None:
        """A CONNECT whose answer will be heard, of a connection that was not closed before it came."""
        client, attempt = row.source, row.attempt
        is_old = attempt < self.latest.get(client, 0) or attempt <= self.closed.get(client, 0)
        is_there = client in self.open and attempt == self.latest[client] and self.heard[client] <= answer.time
        if not self.frees or answer.what != journal.SENT or is_old or is_there:
            return
        self.latest[client], self.heard[client] = attempt, answer.time
        self.open.add(client)
        self.silent_at[client] = self.connections.silence(self.number, client, answer.time)
        self.lost_at.pop(client, None)
        self.over.discard(client)
        self.in_crash.discard(client)

    def handle(self, event: Row) -> None:
        """A word of a client that has none, or a timer; nothing is lost while the server stands still."""
        is_word = event.kind == kinds.DISCONNECT
        client, attempt = event.source if is_word else event.program, event.attempt
        if is_word:
            self.closed[client] = max(attempt, self.closed.get(client, 0))
        if self._stands_still(self.clock.now):
            return
        if event.kind == kinds.PEER_GRACE_END:
            self.end_grace(client)
        elif event.kind == kinds.CRASH_GRACE_END:
            self._end_crash_grace()
        elif client in self.open and attempt >= self.latest[client] and self._is_gone(client, attempt):
            self.open.remove(client)
            self.lost_at[client] = self.clock.now
            self.end_grace(client)

    def _is_gone(self, client: int, attempt: int) -> bool:
        """Whether a connection is closed, or silent by now."""
        silent_at = self.silent_at[client]
        return attempt <= self.closed.get(client, 0) or (silent_at is not None and silent_at <= self.clock.now)

    def crash(self) -> None:
        """Those of all who hold a lease are lost; the grace begins when the server is back."""
        back = self.clock.now
        while ends := self._ends(back, {"crash"}):
            back = max(ends)
        for lease in self.granting.leases.at(self.number):
            if lease.key.client in self.open:
                self.open.remove(lease.key.client)
                self.lost_at[lease.key.client] = back
                self.in_crash.add(lease.key.client)

    def _end_crash_grace(self) -> None:
        """Who holds nothing by then loses nothing: what they had may have ended in the crash."""
        holders = {lease.key.client for lease in self.granting.leases.at(self.number)}
        for lost in list(self.lost_at):
            if lost in self.in_crash - holders and self.lost_at[lost] + self.grace_ns <= self.clock.now:
                del self.lost_at[lost]
            self.end_grace(lost)

    def end_grace(self, client: int) -> None:
        """Free what is due."""
        lost = self.lost_at.get(client)
        if lost is not None and lost + self.grace_ns <= self.clock.now:
            self.over.add(client)
            self.free(client)

    def free(self, client: int) -> None:
        """Free what a client holds, if its connection is lost for good."""
        if client in self.over:
            self.granting.take_away(self.number, client)

    def check(self) -> None:
        """Nothing is held by who should have lost it before now."""
        if not self.lost_at or self._stands_still(self.clock.now):
            return
        for key in (*self.granting.leases.by_key, *self.granting.callbacks.reserved):
            lost = self.lost_at.get(key.client)
            if key.server == self.number and lost is not None and self._due(lost) < self.clock.now:
                raise Contradiction(f"server {self.number} should have freed {key} at {self._due(lost)} ns")

    def _due(self, lost: int) -> int:
        due = lost + self.grace_ns
        while ends := self._ends(due, STANDING_STILL):
            due = max(ends)
        return due

    def _stands_still(self, time: int) -> bool:
        return bool(self._ends(time, STANDING_STILL))

    def _ends(self, time: int, which: set[str]) -> list[int]:
        spells = self.faults.spells[self.number]
        return [end for begin, end, fault in spells if begin <= time < end and fault.kind in which]
