"""The network: delays messages, and loses some."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oracles.reference.client import Client
    from oracles.reference.server import Server
    from oracles.reference.world import World


class Network:
    """All messages, and the words that the observer at the servers has of clients."""

    def __init__(self, world: "World"):
        self.world, self.settings = world, world.scenario["network"]
        self.latency_s = self.settings["latency_ms"] / 1000
        self.stream = world.stream("network")

    def send(self, server: "Server", other: "Client | None", deliver, *args, lost: tuple | None = None) -> bool:
        """One message between a server and a client or the site; `deliver(*args)` happens if it arrives."""
        self.world.measures.counts["messages"] += 1
        delay = self.latency_s
        if self.settings["jitter_ms"]:
            delay += self.stream.expovariate(1000 / self.settings["jitter_ms"])
        chance = self.chance(server, other)
        if self.world.faults.separated(server, other) or (chance < 1 and self.stream.random() >= chance):
            self.lose(lost)
            return False
        self.world.after(delay, self.arrive, server, other, deliver, args, lost)
        return not self.world.faults.will_separate(server, other, self.world.now + delay)

    def chance(self, server: "Server", other: "Client | None") -> float:
        """Of arriving; messages of the site server, to which no client belongs, are lost by faults only."""
        return 1.0 if other is None else (1 - self.settings["loss"]) * self.world.faults.delivered(server)

    def arrive(self, server: "Server", other: "Client | None", deliver, args: tuple, lost: tuple | None) -> None:
        if self.world.faults.separated(server, other):
            self.lose(lost)
        else:
            deliver(*args)

    def notice(self, action, *args) -> None:
        """The observer at the servers learns of a client one latency later."""
        self.world.after(self.latency_s, action, *args)

    def lose(self, lost: tuple | None) -> None:
        self.world.measures.counts["messages_lost"] += 1
        if lost is not None:
            lost[0](*lost[1:])
