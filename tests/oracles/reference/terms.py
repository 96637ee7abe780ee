"""For how long servers may use their licenses, and what becomes of those of servers that are not heard of."""

import math
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oracles.reference.server import Server
    from oracles.reference.site import PeriodicDemand


class Tenure:
    """A server's own: it ends by itself unless the site server's word renews it."""

    def __init__(self, server: "Server"):
        self.server, self.world = server, server.world
        self.length_s = self.world.scenario["servers"]["tenure_s"] or math.inf
        self.term, self.lapsed = 0, False
        self.aside = [0] * len(self.world.products)  # to be used again if it is renewed in time
        self.until = self.length_s
        self.world.at(self.until, self.end)

    def hear(self, term: int) -> None:
        """In a new term there is nothing at first."""
        if term > self.term:
            if not self.lapsed:
                self.lapse()
            self.term, self.until = term, 0.0
            self.aside = [0] * len(self.aside)

    def renew(self, term: int, sent: float) -> None:
        self.hear(term)
        until = sent + self.length_s
        if term < self.term or until <= max(self.until, self.world.now):
            return
        self.until = until
        self.world.at(until, self.end)
        if self.lapsed:
            self._close(False)
            aside, self.aside = self.aside, [0] * len(self.aside)
            for product, count in enumerate(aside):
                self.world.limbo[product] -= count
                self.add(product, count, term)

    def end(self) -> None:
        if self.world.now == self.until:
            self.lapse()

    def lapse(self) -> None:
        """Whoever has a license there, or was to have one, has none."""
        self._close(True)
        self.server.callbacks.withdraw()
        self.server.granting.forget()
        for product, pool in enumerate(self.server.pools):
            count = pool.allocated
            self.aside[product] += count
            self.world.limbo[product] += count
            pool.move(-count)

    def _close(self, lapsed: bool) -> None:
        self.lapsed = lapsed
        for pool in self.server.pools:
            pool.is_closed = lapsed

    def add(self, product: int, count: int, term: int) -> None:
        """Licenses of a term arrive."""
        self.hear(term)
        if not self.lapsed and term == self.term:
            self.server.pools[product].move(count)
            return
        self.world.limbo[product] += count
        if term == self.term:
            self.aside[product] += count


class Terms:
    """The site server's: what each server has in its present term, and when that was renewed last."""

    def __init__(self, site: "PeriodicDemand"):
        self.site, self.world = site, site.world
        self.length_s = self.world.scenario["servers"]["tenure_s"] or math.inf
        self.there_are = self.length_s < math.inf or site.is_standby
        self.number: Counter = Counter()
        self.renewed = dict.fromkeys(self.world.servers, 0.0)
        self.held = {server: [pool.allocated for pool in server.pools] for server in self.world.servers}

    def review(self) -> None:
        """Before licenses are shared out: who has not been heard of for a tenure has none."""
        for server in self.world.servers:
            if self.is_over(server):
                self.number[server] += 1
                for product, count in enumerate(self.held[server]):
                    self.site.stock[product] += count
                    self.world.limbo[product] -= count
                self.held[server] = [0] * len(self.world.products)
                if server in self.site.reports:
                    demands = [demand for _, _, demand in self.site.reports[server]]
                    self.site.reports[server] = [(0, 0, demand) for demand in demands]
            if server in self.site.reports:
                self.renewed[server] = self.world.now
                self.site.send(server, server.tenure.renew, self.number[server], self.world.now)

    def is_over(self, server: "Server") -> bool:
        if self.length_s == math.inf:
            return server not in self.site.reports
        return self.world.now >= self.renewed[server] + self.length_s

    def is_void(self, server: "Server", term: int, product: int, count: int) -> bool:
        """Whether what comes from a server was taken back before; else it has so much less."""
        if term < self.number[server]:
            self.world.limbo[product] += count
            return True
        self.held[server][product] -= count
        return False
