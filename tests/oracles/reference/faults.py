"""Faults: which hold where, now."""

import math
from typing import TYPE_CHECKING

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
        self.first, self.last = math.inf, -math.inf  # the first start, and the last end
        for fault in faults:
            for start in self.starts(fault):
                self.first = min(self.first, start)
                self.last = max(self.last, start + fault["duration_s"])
                for number in self.servers(fault["servers"], count):
                    world.at(start, self.begin, number, fault)
                    world.at(start + fault["duration_s"], self.holding[number].remove, fault)

    def starts(self, fault: dict) -> list[float]:
        times = fault["repeats"] if fault["repeat_s"] else 1  # CHOICE: `repeats` counts all of them
        return [self.world.warmup_s + fault["start_s"] + k * fault["repeat_s"] for k in range(times)]

    @staticmethod
    def servers(named: "str | dict | list[int]", count: int) -> "range | list[int]":
        if named == "all":
            return range(count)
        if isinstance(named, dict):
            return range(math.ceil(named["fraction"] * count - 1e-9))
        return named

    def begin(self, number: int, fault: dict) -> None:
        self.holding[number].append(fault)
        if fault["kind"] == "crash":
            self.world.servers[number].crash()

    def kinds(self, server: "Server") -> set[str]:
        return {fault["kind"] for fault in self.holding[server.number]}

    def refuses(self, server: "Server") -> bool:
        return bool(self.holding[server.number]) and not self.kinds(server).isdisjoint({"refusing", "crash"})

    def reachable(self, server: "Server", client: "Client") -> bool:
        return not self.refuses(server) and not self.separated(server, client)

    def separated(self, server: "Server", client: "Client | None") -> bool:
        """Whether no message passes between them; `client` is None for the site server."""
        for fault in self.holding[server.number]:
            if fault["kind"] == "unreachable":
                return True
            if fault["kind"] == "cut" and client is not None:
                first, last = fault["clients"]
                if first <= client.number <= last:
                    return True
        return False

    def slowdown(self, server: "Server") -> float:
        faults = self.holding[server.number]
        return math.prod(fault["factor"] for fault in faults if fault["kind"] == "slow")

    def delivered(self, server: "Server") -> float:
        """The probability that a message which leaves now is not lost by a loss fault."""
        faults = self.holding[server.number]
        return math.prod(1 - fault["probability"] for fault in faults if fault["kind"] == "loss")
