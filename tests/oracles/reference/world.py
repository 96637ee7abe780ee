"""The world: everybody on one site, and the queue of what happens next."""

import heapq
import math
from random import Random

from oracles.reference.balance import Balance
from oracles.reference.client import Client
from oracles.reference.crashes import Crashes
from oracles.reference.draws import observed
from oracles.reference.faults import Faults
from oracles.reference.groups import members
from oracles.reference.imbalance import Imbalance
from oracles.reference.licenses import Pool
from oracles.reference.measures import Measures
from oracles.reference.network import Network
from oracles.reference.policies import lifo_after_s
from oracles.reference.profile import Profile
from oracles.reference.server import Server
from oracles.reference.shares import shares
from oracles.reference.site import PeriodicDemand


class World:
    """One replication of a scenario that is complete."""

    def __init__(self, scenario: dict, seed: int):
        self.scenario, self.seed = scenario, seed
        self.now = 0.0
        self.events: list[tuple] = []
        self.serial = 0
        self.warmup_s = float(scenario["run"]["warmup_s"])
        self.end_s = self.warmup_s + scenario["run"]["duration_s"]
        self.waits: dict = {}  # of each client's slot: where its user last lined up, for which program and request
        self.products = scenario["products"]
        self.limbo = [0] * len(self.products)  # with lapsed servers, less what the site server took back of them
        self.profile = Profile(scenario["workload"]["profile"], self.warmup_s)
        work = scenario["workload"]
        self.launch_intervals = observed(work["launch_intervals"], "launch_interval_s")
        self.run_times = observed(work["run_times"], "run_time_s")
        self.network = Network(self)
        self.measures = Measures(self)
        self.populate()

    def populate(self) -> None:
        """Servers, faults, clients and the site server, in this order: ties of events are broken by it."""
        policies = self.scenario["policies"]
        self.build_servers(policies)
        self.faults = Faults(self, self.scenario["faults"])
        Crashes(self, self.scenario["faults"])
        self.at(self.warmup_s, self.measures.start)
        self.build_clients()
        if (name := policies["balancing"]["name"]) in {"periodic-demand", "standby"}:
            PeriodicDemand(self, policies["balancing"]["interval_s"], name == "standby")

    def build_servers(self, policies: dict) -> None:
        settings = self.scenario["servers"]
        self.servers = [Server(self, number) for number in range(settings["count"])]
        self.shared = policies["balancing"]["name"] == "shared-pool"
        self.build_pools(settings["split"])
        self.queue_limit = settings["queue_limit"] or math.inf
        self.lifo_after_s = lifo_after_s(policies["admission"])
        if policies["admission"]["name"] == "bounded":
            self.queue_limit = min(self.queue_limit, policies["admission"]["limit"])
        if settings["reclaim_after_s"] and settings["scan_s"]:
            for server in self.servers:
                self.after(settings["scan_s"], server.granting.scan)

    def build_pools(self, split: str | list[float]) -> None:
        weights = [1.0] * len(self.servers) if split == "even" else split
        for product, settings in enumerate(self.products):
            owned, reserved = settings["licenses"], (settings["reserve"] or {"licenses": 0})["licenses"]
            pool, parts = Pool(self, product, owned, reserved), shares(owned, weights)
            for server, part, some in zip(self.servers, parts, shares(reserved, parts), strict=True):
                server.pools.append(pool if self.shared else Pool(self, product, part, some))

    def build_clients(self) -> None:
        settings = self.scenario["clients"]
        assert self.scenario["workload"]["arrivals"] in {"closed", "open"}, "traces are not in the reference"
        homes = self.homes(settings["count"], settings["assignment"])
        self.groups = members(self.scenario)
        self.clients = [Client(self, number, self.servers[home]) for number, home in enumerate(homes)]
        self.imbalance = Imbalance(self)
        self.balance = Balance(self, self.imbalance)
        for client in self.clients:
            for slot in range(settings["programs"]):
                client.user.next_launch(slot, first=True)
            client.failback.settle()
            if client.settings["heartbeat_s"]:
                phase = client.link.beats.random()
                self.after(client.settings["heartbeat_s"] * phase, client.link.heartbeat)

    def homes(self, clients: int, assignment: str | list[float]) -> list[int]:
        """The server of each client."""
        count = len(self.servers)
        if assignment == "round-robin":
            return [number % count for number in range(clients)]
        if assignment == "random":
            stream = self.stream("assignment")
            return [stream.randrange(count) for _ in range(clients)]
        return [home for home, part in enumerate(shares(clients, assignment)) for _ in range(part)]

    def stream(self, *name) -> Random:
        """A stream of its own for each purpose and owner."""
        return Random("/".join(map(str, (self.seed, *name))))

    def number(self) -> int:
        self.serial += 1
        return self.serial

    def at(self, time: float, action, *args) -> None:
        if time < math.inf:
            heapq.heappush(self.events, (time, self.number(), action, args))

    def after(self, delay: float, action, *args) -> None:
        self.at(self.now + delay, action, *args)

    def run(self) -> None:
        while self.events and self.events[0][0] < self.end_s:
            self.now, _, action, args = heapq.heappop(self.events)
            action(*args)
        self.now = self.end_s
