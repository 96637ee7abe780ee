"""The site server: licenses follow the demand."""

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

from oracles.reference.shares import shares

if TYPE_CHECKING:
    from oracles.reference.server import Server
    from oracles.reference.world import World

SITE = None  # the other end of a server's message when it is the site server
REPORT_DEADLINE_S = 30.0  # how long the site server waits for reports, at most half its interval


class PeriodicDemand:
    """The site server: asks for reports, takes free licenses, and only then gives them.

    Its messages are lost by faults only. What cannot be given stays in stock until the next cycle.
    """

    def __init__(self, world: "World", interval_s: float):
        self.world, self.interval_s = world, interval_s
        self.reports: dict[Server, list] = {}
        self.open = False
        self.stock = [0] * len(world.products)
        self.wanted: list[dict[Server, int]] = [{} for _ in world.products]
        world.after(interval_s, self.cycle)

    def cycle(self) -> None:
        self.reports, self.open = {}, True
        for server in self.world.servers:
            self.send(server, self.asked, server)
        self.world.after(min(REPORT_DEADLINE_S, self.interval_s / 2), self.decide)
        self.world.after(self.interval_s, self.cycle)

    def send(self, server: "Server", deliver, *args, undone=None) -> None:
        """A message that neither leaves nor reaches a server that refuses or stalls; `undone` when it is lost."""
        lost = (undone,) if undone else (lambda: None,)
        if not self.world.faults.attended(server):
            self.world.measures.counts["messages"] += 1
            self.world.network.lose(lost)
            return

        def arrive() -> None:
            if not self.world.faults.attended(server):
                self.world.network.lose(lost)
            else:
                deliver(*args)

        self.world.network.send(server, SITE, arrive, lost=lost)

    def asked(self, server: "Server") -> None:
        """At the server. A report costs no service time; the demand is that since the last report."""
        demand = server.demand
        server.demand = Counter()
        report = [(pool.allocated, pool.allocated - pool.free + pool.rights.kept, demand[product])
                  for product, pool in enumerate(server.pools)]  # fmt: skip
        self.send(server, self.reported, server, report, undone=lambda: server.demand.update(demand))

    def reported(self, server: "Server", report: list) -> None:
        self.reports[server] = report
        if len(self.reports) == len(self.world.servers):
            self.decide()

    def decide(self) -> None:
        """When all reports are in, or no more are waited for."""
        if not self.open:
            return
        self.open = False
        servers = [server for server in self.world.servers if server in self.reports]
        for product in range(len(self.world.products)):
            reports = [self.reports[server][product] for server in servers]
            allocated, leased, demand = ([report[i] for report in reports] for i in range(3))
            self.wanted[product] = {}
            if sum(demand) == 0:
                continue
            targets = shares(sum(allocated) + self.stock[product], demand, leased)
            for server, has, target in zip(servers, allocated, targets, strict=True):
                if target > has:
                    self.wanted[product][server] = target - has
                elif target < has:
                    self.send(server, self.take, server, product, has - target)
            self.give(product)

    def take(self, server: "Server", product: int, most: int) -> None:
        """At the server: what is free for all, of what is asked for, leaves its pool."""
        pool = server.pools[product]
        count = min(most, pool.free - pool.rights.kept)
        if count:
            pool.move(-count)
            self.send(server, self.taken, product, count, undone=lambda: pool.move(count))

    def taken(self, product: int, count: int) -> None:
        self.stock[product] += count
        self.give(product)

    def give(self, product: int) -> None:
        """To those that lack some, in order of their numbers (CHOICE)."""
        for server, lacking in self.wanted[product].items():
            count = min(lacking, self.stock[product])
            if count:
                self.stock[product] -= count
                self.wanted[product][server] -= count
                undone = partial(self.keep, product, count)
                self.send(server, server.pools[product].move, count, undone=undone)

    def keep(self, product: int, count: int) -> None:
        self.stock[product] += count
