"""Balancing policies that know what each server wants: Doorman's two algorithms, and borrowing beyond a threshold.

What a server wants of a product is what it has leased and what it has been asked for since its last report
(`balancing.ProductReport.wants`).
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from . import bounds
from .apportionment import share_out
from .balancing import MILLION, ProductReport, by_product, by_weight, check_interval, millionths

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .balancing import Counts, Report

REFRESH_S = 5.0


class ProportionalShare(NamedTuple):
    """Doorman's PROPORTIONAL_SHARE: servers wanting less than an equal share get that; the rest goes by need.

    Source: youtube/doorman, doc/algorithms; doc/configuration (refreshed every 5 s). In its example those
    who want 1000, 50 and 10 of 120 get 69.69, 40.31 and 10. What nobody wants is spread evenly, and nobody gets
    less than it has leased. Doorman's learning mode is for a master that has forgotten; a site server never does.
    """

    interval_s: float = REFRESH_S

    def targets(self, report: Report) -> Counts:
        """Return target allocations; rows of servers that did not answer stay as they are."""
        return by_product(report, lambda product: _shared(product, proportional_shares))

    def check(self) -> None:
        """Raise ValueError when a parameter is impossible."""
        check_interval(self.interval_s)


class FairShare(NamedTuple):
    """Doorman's FAIR_SHARE: nobody gets more than it wants while another one that gets less wants more.

    Source: youtube/doorman, doc/algorithms; it is max-min fairness (Bertsekas and Gallager, "Data networks",
    1992, 6.5.2). In its example the three get 60, 50 and 10. The rest is as for `proportional-share`.
    """

    interval_s: float = REFRESH_S

    def targets(self, report: Report) -> Counts:
        """Return target allocations; rows of servers that did not answer stay as they are."""
        return by_product(report, lambda product: _shared(product, fair_shares))

    def check(self) -> None:
        """Raise ValueError when a parameter is impossible."""
        check_interval(self.interval_s)


class Borrow(NamedTuple):
    """SentinelLM's borrowing: a server that uses `shortage_share` of its licenses gets unused ones of the others.

    Source: SentinelLM developer's guide, "license borrowing": a threshold of 90 % in its example; a leader takes
    unused tokens of other servers; each has one. How many is not published. Here: as many as bring the borrower
    back below its threshold, in proportion to what each lender could spare without reaching its own. A shortage
    is said at most every `shortage_gap_s`.
    """

    shortage_share: float = 0.9
    shortage_gap_s: float = 60.0

    @property
    def interval_s(self) -> float:
        """Seconds between cycles; 0: only when a server is short."""
        return 0.0

    def targets(self, report: Report) -> Counts:
        """Return target allocations; rows of servers that did not answer stay as they are."""
        threshold = Fraction(millionths(self.shortage_share), MILLION)
        return by_product(report, lambda product: lent(product, threshold))

    def check(self) -> None:
        """Raise ValueError when a parameter is impossible."""
        bounds.are_positive(shortage_gap_s=self.shortage_gap_s, shortage_share=self.shortage_share)


def proportional_shares(total: int, wants: Sequence[int]) -> list[Fraction]:
    """Return how much of `total` each gets, shape (n,), when more is wanted than there is."""
    equal = Fraction(total, len(wants))
    spare = sum(equal - want for want in wants if want < equal)
    missing = sum(want - equal for want in wants if want > equal)
    return [equal + (want - equal) * spare / missing if want > equal else Fraction(want) for want in wants]


def fair_shares(total: int, wants: Sequence[int]) -> list[Fraction]:
    """Return how much of `total` each gets, shape (n,), when more is wanted than there is."""
    shares, left = [Fraction(0)] * len(wants), Fraction(total)
    waiting = sorted(range(len(wants)), key=lambda k: wants[k])
    for done, k in enumerate(waiting):
        shares[k] = min(Fraction(wants[k]), left / (len(waiting) - done))
        left -= shares[k]
    return shares


def lent(product: ProductReport, threshold: Fraction) -> list[int]:
    """Return what each has when those at the threshold have got unused licenses of the others."""
    enough = [max(1, math.floor(used / threshold) + 1) for used in product.leased]  # the least that is below it
    missing = [max(0, least - has) for has, least in zip(product.allocated, enough, strict=True)]
    spare = [max(0, has - least) for has, least in zip(product.allocated, enough, strict=True)]
    got = min(sum(missing), sum(spare) + product.reserve)
    given, taken = share_out(max(0, got - product.reserve), spare), share_out(got, missing)
    return [has + more - less for has, more, less in zip(product.allocated, taken, given, strict=True)]


def _shared(product: ProductReport, shares: Callable[[int, Sequence[int]], list[Fraction]]) -> list[int] | None:
    """Share a product's licenses out, none below its leases; one that nobody wants stays."""
    total, wants = product.total, product.wants
    if not any(wants):
        return None
    unwanted = Fraction(total - sum(wants), len(wants))  # for each
    return by_weight(product, shares(total, wants) if unwanted < 0 else [want + unwanted for want in wants])


POLICIES = {"proportional-share": ProportionalShare, "fair-share": FairShare, "borrow": Borrow}
