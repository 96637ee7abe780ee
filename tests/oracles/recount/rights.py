"""Who may have how many licenses of a pool, worked out anew from all that is held each time."""

import math
from typing import Any

from oracles.recount.callbacks import Callbacks
from oracles.recount.leases import Leases, wanted
from oracles.recount.pools import Pool


class Rights:
    """Caps on clients, and licenses reserved for some of them."""

    def __init__(self, scenario: Any, leases: Leases, callbacks: Callbacks) -> None:
        self.leases, self.callbacks, self.pools = leases, callbacks, leases.pools
        self.caps = [product.max_per_client or math.inf for product in scenario.products]
        self.favored = [_favored(product.reserve, scenario.clients.count) for product in scenario.products]

    def _held(self, pool: Pool) -> list[tuple[int, int]]:
        """Clients and how many licenses of a pool each of their leases and reservations holds."""
        leased = [(key, lease.product, lease.licenses) for key, lease in self.leases.by_key.items()]
        reserved = [(key, row.product, wanted(row)) for key, (row, _) in self.callbacks.reserved.items()]
        held = [*leased, *reserved]
        return [(key.client, count) for key, product, count in held if self.pools[key.server][product] is pool]

    def kept(self, s: int, product: int) -> int:
        """What is free at a server, but only for some."""
        pool = self.pools[s][product]
        theirs = sum(count for client, count in self._held(pool) if client in self.favored[product])
        return max(0, pool.part - theirs) if pool.part else 0

    def below_cap(self, s: int, product: int, client: int) -> float:
        cap = self.caps[product]
        held = self._held(self.pools[s][product]) if cap < math.inf else []
        return cap - sum(count for other, count in held if other == client)

    def room(self, s: int, product: int, client: int) -> float:
        """How many licenses a client may have now."""
        kept = 0 if client in self.favored[product] else self.kept(s, product)
        return min(self.pools[s][product].free - kept, self.below_cap(s, product, client))


def _favored(reserve: Any, clients: int) -> range:
    """The clients that licenses are reserved for."""
    if reserve is None:
        return range(0)
    if isinstance(reserve.clients, tuple):
        return range(reserve.clients[0], reserve.clients[1] + 1)
    return range(math.ceil(reserve.clients.fraction * clients - 1e-9))
