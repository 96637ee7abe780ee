"""Where licenses are, against where the clients are."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from oracles.recount.clock import Clock, Distance
from oracles.recount.shares import shared_out


class Imbalance:
    """By product, how far the licenses are from the clients that each server heard last."""

    def __init__(self, scenario: Any, clock: Clock, pools: list[list[Any]]) -> None:
        self.pools, self.shared = pools, scenario.policies.balancing.name == "shared-pool"
        self.distances = [Distance(clock) for _ in scenario.products]
        self.heard_at = homes(scenario)
        self.clients_at = Counter(self.heard_at)
        self.weigh(range(len(self.distances)))

    def hear_from(self, client: int, s: int) -> None:
        if self.heard_at[client] != s:
            self.clients_at[self.heard_at[client]] -= 1
            self.clients_at[s] += 1
            self.heard_at[client] = s
            self.weigh(range(len(self.distances)))

    def weigh(self, products: Iterable[int]) -> None:
        """Measure products: where their licenses are against where the clients are."""
        for product in products:
            here = [pools[product].allocated for pools in self.pools]
            total, clients = sum(here), len(self.heard_at)
            gaps = [abs(n * clients - self.clients_at[s] * total) for s, n in enumerate(here)]
            unbalanced = total > 0 and not self.shared
            self.distances[product].set(sum(gaps) / (2 * clients * total) if unbalanced else 0.0)


def homes(scenario: Any) -> list[int]:
    """The server of each client, as a run begins."""
    clients, servers = scenario.clients, scenario.servers.count
    if clients.assignment == "round-robin":
        return [client % servers for client in range(clients.count)]
    if clients.assignment == "random":
        raise ValueError("assignment = 'random' is not in the record")
    parts = shared_out(clients.count, list(clients.assignment))
    return [server for server, part in enumerate(parts) for _ in range(part)]
