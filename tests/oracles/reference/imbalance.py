"""Where licenses are, against where the clients are."""

from collections import Counter
from typing import TYPE_CHECKING

from oracles.reference.level import Level

if TYPE_CHECKING:
    from oracles.reference.client import Client
    from oracles.reference.server import Server
    from oracles.reference.world import World


class Imbalance:
    """By product, half the sum over servers of the gaps between shares of licenses and of clients."""

    def __init__(self, world: "World"):
        self.world = world
        self.levels = [Level(world) for _ in world.products]
        self.homes = {client: client.link.server for client in world.clients}
        self.clients_at = Counter(self.homes.values())
        self.measure()

    def hear_of(self, client: "Client", server: "Server") -> None:
        if self.homes[client] is not server:
            self.clients_at[self.homes[client]] -= 1
            self.clients_at[server] += 1
            self.homes[client] = server
            self.measure()

    def measure(self) -> None:
        if not self.world.shared:
            for product, level in enumerate(self.levels):
                level.set(self.distance(product))

    def distance(self, product: int) -> float:
        servers, clients = self.world.servers, len(self.world.clients)
        allocated = sum(server.pools[product].allocated for server in servers)
        licenses = [server.pools[product].allocated / max(1, allocated) for server in servers]
        demand = [self.clients_at[server] / clients for server in servers]
        gaps = (abs(a - b) for a, b in zip(licenses, demand, strict=True))
        return sum(gaps) / 2 if allocated else 0.0
