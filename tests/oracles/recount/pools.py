"""Licenses that may be leased, and how balancing moves them."""

from collections.abc import Callable
from typing import Any

from meterstorm.actors.records import journal
from meterstorm.actors.state import kinds

from oracles.recount.imbalance import Imbalance
from oracles.recount.record import Contradiction, Outcome, Row
from oracles.recount.shares import shared_out


class Pool:
    """Licenses of a product at a server, or at all servers together."""

    def __init__(self, allocated: int, part: int) -> None:
        self.allocated = self.free = allocated
        self.part = part  # of the licenses that are reserved for some clients


def pools_of(scenario: Any) -> list[list[Pool]]:
    """The pools by server and product, as a run begins; servers share them under `shared-pool`."""
    servers, shared = scenario.servers, scenario.policies.balancing.name == "shared-pool"
    weights = [1.0] * servers.count if servers.split == "even" else list(servers.split)
    found: list[list[Pool]] = [[] for _ in range(servers.count)]
    for product in scenario.products:
        reserved = product.reserve.licenses if product.reserve else 0
        one, parts = Pool(product.licenses, reserved), shared_out(product.licenses, weights)
        some = shared_out(reserved, [float(part) for part in parts]) if reserved else [0] * servers.count
        for pools, *allocated in zip(found, parts, some, strict=True):
            pools.append(one if shared else Pool(*allocated))
    return found


class Balancing:
    """Licenses that leave a server's pools and arrive there."""

    def __init__(
        self, scenario: Any, pools: list[list[Pool]], imbalance: Imbalance, kept: Callable[[int, int], int]
    ) -> None:
        """`kept`: how many free licenses of a product are for some clients only, at a server."""
        self.pools, self.imbalance, self.kept = pools, imbalance, kept
        self.keeps_until_ack = scenario.policies.balancing.name == "keep-until-ack"

    def handle(self, s: int, event: Row, outcome: Outcome) -> None:
        if event.kind == kinds.TAKE:
            self._take(s, event, outcome)
        elif event.kind == kinds.GIVE:
            self._give(s, event, outcome)
        elif event.kind == kinds.DROP:
            self.restock(s, event.product, -min(event.value, self._spare(s, event.product)))

    def _take(self, s: int, event: Row, outcome: Outcome) -> None:
        """What is free for all leaves, unless the site server cannot be told, or it stays until it has arrived."""
        if not outcome:
            return
        taken = outcome.popleft()
        if taken.value != min(event.value, self._spare(s, event.product)):
            raise Contradiction(f"server {s} gave up {taken.value} licenses when asked by {event}")
        if taken.what == journal.SENT and not self.keeps_until_ack:
            self.restock(s, event.product, -taken.value)

    def _give(self, s: int, event: Row, outcome: Outcome) -> None:
        if self.keeps_until_ack:
            outcome.popleft()  # the ack
        self.restock(s, event.product, event.value)

    def _spare(self, s: int, product: int) -> int:
        return self.pools[s][product].free - self.kept(s, product)

    def restock(self, s: int, product: int, change: int) -> None:
        pool = self.pools[s][product]
        pool.allocated += change
        pool.free += change
        self.imbalance.weigh([product])
