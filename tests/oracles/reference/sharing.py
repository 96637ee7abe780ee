"""Who has which licenses of a pool: a client's programs at a server together, where they share, or each alone."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oracles.reference.licenses import Lease
    from oracles.reference.program import Program
    from oracles.reference.server import Server


class Share:
    """Licenses that programs have together, by leases and by reservations for users who were called back."""

    def __init__(self, server: "Server", program: "Program"):
        self.measures, self.pool = server.world.measures, server.pools[program.product]
        self.client, self.product, self.licenses = program.client, program.product, program.licenses
        self.leases: list[Lease] = []
        self.called: list[Program] = []
        self.leased = self.reserved = self.ghosts = self.orphans = 0

    def review(self) -> None:
        """One that runs is enough for a license to be no ghost, and one orphan for a ghost to be an orphan."""
        leased = self.licenses if self.leases else 0
        reserved = self.licenses if self.called and not self.leases else 0
        ghosts = leased if all(lease.left for lease in self.leases) else 0
        orphans = ghosts if any(lease.is_orphan for lease in self.leases) else 0
        self.pool.leased += leased - self.leased
        self.pool.reserved += reserved - self.reserved
        self.pool.rights.note(self.client, leased + reserved - self.leased - self.reserved)
        self.measures.lease(self.product, leased - self.leased)
        self.measures.ghosts[self.product].add(ghosts - self.ghosts)
        self.measures.orphans.add(orphans - self.orphans)
        self.leased, self.reserved, self.ghosts, self.orphans = leased, reserved, ghosts, orphans
        assert self.pool.free >= 0


class Shares:
    """What a server's licenses are divided into."""

    def __init__(self, server: "Server"):
        self.server, self.by_name = server, {}

    def of(self, program: "Program") -> Share:
        """A program's share, new where it has none with others."""
        client, product = program.client, program.product
        shared = self.server.world.products[product]["sharing"] == "client"
        name = (client, product) if shared else program
        if name not in self.by_name:
            self.by_name[name] = Share(self.server, program)
        return self.by_name[name]

    def further(self, program: "Program") -> int:
        """How many licenses it takes that it does not have with others already."""
        share = self.by_name.get((program.client, program.product))
        return 0 if share and (share.leased or share.reserved) else program.licenses
