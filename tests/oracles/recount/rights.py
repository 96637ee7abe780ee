"""Who may have how many licenses of a pool, worked out anew from all that is held each time."""

import math
from typing import Any

from oracles.recount.groups import some_clients
from oracles.recount.holdings import Holdings


class Rights:
    """Caps on clients, and licenses reserved for some of them."""

    def __init__(self, scenario: Any, holdings: Holdings) -> None:
        self.holdings, self.pools = holdings, holdings.pools
        self.caps = [product.max_per_client or math.inf for product in scenario.products]
        self.favored = [_favored(product.reserve, scenario) for product in scenario.products]

    def kept(self, s: int, product: int) -> int:
        """What is free at a server, but only for some."""
        pool = self.pools[s][product]
        theirs = sum(count for client, count in self.holdings.of(pool) if client in self.favored[product])
        return max(0, pool.part - theirs) if pool.part else 0

    def below_cap(self, s: int, product: int, client: int) -> float:
        cap = self.caps[product]
        held = self.holdings.of(self.pools[s][product]) if cap < math.inf else []
        return cap - sum(count for other, count in held if other == client)

    def room(self, s: int, product: int, client: int) -> float:
        """How many licenses a client may have now."""
        kept = 0 if client in self.favored[product] else self.kept(s, product)
        return min(self.pools[s][product].free - kept, self.below_cap(s, product, client))


def _favored(reserve: Any, scenario: Any) -> set[int] | range:
    """The clients that licenses are reserved for."""
    return some_clients(reserve.clients, scenario) if reserve else range(0)
