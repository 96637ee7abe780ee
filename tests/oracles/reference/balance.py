"""Where the clients are, against where they prefer to be; and how servers drain."""

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oracles.reference.client import Client
    from oracles.reference.imbalance import Imbalance
    from oracles.reference.server import Server
    from oracles.reference.world import World


class Balance:
    """Servers with more or fewer clients than prefer them, by more than 5 % of all."""

    def __init__(self, world: "World", imbalance: "Imbalance"):
        self.world, self.imbalance = world, imbalance
        self.preferred = dict(imbalance.homes)
        self.fair = imbalance.clients_at.copy()
        self.out: set[Server] = set()
        self.righted = 0.0
        self.last: dict[Server, int] = {}  # asked by each server
        policy = world.scenario["policies"]["failback"]
        if policy["name"] == "drain":
            for server in world.servers:
                world.after(1.0, self.drain, server, policy["drain_share"])

    def excess(self, server: "Server") -> int:
        return self.imbalance.clients_at[server] - self.fair[server]

    def hear_of(self, client: "Client", server: "Server") -> None:
        self.imbalance.hear_of(client, server)
        many = len(self.preferred)
        out = {server for server in self.world.servers if 20 * abs(self.excess(server)) > many}
        if self.out - out:
            self.righted = self.world.now
        self.out = out

    def drain(self, server: "Server", share: float) -> None:
        """Each second: those in turn who are here and prefer another server."""
        if server.puts_off(self.drain, server, share):
            return
        self.world.after(1.0, self.drain, server, share)
        most = min(64, math.ceil(self.excess(server) * share))
        if most <= 0 or self.world.faults.refuses(server):
            return
        here = self.imbalance.homes
        strangers = [c for c in self.world.clients if here[c] is server and self.preferred[c] is not server]
        last = self.last.get(server, 0)
        strangers.sort(key=lambda client: (client.number <= last, client.number))
        for client in strangers[:most]:
            self.last[server] = client.number
            self.world.network.send(server, client, client.failback.asked)
