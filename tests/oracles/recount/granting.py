"""What servers do with a message when its service is over: who must be granted, and what is freed."""

from fractions import Fraction
from typing import Any

from meterstorm.actors.records import journal
from meterstorm.actors.state import kinds

from oracles.recount.callbacks import Callbacks
from oracles.recount.clock import Clock, ns
from oracles.recount.leases import Key, Lease, Leases, wanted
from oracles.recount.observer import Observer
from oracles.recount.record import Contradiction, Outcome, Row, expect


class Granting:
    """Decisions about licenses, at all servers."""

    def __init__(
        self, scenario: Any, clock: Clock, leases: Leases, callbacks: Callbacks, observer: Observer
    ) -> None:
        self.clock, self.leases, self.callbacks, self.observer = clock, leases, callbacks, observer
        self.programs = range(scenario.clients.programs)
        self.groups = leases.ledger.groups
        self.reclaim_ns = ns(scenario.servers.reclaim_after_s)
        balancing = scenario.policies.balancing.parameters
        self.shortage_gap_ns = ns(balancing.get("shortage_gap_s", 0.0))
        self.shortage_share = Fraction(str(balancing.get("shortage_share", 2.0)))  # none is used beyond all of it
        self.next_word = dict.fromkeys(range(scenario.servers.count), 0)  # of a shortage, by server

    def carry_out(self, s: int, row: Row, outcome: Outcome) -> None:
        if row.kind == kinds.REQUEST:
            self._decide(s, row, outcome)
        elif row.kind == kinds.RELEASE:
            self._release(key_of(s, row), row.attempt, outcome)
        elif row.kind == kinds.PROBE:
            expect(outcome, row, kinds.PROBE_ACK)
        else:
            own = self.groups.settings(row.source).clients
            unknown = self._hear(s, row, frees=row.kind == kinds.KEPT_RELEASE or own.heartbeat_names_leases)
            self.callbacks.call_back(outcome)
            ack = expect(outcome, row, kinds.ACK if row.kind == kinds.HEARTBEAT else kinds.KEPT_ACK)
            said = {j for j in self.programs if ack.value >> j & 1}
            tells_lost = own.on_lost_lease != "run-on"
            if said != (unknown if tells_lost and row.kind == kinds.HEARTBEAT else set()):
                raise Contradiction(f"server {s} answers {row} with {said}, though {unknown} have no lease")

    def _decide(self, s: int, row: Row, outcome: Outcome) -> None:
        key = key_of(s, row)
        known = key in self.leases.by_key or key in self.callbacks.reserved
        known |= self.leases.holdings.has_one(row.source, s, row.product)
        too_few = self.observer.rights.room(s, row.product, row.source) < wanted(row)
        if not known and (too_few or self.callbacks.is_barred(key)):
            self._deny(key, row, outcome)
        else:
            self._grant(key, row, outcome)

    def _say_short(self, s: int, row: Row, is_short: bool, outcome: Outcome) -> None:
        """A server that is short of licenses says so, once in a gap unless that is lost."""
        if self.shortage_gap_ns and is_short and self.clock.now >= self.next_word[s]:
            word = outcome.popleft()
            if word.kind != kinds.SHORT:
                raise Contradiction(f"server {s} says {word}, but not that it is short after {row}")
            if word.what == journal.SENT:
                self.next_word[s] = self.clock.now + self.shortage_gap_ns

    def _deny(self, key: Key, row: Row, outcome: Outcome) -> None:
        is_short = self.leases.pools[key.server][row.product].free < wanted(row)
        self._say_short(key.server, row, is_short, outcome)
        expect(outcome, row, kinds.DENY)
        self.leases.ledger.work_for(row.source)
        self.leases.ledger.count_denial(self.observer.cause(key.server, row.product, row.source, wanted(row)))
        self.callbacks.deny(key, row)

    def _grant(self, key: Key, row: Row, outcome: Outcome) -> None:
        lease = self.leases.by_key.get(key)
        is_wanted = self.observer.wants(key, row.attempt)
        if lease is None:
            called = self.callbacks.claim(key)
            lease = self.leases.open(key, row)
            lease.attempt = called  # a request that was denied, and is now answered by an earlier one
            self.leases.mark(lease, is_ghost=not is_wanted and not lease.taken)  # it may run under a later grant
            pool = self.leases.pools[key.server][row.product]
            is_used = pool.allocated - pool.free >= self.shortage_share * pool.allocated
            self._say_short(key.server, row, is_used, outcome)
        elif is_wanted:
            self.leases.mark(lease, is_ghost=False)
        expect(outcome, row, kinds.GRANT)
        lease.heard, lease.attempt = self.clock.now, max(lease.attempt, row.attempt)

    def _release(self, key: Key, attempt: int, outcome: Outcome) -> None:
        lease = self.leases.by_key.get(key)
        if lease and lease.attempt <= attempt:  # else it has been asked for again since
            self.leases.free(lease)
            self.callbacks.call_back(outcome)

    def _hear(self, s: int, row: Row, frees: bool) -> set[int]:
        """A client is alive; of each slot that it names, the newest lease is meant. Those that have none."""
        named = {j for j in self.programs if row.value >> j & 1}
        for lease in reversed([lease for lease in self.leases.at(s) if lease.key.client == row.source]):
            if lease.attempt <= row.program:  # from before a crash of the client
                if frees:
                    self.leases.free(lease)
            elif not frees or lease.key.slot in named or lease.attempt > row.attempt:
                lease.heard = self.clock.now
                named.discard(lease.key.slot)
            else:
                self.leases.free(lease)
        return named

    def scan(self, s: int) -> None:
        """Reclaim what has not been heard of."""
        for lease in self.leases.at(s):
            if self._is_overdue(lease):
                self.leases.free(lease, is_taken_away=True)

    def _is_overdue(self, lease: Lease) -> bool:
        return self.reclaim_ns > 0 and self.clock.now - lease.heard >= self.reclaim_ns

    def take_away(self, s: int, client: int) -> None:
        """All that a client holds there."""
        for lease in [lease for lease in self.leases.at(s) if lease.key.client == client]:
            self.leases.free(lease, is_taken_away=True)
        self.callbacks.drop(s, client)

    def forget(self, s: int) -> None:
        """A server has lost its tables, or the right to use what is in them."""
        self.callbacks.forget(s)
        for lease in self.leases.at(s):
            self.leases.free(lease, is_taken_away=True)


def key_of(s: int, row: Row) -> Key:
    """The lease that a client's message to a server is about."""
    return Key(row.source, row.slot, row.program, s)
