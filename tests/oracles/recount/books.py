"""All books that are kept while the record is read."""

import math
from typing import Any

from meterstorm.actors.records import journal

from oracles.recount.balance import Balance
from oracles.recount.callbacks import Callbacks
from oracles.recount.client import Client
from oracles.recount.clock import Clock, ns
from oracles.recount.connections import Connections
from oracles.recount.faults import Faults
from oracles.recount.granting import Granting
from oracles.recount.groups import Groups
from oracles.recount.holdings import Holdings
from oracles.recount.imbalance import Imbalance
from oracles.recount.leases import Leases
from oracles.recount.ledger import Ledger
from oracles.recount.links import Links
from oracles.recount.observer import Observer
from oracles.recount.pools import Balancing, pools_of
from oracles.recount.record import Outcome, Row
from oracles.recount.rights import Rights
from oracles.recount.server import Server
from oracles.recount.tenures import Tenures
from oracles.recount.users import Users


class Books:
    """The books of a run's clients, servers and licenses, which share one clock and one ledger."""

    def __init__(self, scenario: Any, faults: Any) -> None:
        self.scenario = scenario
        start = ns(scenario.run.warmup_s)
        self.clock = Clock(start, start + ns(scenario.run.duration_s))
        self.groups = Groups(scenario)
        self.ledger = Ledger(scenario, self.clock, self.groups)
        self.faults = Faults(scenario, start, faults)
        self.connections = Connections(scenario, self.ledger, self.faults)
        self.clients = [Client(n, scenario.clients.programs) for n in range(scenario.clients.count)]
        self._license(scenario)
        users = Users(scenario, self.ledger, self.observer)
        self.links = Links(scenario, self.ledger, self.observer, self.leases, users, self.connections)

    def _license(self, scenario: Any) -> None:
        """Open the books of those who deal with licenses."""
        pools = pools_of(scenario)
        self.imbalance = Imbalance(scenario, self.clock, pools)
        holdings = Holdings(scenario, self.ledger, pools)
        self.leases = Leases(self.ledger, holdings, self.clients)
        callbacks = Callbacks(scenario, self.clock, holdings)
        rights = Rights(scenario, holdings)
        self.observer = Observer(scenario, self.clock, self.faults, self.leases, rights)
        granting = Granting(scenario, self.clock, self.leases, callbacks, self.observer)
        balancing = Balancing(scenario, pools, self.imbalance, rights.kept)
        self.tenures = Tenures(scenario, self.clock, balancing, granting)
        self.balance = Balance(scenario, self.clock, self.faults, self.imbalance)
        self.servers = [
            Server(tenure.s, scenario, self.connections, granting, tenure, self.balance)
            for tenure in self.tenures.servers
        ]

    def handle(self, event: Row, outcome: Outcome) -> None:
        """Enter one event and what came of it."""
        self.observer.learn_before(event.time)
        self.clock.now = event.time
        for row in outcome:
            if row.what in {journal.SENT, journal.LOST}:
                self._count_message(row)
        server = event.target - len(self.clients)
        self.ledger.work_for(None if server >= 0 else event.target)
        if server < 0:
            self.links.handle(self.clients[event.target], event, outcome)
        elif server < len(self.servers):
            self.servers[server].handle(event, outcome)
        elif server == len(self.servers):
            self.tenures.handle_site(event, outcome)

    def _count_message(self, row: Row) -> None:
        """A message is from or to a client, or between a server and its site server."""
        client = min(row.source, row.target)
        self.ledger.work_for(client if client < len(self.clients) else None)
        self.ledger.count("messages")
        self.ledger.count("messages_lost", row.what == journal.LOST)

    def connected(self) -> list[list[int]]:
        """To each server how many clients have a connection, at the end of each sample."""
        samples = math.ceil(self.scenario.run.duration_s / self.scenario.run.sample_s - 1e-9)
        sample_ns = ns(self.scenario.run.sample_s)
        ends = [*(self.clock.start + n * sample_ns for n in range(samples)), self.clock.end]
        found = [[0] * self.scenario.servers.count for _ in ends]
        for time, server, change in self.connections.changes:
            for row, end in zip(found, ends, strict=True):
                row[server] += change if time < end else 0
        return found

    def close(self) -> None:
        """The measured time is over."""
        self.observer.learn_before(self.clock.end)
        self.clock.now = self.clock.end
        for level in (self.ledger.waiting_users, self.ledger.unmetered, self.ledger.unanswered):
            level.close_samples(self.clock.end)
        for distance in self.imbalance.distances:
            distance.set(distance.value)
