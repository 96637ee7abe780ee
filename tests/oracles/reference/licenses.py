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
        self.rights = Rights(self, world.products[product], world.scenario, part)
        self.leased = self.reserved = 0
        self.is_closed = False  # to users who wait to be called
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
        while not self.is_closed and (place := self.rights.next_in_line(self.callbacks)):
            self.callbacks.remove(place)
            server, program = place
            server.callbacks.call(program)


class Lease:
    """Licenses in a program's name at a server. `left`: its program does not run under it any more."""

    def __init__(self, world: "World", server: "Server", program: "Program"):
        self.world, self.server, self.program = world, server, program
        self.left, self.is_orphan = False, False
        self.alive = True
        self.token = 0  # of the latest request that it answers
        self.heard = world.now
        self.pool = server.pools[program.product]
        self.share = server.shares.of(program)
        self.share.leases.append(self)
        server.leases.setdefault(program.client, {})[program] = self
        program.leases.append(self)
        self.share.review()

    def leave(self) -> None:
        self.left = True
        self.share.review()

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
        self.share.leases.remove(self)
        self.share.review()
        self.program.review()
        self.pool.call_back()
