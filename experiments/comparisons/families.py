"""Several comparisons at once: intervals that all hold together, and p-values that allow for their number."""

from collections.abc import Sequence
from typing import NamedTuple

from ..metrics.metrics import Value
from ..metrics.paired import Paired, paired


class Comparison(NamedTuple):
    """A comparison, and what of it holds together with all others of its family."""

    paired: Paired
    family: int  # comparisons in the family: those that have a p-value
    simultaneous: float | None  # half-width of the interval of the difference, by Bonferroni
    p_holm: float | None


SideBySide = tuple[Sequence[Value], Sequence[Value]]  # values, and those of the baseline, by replication


def compare(pairs: Sequence[SideBySide], confidence: float = 0.95) -> list[Comparison]:
    """Compare values with those of their baseline, each pair as `paired` and all of them as one family."""
    found = [paired(values, baseline, confidence) for values, baseline in pairs]
    tested = [one.p for one in found if one.p is not None]
    level = bonferroni(confidence, len(tested))
    adjusted = iter(holm(tested))
    return [
        Comparison(
            one,
            len(tested),
            _half_width(paired(values, baseline, level)),
            None if one.p is None else next(adjusted),
        )
        for one, (values, baseline) in zip(found, pairs, strict=True)
    ]


def _half_width(one: Paired) -> float | None:
    return one.difference.half_width if one.difference else None


def bonferroni(confidence: float, family: int) -> float:
    """Return the confidence that each of some intervals needs, so that all hold at once with that given."""
    return 1 - (1 - confidence) / max(1, family)


def holm(ps: Sequence[float]) -> list[float]:
    """Return adjusted p-values: the chance that one of those below a level is wrong is at most that level."""
    order = sorted(range(len(ps)), key=lambda n: ps[n])
    adjusted, least = [0.0] * len(ps), 0.0
    for rank, n in enumerate(order):
        least = max(least, min(1.0, ps[n] * (len(ps) - rank)))
        adjusted[n] = least
    return adjusted
