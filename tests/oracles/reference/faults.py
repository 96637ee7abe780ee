"""Faults: which hold where, now."""

import math
from collections.abc import Iterator
from random import Random
from typing import TYPE_CHECKING

from oracles.reference.groups import some_clients

if TYPE_CHECKING:
    from oracles.reference.client import Client
    from oracles.reference.server import Server
    from oracles.reference.world import World


class Faults:
    """Which faults hold where, now: from the start to just before the end."""

    def __init__(self, world: "World", faults: list[dict]):
        self.world = world
        count = len(world.servers)
        self.holding: list[list[dict]] = [[] for _ in range(count)]
        self.spells: list[list[tuple[float, float, dict]]] = [[] for _ in range(count)]  # all that will hold
        self.cut = {
            id(one): some_clients(one["clients"], world.scenario) for one in faults if one["kind"] == "cut"
        }
        self.unheard: list[tuple] = []  # words of crashes, for those who are cut off
        self.first, self.last = math.inf, -math.inf  # the first start, and the last end
        for entry, fault in enumerate(faults):
            if fault["kind"] == "client-crash":
                continue
            for place, number in enumerate(self.servers(fault["servers"], count)):
                sharer = {"server": number, "site": 0, "all": 0}[fault["drawn_by"]]
                stream = world.stream("fault", entry, sharer)  # anew for each server: those who share draw alike
                for start, end in self.times(fault, place, stream):
                    self.note(start, end)
                    self.spells[number].append((start, end, fault))
                    world.at(start, self.begin, number, fault)
                    world.at(end, self.end, number, fault)

    def note(self, start: float, end: float) -> None:
        self.first, self.last = min(self.first, start), max(self.last, end)

    def times(self, fault: dict, place: int, stream: Random) -> Iterator[tuple[float, float]]:
        """When a fault holds at the server (or client) in that place of its list."""
        begin = self.world.warmup_s + fault["start_s"] + place * fault["stagger_s"]
        if not fault["mtbf_s"]:
            times = fault["repeats"] if fault["repeat_s"] else 1  # CHOICE: `repeats` counts all of them
            for start in [begin + k * fault["repeat_s"] for k in range(times)]:
                yield start, start + self.length(fault, stream)
            return
        start = begin + stream.expovariate(1 / fault["mtbf_s"])
        while start < self.world.end_s:
            end = start + self.length(fault, stream)
            yield start, end
            start = end + stream.expovariate(1 / fault["mtbf_s"])

    @staticmethod
    def length(fault: dict, stream: Random) -> float:
        return stream.expovariate(1 / fault["mttr_s"]) if fault["mttr_s"] else fault["duration_s"]

    @staticmethod
    def servers(named: "str | dict | list[int]", count: int) -> "range | list[int]":
        if named == "all":
            return range(count)
        if isinstance(named, dict):
            return range(math.ceil(named["fraction"] * count - 1e-9))
        return named

    def begin(self, number: int, fault: dict) -> None:
        server = self.world.servers[number]
        self.holding[number].append(fault)
        if fault["kind"] == "crash":
            server.crash()
        elif fault["kind"] == "stall":
            server.pause()

    def end(self, number: int, fault: dict) -> None:
        self.holding[number].remove(fault)
        if fault["kind"] == "crash":
            self.world.servers[number].back_at = self.world.now
        if fault["kind"] == "stall" and not self.stalls(self.world.servers[number]):
            self.world.servers[number].resume()
        unheard, self.unheard = self.unheard, []
        for action, *arguments in unheard:
            action(*arguments)

    def kinds(self, server: "Server") -> set[str]:
        return {fault["kind"] for fault in self.holding[server.number]}

    def stalls(self, server: "Server") -> bool:
        return "stall" in self.kinds(server)

    def refuses(self, server: "Server") -> bool:
        kinds = self.kinds(server) if self.holding[server.number] else set()
        return not kinds.isdisjoint({"refusing", "crash"}) or self.lacks_quorum(server)

    def lacks_quorum(self, server: "Server") -> bool:
        """Whether so few servers of its site are up that none serves."""
        table = self.world.scenario["servers"]
        if not table["quorum"]:
            return False
        members = len(self.holding) // table["sites"]
        first = server.number // members * members
        kinds = [{fault["kind"] for fault in here} for here in self.holding[first : first + members]]
        return sum(here.isdisjoint({"crash", "unreachable"}) for here in kinds) < table["quorum"]

    def reachable(self, server: "Server", client: "Client") -> bool:
        return self.attended(server) and not self.separated(server, client)

    def attended(self, server: "Server") -> bool:
        """Whether it acts on what reaches it."""
        return not self.refuses(server) and not self.stalls(server)

    def separated(self, server: "Server", client: "Client | None") -> bool:
        """Whether no message passes between them; `client` is None for the site server."""
        return any(self.separates(fault, client) for fault in self.holding[server.number])

    def will_separate(self, server: "Server", client: "Client | None", time: float) -> bool:
        """The same at another time."""
        here = self.spells[server.number]
        return any(start <= time < end and self.separates(fault, client) for start, end, fault in here)

    def separates(self, fault: dict, client: "Client | None") -> bool:
        if fault["kind"] == "cut" and client is not None:
            return client.number in self.cut[id(fault)]
        return fault["kind"] == "unreachable"

    def slowdown(self, server: "Server") -> float:
        faults = self.holding[server.number]
        return math.prod(fault["factor"] for fault in faults if fault["kind"] == "slow")

    def delivered(self, server: "Server") -> float:
        """The probability that a message which leaves now is not lost by a loss fault."""
        faults = self.holding[server.number]
        return math.prod(1 - fault["probability"] for fault in faults if fault["kind"] == "loss")
