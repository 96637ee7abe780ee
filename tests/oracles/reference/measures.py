"""What is measured, from the end of the warm-up on."""

import math
from collections import Counter
from typing import TYPE_CHECKING

from oracles.reference.level import Level

if TYPE_CHECKING:
    from oracles.reference.client import Client
    from oracles.reference.licenses import Pool
    from oracles.reference.program import Program
    from oracles.reference.server import Server
    from oracles.reference.world import World


class Measures:
    """Counts, durations in seconds, and levels."""

    def __init__(self, world: "World"):
        self.world = world
        self.counts: Counter = Counter()
        self.attempts_by_sample: Counter = Counter()
        self.waits: list[float] = []
        self.queueing: list[float] = []
        self.in_use, self.waiting_users, self.unmetered, self.orphans = (Level(world) for _ in range(4))
        self.hit: set[Client] = set()  # by faults, and not answered since
        self.answered_again = 0.0  # the last of those that were hit before
        self.ghosts = [Level(world) for _ in world.products]
        self.leased: Counter = Counter()  # by product
        self.overissued = 0

    @property
    def levels(self) -> list[Level]:
        """All levels there are."""
        over_servers = [self.in_use, self.waiting_users, self.unmetered, self.orphans, *self.ghosts]
        busy = [server.busy for server in self.world.servers]
        return [*over_servers, *self.world.imbalance.levels, *busy]

    def start(self) -> None:
        """The warm-up is over."""
        for counted in (self.counts, self.attempts_by_sample, self.waits, self.queueing):
            counted.clear()
        for level in self.levels:
            level.restart()

    def lease(self, product: int, change: int) -> None:
        """At some server or other; more than there are is never right."""
        self.in_use.add(change)
        self.leased[product] += change
        self.overissued = max(self.overissued, self.leased[product] - self.world.products[product]["licenses"])

    def count_attempt(self) -> None:
        self.counts["attempts"] += 1
        time, sample_s = self.world.now - self.world.warmup_s, self.world.scenario["run"]["sample_s"]
        self.attempts_by_sample[math.floor(time / sample_s)] += 1

    def note_failure(self, client: "Client") -> None:
        """A fault may be the reason until a time-out after the last one."""
        last = self.world.faults.last + client.settings["request_timeout_s"]
        if self.world.faults.first <= self.world.now <= last:
            self.hit.add(client)

    def note_answer(self, client: "Client") -> None:
        if client in self.hit:
            self.hit.remove(client)
            self.answered_again = self.world.now

    def count_denial(self, program: "Program", server: "Server") -> None:
        self.counts["denials"] += 1
        self.counts[f"denials_{self.cause(program, server.pools[program.product])}"] += 1

    def cause(self, program: "Program", pool: "Pool") -> str:
        """As an observer of all servers and all programs sees it at this instant."""
        if pool.rights.below_cap(program.client) < program.licenses:
            return "capped"
        if pool.rights.room(program.client) < program.licenses <= pool.free:
            return "reserved"
        free = {s: s.pools[program.product].rights.room(program.client) for s in self.world.servers}
        shares = {server for server in free if server.shares.further(program) == 0}
        with_free = [server for server in free if server in shares or free[server] >= program.licenses]
        if any(self.world.faults.reachable(server, program.client) for server in with_free):
            return "misplaced"
        if with_free or self.world.limbo[program.product] >= program.licenses:
            return "stranded"
        ghosts = self.ghosts[program.product].value
        total = max(free.values()) if self.world.shared else sum(free.values())
        return "ghost" if ghosts and ghosts + total >= program.licenses else "exhausted"
