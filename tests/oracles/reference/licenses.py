"""Pools of licenses, and leases."""

from collections import deque
from typing import TYPE_CHECKING

from oracles.reference.rights import Rights

if TYPE_CHECKING:
    from oracles.reference.program import Program
    from oracles.reference.server import Server
    from oracles.reference.world import World


class Pool:
    """The licenses of one product at one server (under shared-pool: at all of them)."""

    def __init__(self, world: "World", product: int, allocated: int, part: int):
        self.world, self.product, self.allocated = world, product, allocated
        self.rights = Rights(self, world.products[product], world.scenario["clients"]["count"], part)
        self.leased = self.reserved = 0
        self.callbacks: deque = deque()  # (server, program) of users who wait to be called

    @property
    def free(self) -> int:
        return self.allocated - self.leased - self.reserved

    def move(self, count: int) -> None:
        self.allocated += count
        assert self.free >= 0
        self.world.imbalance.measure()
        self.call_back()

    def call_back(self) -> None:
        while program := self.rights.next_in_line([program for _, program in self.callbacks]):
            server = next(server for server, waiting in self.callbacks if waiting is program)
            self.callbacks.remove((server, program))
            self.reserved += program.licenses
            self.rights.note(program.client, program.licenses)
            server.callbacks.reserve(program)


class Lease:
    """Licenses in a program's name at a server. `left`: its program does not run under it any more."""

    def __init__(self, world: "World", server: "Server", program: "Program"):
        self.world, self.server, self.program = world, server, program
        self.alive, self.left, self.ghost, self.is_orphan = True, False, False, False
        self.token = 0  # of the latest request that it answers
        self.heard = world.now
        self.pool = server.pools[program.product]
        self.pool.leased += program.licenses
        self.pool.rights.note(program.client, program.licenses)
        assert self.pool.free >= 0
        server.leases.setdefault(program.client, {})[program] = self
        program.leases.append(self)
        world.measures.in_use.add(program.licenses)
        self.review()

    def review(self) -> None:
        ghost = self.alive and self.left
        if ghost != self.ghost:
            self.ghost = ghost
            change = self.program.licenses if ghost else -self.program.licenses
            self.world.measures.ghosts[self.program.product].add(change)
            if self.is_orphan:
                self.world.measures.orphans.add(change)

    def leave(self) -> None:
        self.left = True
        self.review()

    def orphan(self) -> None:
        """Its program has ended in a crash of its client."""
        if self.alive and not self.left:
            self.world.measures.counts["leases_orphaned"] += 1
            self.is_orphan = True
        self.leave()

    def lose(self) -> None:
        """The server knows it no more, whether or not its program runs on."""
        self.world.measures.counts["leases_lost"] += self.program.running and self.program.lease is self
        self.end()

    def end(self) -> None:
        """The licenses are free from this instant."""
        self.alive = False
        del self.server.leases[self.program.client][self.program]
        self.program.leases.remove(self)
        self.pool.leased -= self.program.licenses
        self.pool.rights.note(self.program.client, -self.program.licenses)
        self.world.measures.in_use.add(-self.program.licenses)
        self.review()
        self.program.review()
        self.pool.call_back()
