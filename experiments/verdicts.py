"""Whether a symptom shows: a case's metric against the same metric in its baseline case, paired by replication."""

import math
from typing import NamedTuple

from .run import Results, VersionResult
from .scenario import Case
from .statistics import Estimate, estimate, paired_difference


class Verdict(NamedTuple):
    """What one arm shows of one symptom."""

    case: Case
    arm: str | None
    here: Estimate  # the metric in the case
    baseline: Estimate  # and in its baseline case
    excess: Estimate  # the paired difference
    shown: bool | None  # None: one replication has no interval


def verdicts(results: Results) -> list[Verdict]:
    """Return a verdict for every symptom and arm with finished replications.

    A symptom shows when the mean paired difference exceeds the half-width of its 95 % interval.
    """
    by_name = {(result.version.case, result.version.arm): result for result in results.versions}
    found = []
    for case in results.scenario.cases:
        if case.metric is None:
            continue
        for arm in dict.fromkeys(result.version.arm for result in results.versions):
            verdict = _verdict(case, arm, by_name[case.name, arm], by_name[case.baseline, arm])
            if verdict:
                found.append(verdict)
    return found


def _verdict(case: Case, arm: str | None, here: VersionResult, baseline: VersionResult) -> Verdict | None:
    assert case.metric is not None
    pairs = [
        (a, b)
        for a, b in zip(_values(here, case.metric), _values(baseline, case.metric), strict=False)
        if a is not None and b is not None
    ]
    if not pairs:
        return None
    a, b = zip(*pairs, strict=True)
    excess = paired_difference(a, b)
    shown = None if excess.half_width is None else excess.mean > excess.half_width
    if excess.half_width is not None and math.isinf(excess.half_width):
        shown = all(x - y == math.inf for x, y in pairs if x != y)  # always worse, and beyond measure
    return Verdict(case, arm, estimate(a), estimate(b), excess, shown)


def _values(result: VersionResult, metric: str) -> list[float | None]:
    """Return a metric by replication number, which is their order."""
    return [row.metrics[metric] for row in result.replications]
