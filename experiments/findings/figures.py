"""Figures of a study: means and paired differences with intervals, in words; what is not shown is refused."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..metrics.intervals import Estimate, estimate
from ..metrics.metrics import Value
from ..metrics.paired import paired

# Of differences: two hundred of them hold at once with 95 % (Bonferroni). Means have their own 95 %.
CONFIDENCE = 0.99975
CLAIMS_MAX = 200

Where = Mapping[str, Any]


class NotShownError(Exception):
    """A difference that a finding claims is not there."""


class Figures:
    """The results of a study, and how many differences were claimed from them."""

    def __init__(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self._rows: Sequence[Mapping[str, Any]] = rows
        self.claims = 0

    @property
    def rows(self) -> Sequence[Mapping[str, Any]]:
        """The results as they are."""
        return self._rows

    def derive(self, name: str, of: Callable[[Mapping[str, Any]], Value]) -> None:
        """Add a value that each row's others give."""
        self._rows = [{**row, name: of(row)} for row in self._rows]

    def values(self, metric: str, where: Where) -> list[Value]:
        """Return a metric in all replications at some values of axes, cases and arms; KeyError for none."""
        found = [row for row in self._rows if all(row[key] == value for key, value in where.items())]
        if not found:
            raise KeyError(f"{metric}: nothing was run at {dict(where)}")
        return [row[metric] for row in found]

    def mean(self, metric: str, where: Where, times: float = 1.0) -> str:
        """Return a mean with its 95 % interval, in words; "inf in n of N" where some are infinite."""
        values = [float(value) * times for value in self.values(metric, where) if value is not None]
        if not values:
            return "-"
        if infinite := sum(map(math.isinf, values)):
            return "inf" if infinite == len(values) else f"inf in {infinite} of {len(values)}"
        return in_words(estimate(values))

    def difference(self, metric: str, where: Where, base: Where, times: float = 1.0) -> str:
        """Return by how much a metric differs, paired by replication, with its interval at CONFIDENCE."""
        found = paired(self._times(metric, where, times), self._times(metric, base, times), CONFIDENCE).difference
        return "-" if found is None else in_words(found, sign=True)

    def compare(self, metric: str, where: Where, base: Where, times: float = 1.0, unit: str = "") -> str:
        """Return by how much a metric differs from elsewhere, and in words whether that is told apart."""
        self.claims += 1
        words = {-1: "less", 0: "not told apart", 1: "more"}[self._sign(metric, where, base)]
        return f"{self.difference(metric, where, base, times)}{unit} ({words})"

    def is_less(self, metric: str, where: Where, base: Where) -> bool:
        """Whether a metric is shown to be less than elsewhere."""
        self.claims += 1
        return self._sign(metric, where, base) == -1

    def claim_less(self, metric: str, where: Where, base: Where, times: float = 1.0) -> str:
        """Return by how much a metric is less than elsewhere; raises NotShownError where that is not shown."""
        if not self.is_less(metric, where, base):
            words = f"{metric} at {dict(where)} is not shown to be less than at {dict(base)}"
            raise NotShownError(f"{words}: {self.difference(metric, where, base)}")
        return self.difference(metric, where, base, times)

    def claim_more(self, metric: str, where: Where, base: Where, times: float = 1.0) -> str:
        """Return by how much a metric is more than elsewhere, likewise."""
        self.claim_less(metric, base, where)
        return self.difference(metric, where, base, times)

    def claim_all(self, metric: str, where: Where, low: float, high: float) -> None:
        """Raise NotShownError unless a metric is within bounds in each replication: no mean is claimed."""
        for value in self.values(metric, where):
            if value is None or not low <= value <= high:
                raise NotShownError(f"{metric} at {dict(where)} is {value}, not from {low:g} to {high:g}")

    def _times(self, metric: str, where: Where, times: float) -> list[Value]:
        return [None if value is None else value * times for value in self.values(metric, where)]

    def _sign(self, metric: str, where: Where, base: Where) -> int:
        """Return -1, 0 or 1: less, not told apart, more. With infinite values the sign test tells."""
        values, others = self.values(metric, where), self.values(metric, base)
        found = paired(values, others, CONFIDENCE)
        if found.difference is not None:
            half = found.difference.half_width
            is_told = half is not None and abs(found.difference.mean) > half
        else:
            is_told = found.p is not None and found.p < 1 - CONFIDENCE
        return is_told * found.sign


def in_words(found: Estimate, sign: bool = False) -> str:
    """Return a mean and its interval to the digits that the interval leaves: two of the half-width."""
    mean, half = found
    if half is None or half == 0:
        return f"{mean:+.4g}" if sign else f"{mean:.4g}"
    digits = max(0, 1 - math.floor(math.log10(half)))
    return f"{mean:{'+' if sign else ''},.{digits}f} ± {half:,.{digits}f}"
