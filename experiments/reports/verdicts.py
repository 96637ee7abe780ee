"""Whether symptoms show, and whether a scenario reproduces them: by differences paired by replication.

A symptom is a case's metric in excess of the same metric in its baseline case, under the same arm. Of a scenario
that compares arms, the first has the defect and the last its cure.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from ..metrics.intervals import Estimate, difference, estimate, paired_difference
from ..runs.results import Results, VersionResult
from ..scenario import Case


class Verdict(NamedTuple):
    """What one arm shows of one symptom."""

    case: Case
    arm: str | None
    here: Estimate  # the metric in the case
    baseline: Estimate  # and in its baseline case
    excess: Estimate  # the paired difference
    shown: bool | None  # None: one replication has no interval


class Reproduction(NamedTuple):
    """Whether one symptom is reproduced: it shows with the defect, and less of it shows with the cure."""

    defect: Verdict  # under the first arm
    cure: Verdict  # under the last one
    less: Estimate  # excess with the defect minus excess with the cure, paired
    reproduced: bool | None  # None: one replication has no interval


def verdicts(results: Results) -> list[Verdict]:
    """Return a verdict for every symptom and arm with finished replications.

    A symptom shows when the mean paired difference exceeds the half-width of its 95 % interval.
    """
    found = []
    for case in _symptoms(results):
        for arm in _arms(results):
            verdict = _verdict(results, case, arm)
            if verdict:
                found.append(verdict)
    return found


def reproductions(results: Results) -> list[Reproduction]:
    """Return for every symptom whether it is reproduced, if both arms have finished replications.

    Reproduced: it shows under the first arm, and its excess there is larger than under the last arm, by more than
    the 95 % interval of the paired difference. A scenario of one arm reproduces nothing: it has no cure.
    """
    first, last = _arms(results)[0], _arms(results)[-1]
    found = []
    for case in _symptoms(results):
        defect, cure = _verdict(results, case, first), _verdict(results, case, last)
        if defect and cure and first != last:
            a, b = _pairs(_excess(results, case, first), _excess(results, case, last))
            if a:
                less = paired_difference(a, b)
                clear = _exceeds(less, a, b)
                reproduced = None if defect.shown is None or clear is None else defect.shown and clear
                found.append(Reproduction(defect, cure, less, reproduced))
    return found


def _symptoms(results: Results) -> list[Case]:
    return [case for case in results.scenario.cases if case.metric is not None]


def _arms(results: Results) -> list[str | None]:
    return list(dict.fromkeys(result.version.arm for result in results.versions))


Values = dict[int, float]  # by replication number


def _verdict(results: Results, case: Case, arm: str | None) -> Verdict | None:
    a, b = _pairs(*_here_and_baseline(results, case, arm))
    if not a:
        return None
    excess = paired_difference(a, b)
    return Verdict(case, arm, estimate(a), estimate(b), excess, _exceeds(excess, a, b))


def _excess(results: Results, case: Case, arm: str | None) -> Values:
    here, baseline = _here_and_baseline(results, case, arm)
    return {n: difference(here[n], baseline[n]) for n in here.keys() & baseline.keys()}


def _here_and_baseline(results: Results, case: Case, arm: str | None) -> tuple[Values, Values]:
    by_name = {(result.version.case, result.version.arm): result for result in results.versions}
    return _values(by_name[case.name, arm], case.metric), _values(by_name[case.baseline, arm], case.metric)


def _values(result: VersionResult, metric: str | None) -> Values:
    assert metric is not None
    values = {row.number: row.value(metric) for row in result.replications}
    return {number: value for number, value in values.items() if value is not None}


def _pairs(a: Values, b: Values) -> tuple[list[float], list[float]]:
    """Return the values of the replications that both have, in order of their numbers."""
    both = sorted(a.keys() & b.keys())
    return [a[n] for n in both], [b[n] for n in both]


def _exceeds(difference: Estimate, a: Sequence[float], b: Sequence[float]) -> bool | None:
    """Whether a exceeds b by more than the interval of the paired difference; None: there is no interval."""
    if difference.half_width is None:
        return None
    if math.isinf(difference.half_width):  # infinite differences: only if all of them are positive
        return all(x - y == math.inf for x, y in zip(a, b, strict=True) if x != y)
    return difference.mean > difference.half_width
