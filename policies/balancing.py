"""Balancing policies: how the site server spreads a product's licenses over the servers.

Balancing runs rarely, so it is plain numpy: a `Report` in, target allocations out. To write one, define a
NamedTuple with a field `interval_s` (seconds between cycles) and a method `targets(self, report)`.

With a field or class attribute `shortage_gap_s` above 0, a cycle also begins when a server has too few licenses
free for a request and says so; no two cycles begin closer together than that, and none sooner after the start.
With a `shortage_share` above 0, too, it also says so as it grants, once that share of its licenses is in use.

With a class attribute or property `takes_over` that is true, licenses of a server that does not report in a cycle
are shared out in it, unless `servers.tenure_s` says how long it may use them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from . import bounds
from .apportionment import share_out

if TYPE_CHECKING:  # a policy is shown without waiting for numpy
    from collections.abc import Callable, Sequence
    from fractions import Fraction

    import numpy as np
    from numpy.typing import NDArray

    Counts = NDArray[np.int64]

# Time is kept in nanoseconds, and no run lasts longer.
INTERVAL_MIN_S, INTERVAL_MAX_S = 1e-9, 1e9
MILLION = 1_000_000
REPORT_PATIENCE_S = 30.0  # how long a site server waits for the servers' reports, at most


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


class ProductReport(NamedTuple):
    """What a report tells of one product: lists have a number for each server that answered."""

    allocated: list[int]
    leased: list[int]
    requests: list[int]
    reserve: int

    @property
    def total(self) -> int:
        """All that may be shared out."""
        return sum(self.allocated) + self.reserve

    @property
    def wants(self) -> list[int]:
        """What each server has leased, and what it has been asked for since its last report."""
        return [leased + requests for leased, requests in zip(self.leased, self.requests, strict=True)]


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


class OnShortage(NamedTuple):
    """When a server runs out, and at least every `interval_s`: licenses follow what is leased and asked for.

    Licenses of the servers that answered are shared out by what each has leased and has been asked for since its
    last report, but none gets less than it has leased. Leases count as cycles may follow each other closely, with
    few requests between two. The rule is our own. `interval_s` = 0: only when a server runs out.
    """

    interval_s: float = 14400.0
    shortage_gap_s: float = 60.0

    def targets(self, report: Report) -> Counts:
        """Return target allocations; rows of servers that did not answer stay as they are."""
        return by_product(report, lambda product: by_weight(product, product.wants))

    def check(self) -> None:
        """Raise ValueError when a parameter is impossible."""
        bounds.are_positive(shortage_gap_s=self.shortage_gap_s)


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


class Standby(NamedTuple):
    """One server has all licenses, the first that answers; if it does not answer, the next one takes them over.

    As with RLM's failover server, which has all the licenses of a primary that it cannot reach (Reprise, "Failover
    License Servers") within two minutes: a cycle every 90 s, whose reports are awaited for 30 s. If the first one
    is only cut off, both lease all licenses (`overissued`), until it is heard of again and its leases end. With
    `servers.tenure_s` the other one waits until the first has none in use. A first one that is back is given those
    that are free, in each cycle.
    """

    interval_s: float = 90.0

    @property
    def takes_over(self) -> bool:
        """What servers have that do not report is taken over."""
        return True

    def targets(self, report: Report) -> Counts:
        """Return target allocations; rows of servers that did not answer stay as they are."""
        targets = report.allocated.copy()
        (here,) = report.answered.nonzero()
        targets[here] = 0
        targets[here[:1]] = report.allocated[here].sum(axis=0) + report.reserve
        return targets

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
    return by_product(report, lambda product: by_weight(product, product.requests))


def by_weight(product: ProductReport, weights: Sequence[float | Fraction]) -> list[int] | None:
    """Share a product's licenses out by weights, none below its leases; without any it stays."""
    return share_out(product.total, weights, floors=product.leased) if any(weights) else None


def by_product(report: Report, share: Callable[[ProductReport], list[int] | None]) -> Counts:
    """Return targets, product by product, each as `share` says; rows of servers that did not answer stay.

    `share` returns what each server should have, in their order; None: what it has.
    """
    targets = report.allocated.copy()
    (here,) = report.answered.nonzero()
    for product in range(targets.shape[1]):
        tables = report.allocated, report.leased, report.requests
        allocated, leased, requests = (table[here, product].tolist() for table in tables)
        shares = share(ProductReport(allocated, leased, requests, int(report.reserve[product])))
        if shares is not None:
            targets[here, product] = shares
    return targets


def shortage_gap_s(policy: Any) -> float:
    """Return how far apart cycles are at the least that begin when a server runs out; 0: none begins so."""
    return float(getattr(policy, "shortage_gap_s", 0.0))


def shortage_share(policy: Any) -> int:
    """Return the share of a server's licenses in use at which it says so as it grants, in millionths; 0: never."""
    return millionths(getattr(policy, "shortage_share", 0.0))


def millionths(share: float) -> int:
    """Return a share as a whole number, so that all compare with the same one."""
    return round(share * MILLION)


def report_patience_s(policy: Any) -> float:
    """Return how long a site server waits for reports: half the least time between two cycles at most."""
    return min(REPORT_PATIENCE_S, (shortage_gap_s(policy) or float(policy.interval_s)) / 2)


def takes_over(policy: Any) -> bool:
    """Whether licenses of servers that do not report are redistributed, in use or not."""
    return bool(getattr(policy, "takes_over", False))


def check_interval(interval_s: float) -> None:
    """Raise ValueError when the time between two cycles is none, or not one of the model's."""
    if not INTERVAL_MIN_S <= interval_s <= INTERVAL_MAX_S:
        raise ValueError(
            f"interval_s: {interval_s} is not allowed; it must be >= {INTERVAL_MIN_S:g} and <= {INTERVAL_MAX_S:g}"
        )


POLICIES = {
    "static": Static,
    "periodic-demand": PeriodicDemand,
    "on-shortage": OnShortage,
    "standby": Standby,
    "shared-pool": SharedPool,
    "keep-until-ack": KeepUntilAck,
}

# Between sites: what a policy sees as a server is a site.
INTERSITE = {"none": Static, "periodic-demand": PeriodicDemand}
