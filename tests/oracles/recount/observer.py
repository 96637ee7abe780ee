"""The observer: sees all servers, and learns of clients one latency later."""

from collections import Counter, deque
from typing import Any, NamedTuple

from oracles.recount.client import Client, Slot
from oracles.recount.clock import Clock, ns
from oracles.recount.faults import Faults
from oracles.recount.holdings import Key
from oracles.recount.leases import Leases
from oracles.recount.rights import Rights


class Fact(NamedTuple):
    """What the observer learns at `due`: no answer up to `attempt` is wanted at `server` (if any, else anywhere).

    Nor is a lease there; but if `taken`, the program runs under the grant of `attempt`.
    """

    due: int
    client: int
    slot: int
    program: int | None
    server: int | None
    attempt: int
    taken: bool = False
    orphan: bool = False  # the program ended in a crash of its client


class Observer:
    """Facts on their way to it, and what it makes of them."""

    def __init__(self, scenario: Any, clock: Clock, faults: Faults, leases: Leases, rights: Rights) -> None:
        self.clock, self.faults, self.leases, self.rights = clock, faults, leases, rights
        self.unused = [0] * len(scenario.products)  # licenses of servers that may not use them
        self.latency = ns(scenario.network.latency_ms / 1000)
        self.facts: deque[Fact] = deque()
        self.unwanted: Counter[tuple[int, int, int | None]] = Counter()  # by client, slot and server: the last one

    def tell(
        self, client: Client, slot: Slot, server: int | None, attempt: int = 0, is_orphan: bool = False
    ) -> None:
        """A client's fact, on its way to the observer."""
        due = self.clock.now + self.latency
        fact = Fact(due, client.number, slot.number, slot.program, server, attempt, orphan=is_orphan)
        self.facts.append(fact)

    def tell_taken(self, key: Key, attempt: int) -> None:
        """A grant has arrived, and the program runs under it."""
        self.facts.append(Fact(self.clock.now + self.latency, *key, attempt, taken=True))

    def tell_lost_release(self, client: int, slot: int, program: int, server: int) -> None:
        self.facts.append(Fact(self.clock.now + self.latency, client, slot, program, server, 0))

    def learn_before(self, time: int) -> None:
        while self.facts and self.facts[0].due < time:
            self._learn(self.facts.popleft())

    def _learn(self, fact: Fact) -> None:
        self.clock.now = fact.due
        seat = (fact.client, fact.slot)
        if fact.taken and fact.server is not None and fact.program is not None:
            self.leases.take(Key(*seat, fact.program, fact.server), fact.attempt)
            return
        self.unwanted[*seat, fact.server] = max(self.unwanted[*seat, fact.server], fact.attempt)
        if fact.server is not None and fact.program is not None:
            self.leases.forsake(Key(*seat, fact.program, fact.server), fact.orphan)

    def wants(self, key: Key, attempt: int) -> bool:
        """Whether an answer is wanted, as far as is known."""
        return attempt > max(self.unwanted[key.client, key.slot, server] for server in (key.server, None))

    def cause(self, server: int, product: int, client: int, wanted: int) -> str:
        """Why a server denies a client's request for so many licenses, at this instant."""
        has_one = self.leases.holdings.has_one
        room = [self.rights.room(s, product, client) for s in range(len(self.leases.pools))]
        if self.rights.below_cap(server, product, client) < wanted:
            return "capped"
        if room[server] < wanted <= self.leases.pools[server][product].free:
            return "reserved"
        having = [s for s, count in enumerate(room) if count >= wanted or has_one(client, s, product)]
        if any(self.faults.is_reachable(s, client, self.clock.now) for s in having):
            return "misplaced"
        if having or self.unused[product] >= wanted:
            return "stranded"
        ghosts = self.leases.holdings.ghosts[product]
        free = sum({pools[product]: count for pools, count in zip(self.leases.pools, room, strict=True)}.values())
        return "ghost" if ghosts > 0 and ghosts + free >= wanted else "exhausted"
