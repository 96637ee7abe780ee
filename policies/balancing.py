"""Balancing policies: how the site server spreads a product's licenses over the servers.

Balancing runs rarely, so it is plain numpy: a `Report` in, target allocations out. To write one, define a
NamedTuple with a field `interval_s` (seconds between cycles) and a method `targets(self, report)`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .apportionment import share_out

if TYPE_CHECKING:  # a policy is shown without waiting for numpy
    import numpy as np
    from numpy.typing import NDArray

    Counts = NDArray[np.int64]

# Time is kept in nanoseconds, and no run lasts longer.
INTERVAL_MIN_S, INTERVAL_MAX_S = 1e-9, 1e9


class Report(NamedTuple):
    """What the servers told the site server in one cycle; shapes (servers, products) unless said.

    `reserve` counts licenses that the site server itself holds: taken from one server, but not yet delivered
    to another.
    """

    answered: NDArray[np.bool_]  # shape (servers,): who takes part in this cycle
    allocated: Counts
    leased: Counts
    requests: Counts  # requests decided since the server's last report
    reserve: Counts  # shape (products,)


class Static(NamedTuple):
    """Nothing ever moves: the control arm."""

    @property
    def interval_s(self) -> float:
        """Seconds between cycles; 0: never."""
        return 0.0

    def targets(self, report: Report) -> Counts:
        """Return the allocations as they are."""
        return report.allocated


class PeriodicDemand(NamedTuple):
    """Every `interval_s`, allocations of the servers that answer become proportional to their requests.

    SMS 2.0 balances every 4 h (console help, dmcomloc.htm) "based on demand" (KB Q235786); its formula is not
    published. Here: licenses of the servers that answered are shared out by the requests that each decided
    since its last report, but none gets less than it has leased out. A product that nobody asked for stays.
    """

    interval_s: float = 14400.0

    def targets(self, report: Report) -> Counts:
        """Return target allocations; rows of servers that did not answer stay as they are."""
        return by_demand(report)

    def check(self) -> None:
        """Raise ValueError when a parameter is impossible."""
        check_interval(self.interval_s)


class KeepUntilAck(NamedTuple):
    """`PeriodicDemand` with the defect of KB Q269547: the sender keeps a license until the receiver's ack.

    `keeps_until_ack` tells the engine so. A license that the sender leases out meanwhile, or whose ack is lost,
    is in two pools from then on: licenses become more than are owned. Every hour, as in the article's example.
    """

    interval_s: float = 3600.0

    @property
    def keeps_until_ack(self) -> bool:
        """A license sent stays in the sender's pool until its arrival is acknowledged."""
        return True

    def targets(self, report: Report) -> Counts:
        """Return target allocations; rows of servers that did not answer stay as they are."""
        return by_demand(report)

    def check(self) -> None:
        """Raise ValueError when a parameter is impossible."""
        check_interval(self.interval_s)


class SharedPool(NamedTuple):
    """One pool for all servers: no imbalance possible. The oracle, not a system that could be built so.

    `is_shared` tells the engine to let all servers draw on one pool.
    """

    @property
    def is_shared(self) -> bool:
        """One pool for all servers."""
        return True

    @property
    def interval_s(self) -> float:
        """Seconds between cycles; 0: never."""
        return 0.0

    def targets(self, report: Report) -> Counts:
        """Return the allocations as they are."""
        return report.allocated


def by_demand(report: Report) -> Counts:
    """Share each product's licenses out by requests over the servers that answered, none below its leases."""
    targets = report.allocated.copy()
    (here,) = report.answered.nonzero()
    for product in range(targets.shape[1]):
        requests = report.requests[here, product]
        if requests.sum() == 0:
            continue
        total = int(report.allocated[here, product].sum() + report.reserve[product])
        targets[here, product] = share_out(total, requests, floors=report.leased[here, product])
    return targets


def check_interval(interval_s: float) -> None:
    """Raise ValueError when the time between two cycles is none, or not one of the model's."""
    if not INTERVAL_MIN_S <= interval_s <= INTERVAL_MAX_S:
        raise ValueError(
            f"interval_s: {interval_s} is not allowed; it must be >= {INTERVAL_MIN_S:g} and <= {INTERVAL_MAX_S:g}"
        )


POLICIES = {
    "static": Static,
    "periodic-demand": PeriodicDemand,
    "shared-pool": SharedPool,
    "keep-until-ack": KeepUntilAck,
}

# Between sites: what a policy sees as a server is a site.
INTERSITE = {"none": Static, "periodic-demand": PeriodicDemand}
