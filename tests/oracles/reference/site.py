"""The site server: licenses follow the demand."""

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

from oracles.reference.shares import shares
from oracles.reference.terms import Terms

if TYPE_CHECKING:
    from oracles.reference.server import Server
    from oracles.reference.world import World

SITE = None  # the other end of a server's message when it is the site server
REPORT_DEADLINE_S = 30.0  # how long the site server waits for reports, at most half its interval


class PeriodicDemand:
    """The site server: asks for reports, takes free licenses, and only then gives them.

    Its messages are lost by faults only. What cannot be given stays in stock until the next cycle.
    """

    def __init__(self, world: "World", interval_s: float, is_standby: bool = False):
        self.world, self.interval_s, self.is_standby = world, interval_s, is_standby
        self.reports: dict[Server, list] = {}
        self.open = False
        self.stock = [0] * len(world.products)
        self.wanted: list[dict[Server, int]] = [{} for _ in world.products]
        self.terms = Terms(self)
        world.after(interval_s, self.cycle)

    def cycle(self) -> None:
        self.reports, self.open = {}, True
        for server in self.world.servers:
            self.send(server, self.asked, server, self.terms.number[server])
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

    def asked(self, server: "Server", term: int) -> None:
        """At the server. A report costs no service time; the demand is that since the last report."""
        server.tenure.hear(term)
        demand = server.demand
        server.demand = Counter()
        aside = server.tenure.aside
        report = [(pool.allocated + aside[product], pool.allocated - pool.free + pool.rights.kept, demand[product])
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
        if self.reports and self.terms.there_are:
            self.terms.review()
        servers = [server for server in self.world.servers if server in self.reports]
        for product in range(len(self.world.products)):
            reports = [self.reports[server][product] for server in servers]
            allocated, leased, demand = ([report[i] for report in reports] for i in range(3))
            self.wanted[product] = {}
            total = sum(allocated) + self.stock[product]
            if not servers or (sum(demand) == 0 and not self.is_standby):
                continue
            first = [total, *[0] * (len(servers) - 1)]
            targets = first if self.is_standby else shares(total, demand, leased)
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
            term = server.tenure.term
            undone = partial(server.tenure.add, product, count, term)
            self.send(server, self.taken, server, term, product, count, undone=undone)

    def taken(self, server: "Server", term: int, product: int, count: int) -> None:
        if self.terms.is_void(server, term, product, count):
            return
        self.stock[product] += count
        self.give(product)

    def give(self, product: int) -> None:
        """To those that lack some, in order of their numbers (CHOICE)."""
        for server, lacking in self.wanted[product].items():
            count = min(lacking, self.stock[product])
            if count:
                self.stock[product] -= count
                self.wanted[product][server] -= count
                term = self.terms.number[server]
                self.terms.held[server][product] += count
                undone = partial(self.keep, server, term, product, count)
                self.send(server, server.tenure.add, product, count, term, undone=undone)

    def keep(self, server: "Server", term: int, product: int, count: int) -> None:
        if not self.terms.is_void(server, term, product, count):
            self.stock[product] += count
