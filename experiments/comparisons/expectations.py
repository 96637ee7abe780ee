"""What a scenario expects of its results, judged: its [[expect]] tables."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from ..metrics.intervals import Estimate, estimate
from ..metrics.metrics import Value
from ..metrics.operators import OPERATORS
from ..metrics.paired import paired
from ..runs.results import Results
from ..scenario import Expect
from .of_results import Rival, Rows, all_rivals, finished, side_by_side


class Figure(NamedTuple):
    """What was observed of an expectation in one arm and case, over n replications to which the metric applies."""

    n: int
    left_out: int  # to which it does not apply
    infinite: int  # of the n, those with an infinite value
    estimate: Estimate | None  # of the mean, or of the difference; None: there is none
    passed: bool
    why: str  # why it cannot be judged, and so fails; "": it can


class Observed(NamedTuple):
    """An arm in a case, and what was observed there."""

    case: str | None
    arm: str | None
    baseline: str | None  # of a difference
    figure: Figure


class Judged(NamedTuple):
    """An expectation, and what was observed wherever it must hold."""

    expect: Expect
    observed: tuple[Observed, ...]

    @property
    def passed(self) -> bool:
        """Whether it holds wherever it must."""
        return all(one.figure.passed for one in self.observed)


def judge(results: Results) -> list[Judged]:
    """Judge all expectations of a run."""
    rows, confidence = finished(results), results.scenario.compare.confidence
    return [Judged(expect, _observed(results, rows, expect, confidence)) for expect in results.scenario.expect]


def _observed(results: Results, rows: Rows, expect: Expect, confidence: float) -> tuple[Observed, ...]:
    versions = [Rival(row.version.case, row.version.arm, None) for row in results.versions]
    rivals = all_rivals(results.scenario) if expect.on == "difference" else versions
    return tuple(
        Observed(*rival, _figure(rows, expect, rival, confidence))
        for rival in rivals
        if expect.case in (None, rival.case) and expect.arm in (None, rival.arm)
    )


def _figure(rows: Rows, expect: Expect, rival: Rival, confidence: float) -> Figure:
    if expect.on == "difference":
        values, baseline = side_by_side(rows, rival, expect.metric)
        return judge_difference(values, baseline, expect.op, expect.value, confidence)
    values = [row.value(expect.metric) for row in rows.get(rival.own, ())]
    return judge_mean(values, expect.op, expect.value, confidence, whole=expect.on == "interval")


def judge_mean(values: Sequence[Value], op: str, value: float, confidence: float, whole: bool) -> Figure:
    """Hold a mean to a value, or the whole of its interval; a mean with infinite values in it is infinite."""
    known = [float(one) for one in values if one is not None]
    infinite = sum(map(math.isinf, known))
    why = _unknown(len(values), len(known)) or (_no_interval(len(known), infinite) if whole else "")
    found = estimate(known, confidence) if known else None
    passed = not why and found is not None and holds(found, op, value, whole)
    return Figure(len(known), len(values) - len(known), infinite, found, passed, why)


def judge_difference(
    values: Sequence[Value], baseline: Sequence[Value], op: str, value: float, confidence: float
) -> Figure:
    """Hold the whole interval of a paired difference to a value."""
    found = paired(values, baseline, confidence)
    pairs = [(a, b) for a, b in zip(values, baseline, strict=True) if a is not None and b is not None]
    infinite = sum(math.isinf(a) or math.isinf(b) for a, b in pairs)
    why = _unknown(len(values), found.n) or _no_interval(found.n, infinite)
    passed = not why and found.difference is not None and holds(found.difference, op, value, whole=True)
    return Figure(found.n, found.left_out, infinite, found.difference, passed, why)


def _unknown(finished: int, known: int) -> str:
    if not finished:
        return "no replication is finished"
    return "" if known else "null: the metric does not apply"


def _no_interval(n: int, infinite: int) -> str:
    if infinite:
        return "infinite values have no interval"
    return "one replication has no interval; --replications 10 gives one" if n == 1 else ""


def holds(found: Estimate, op: str, value: float, whole: bool) -> bool:
    """Whether a mean, or its whole interval, is as the operator says; != is an interval that lacks the value."""
    if not whole:
        return OPERATORS[op](found.mean, value)
    assert found.half_width is not None
    low, high = found.mean - found.half_width, found.mean + found.half_width
    if op == "!=":
        return not low <= value <= high
    return OPERATORS[op](low, value) and OPERATORS[op](high, value)
