"""The reference with the engine's random numbers: then both must tell the same story, event by event.

What a draw means stays the reference's own: from here come only the uniform, exponential, lognormal and gamma
numbers, for each purpose in the order in which the reference asks for them.
"""

import heapq
import itertools
import math
from bisect import bisect
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from meterstorm.actors.randomness import distributions, streams
from meterstorm.experiments.scenario import Scenario

from oracles.reference.balance import Balance
from oracles.reference.client import Client
from oracles.reference.defaults import complete
from oracles.reference.faults import Faults
from oracles.reference.licenses import Lease
from oracles.reference.metrics import metrics
from oracles.reference.network import Network
from oracles.reference.program import Program
from oracles.reference.server import Server
from oracles.reference.world import World


class Numbers:
    """Stands in for `random.Random`: the draws of one stream and one agent, by their numbers."""

    def __init__(self, key: Any, agent: int, indices: Any):
        self.key, self.agent, self.indices = key, agent, iter(indices)

    def bits(self) -> Any:
        with np.errstate(over="ignore"):
            return np.uint64(streams.draw(self.key, self.agent, next(self.indices)))

    def random(self) -> float:
        return float(streams.uniform(self.bits()))

    def randrange(self, count: int) -> int:
        return int(float(streams.uniform(self.bits())) * count)

    def expovariate(self, rate: float) -> float:
        return float(distributions.exponential(self.bits())) / rate

    def lognormvariate(self, mu: float, sigma: float) -> float:
        cv = math.sqrt(math.expm1(sigma * sigma))
        return math.exp(mu + sigma * sigma / 2) * self.sample(distributions.LOGNORMAL, cv)

    def gammavariate(self, alpha: float, beta: float) -> float:
        return alpha * beta * self.sample(distributions.GAMMA, alpha**-0.5)

    def sample(self, distribution: int, cv: float) -> float:
        with np.errstate(over="ignore"):
            return float(distributions.sample(self.bits(), distribution, cv))


class Launches(Numbers):
    """When a slot's user launches; the phase of the first launch is of another stream."""

    def __init__(self, keys: Any, slot: int):
        super().__init__(keys[streams.THINK], slot, self.numbers())
        self.phases = Numbers(keys[streams.PHASE], slot, [1])
        self.number = 0  # of the latest

    def numbers(self) -> Iterator[int]:
        for self.number in itertools.count(1):
            yield self.number

    def random(self) -> float:
        return self.phases.random()


class OfLaunches(Numbers):
    """What is drawn for each launch, by its number; some launches are suppressed."""

    def __init__(self, key: Any, slot: int, launches: Launches, is_open: bool):
        super().__init__(key, slot, self.numbers())
        self.launches, self.is_open = launches, is_open

    def numbers(self) -> Iterator[int]:
        while True:
            yield self.launches.number - self.is_open  # where the next launch is known by then

    def choices(self, values: Sequence[int], weights: Sequence[float]) -> list[int]:
        up_to = list(itertools.accumulate(weights))
        return [values[bisect(up_to, self.random() * up_to[-1], hi=len(values) - 1)]]


class Programs(OfLaunches):
    """What is launched, and for how long it runs."""

    def __init__(self, keys: Any, *of: Any):
        super().__init__(keys[streams.RUN], *of)
        self.products = OfLaunches(keys[streams.PRODUCT], *of)

    def choices(self, values: Sequence[int], weights: Sequence[float]) -> list[int]:
        return self.products.choices(values, weights)


class Constant:
    """Where nothing may be drawn: jitter of 0."""

    def random(self) -> float:
        return 0.0

    def uniform(self, low: float, high: float) -> float:
        assert low == high, "policies that draw are not compared"
        return low


class SameDraws(World):
    """The reference's world, as one replication of the engine draws it."""

    def __init__(self, scenario: Scenario, raw: dict[str, Any], replication: int):
        self.keys = streams.stream_keys(scenario.run.seed, replication)
        self.launches: dict[int, Launches] = {}  # by slot
        super().__init__(complete(raw), 0)

    def at(self, time: float, action: Any, *args: Any) -> None:
        """In whole nanoseconds; what happens in one of them is in the contract's order, by target and source."""
        if time < math.inf:
            heapq.heappush(self.events, (round(time, 9), (self.place(action, args), self.number()), action, args))

    def place(self, action: Any, args: tuple[Any, ...]) -> tuple[int, int]:
        if isinstance(action.__self__, Network) and action.__name__ == "arrive":
            server, other, deliver = args[:3]
            ends = [self.agent(server), self.agent(other)]
            return (ends[0], ends[1]) if getattr(deliver, "__self__", server) is server else (ends[1], ends[0])
        if isinstance(action.__self__, Server) and action.__name__ == "finish":
            return self.agent(action.__self__), self.agent(args[0].client)
        if isinstance(action.__self__, Faults | Balance):
            server = args[0] if isinstance(args[0], Server) else self.servers[args[0]]
            return (self.agent(server),) * 2
        return (self.agent(action.__self__),) * 2

    def agent(self, owner: Any) -> int:
        """Clients come first, then servers, the site server, and the observer."""
        clients, servers = self.scenario["clients"]["count"], self.scenario["servers"]["count"]
        if isinstance(owner, Server):
            return int(clients + owner.number)
        if isinstance(owner, Client):
            return owner.number
        if isinstance(owner, Lease | Program):
            return int(clients + servers + 1)
        if hasattr(owner, "client"):
            return self.agent(owner.client)
        return self.agent(owner.server) if hasattr(owner, "server") else int(clients + servers)

    def stream(self, purpose: str, *owner: int) -> Any:
        keys, agent = self.keys, owner[0] if owner else 0
        if purpose in {"launch", "program", "size"}:
            slot = agent * self.scenario["clients"]["programs"] + owner[1]
            launches = self.launches.setdefault(slot, Launches(keys, slot))
            of = slot, launches, self.scenario["workload"]["arrivals"] == "open"
            if purpose == "size":
                return OfLaunches(keys[streams.SIZE], *of)
            return launches if purpose == "launch" else Programs(keys, *of)
        if purpose == "heartbeat":
            return Numbers(keys[streams.PHASE], agent, itertools.chain([0], itertools.count(2)))
        if purpose == "service":
            return Numbers(keys[streams.SERVICE], agent, itertools.count(1))
        if purpose == "fault":
            return Numbers(keys[streams.FAULT], agent << 32 | owner[1], self.times_of(agent))
        return Constant()

    def times_of(self, entry: int) -> Any:
        """Numbers of a fault's random times: 0, 2, 4 are those until it comes, 1, 3, 5 how long it stays."""
        fault = self.scenario["faults"][entry]
        if not fault["mtbf_s"]:
            return [1]
        return itertools.count(0, 1 if fault["mttr_s"] else 2)


def measured(scenario: Scenario, raw: dict[str, Any], replication: int) -> dict[str, float | None]:
    """The reference's metrics of a scenario, of which `raw` is the data, with the draws of one replication."""
    world = SameDraws(scenario, raw, replication)
    world.run()
    return metrics(world)
