"""The engine against the reference: two implementations of one contract must measure the same.

Each scenario runs in both with independent seeds. For every metric the difference of the means must lie within
its Welch interval at 99.9 %, Bonferroni-adjusted over the metrics; what does not vary must be equal. Seeds are
fixed, so a result is repeatable. A scenario also says what it `shows`: metrics that must not be zero, or it
would prove nothing.
"""

import math
from statistics import fmean, variance
from typing import Any

import pytest
from meterstorm.actors.shards.simulate import simulate
from meterstorm.experiments.metrics.metrics import metrics
from meterstorm.experiments.scenario import validate
from scipy.stats import t as student

from oracles.reference import simulate as simulate_reference
from support.agreed import SCENARIOS
from support.agreed_layers import BASE
from support.layers import layered

REPLICATIONS = 20
LEVEL = 1e-3  # of one scenario: all its metrics together
EXACT = 1e-6  # relative; the engine counts whole nanoseconds, and areas in microseconds
BIN = 1 / 32  # the engine's histograms are so coarse; percentiles are known no better
NOT_IN_THE_REFERENCE = {"time_to_recover_s"}


@pytest.mark.slow
@pytest.mark.parametrize("name", SCENARIOS)
def test_both_measure_the_same(name: str):
    shows, layers = SCENARIOS[name]
    raw = layered(BASE, *layers)
    made = validate(raw)
    engine = [metrics(made, simulate(made, r)) for r in range(REPLICATIONS)]
    plain = [simulate_reference(raw, 1000 + r) for r in range(REPLICATIONS)]
    compared = engine[0].keys() - NOT_IN_THE_REFERENCE
    assert compared == plain[0].keys() - NOT_IN_THE_REFERENCE
    level = LEVEL / len(compared)
    found = [
        f"{metric}: {problem}"
        for metric in sorted(compared)
        if (problem := disagreement([e[metric] for e in engine], [p[metric] for p in plain], metric, level))
    ]
    assert not found, "engine, reference:\n" + "\n".join(found)
    for metric in shows.split():
        assert fmean(p[metric] for p in plain) > 0, f"shows nothing of {metric}"


def disagreement(ours: list[Any], theirs: list[Any], metric: str, level: float) -> str | None:
    """What is wrong with a metric, or None. An infinite value, of what never happens, counts as null."""
    known = [[value for value in values if value is not None and value < math.inf] for values in (ours, theirs)]
    missing = [len(ours) - len(known[0]), len(theirs) - len(known[1])]
    if abs(missing[0] - missing[1]) > len(ours) / 2:
        return f"null {missing[0]} and {missing[1]} times"
    if min(map(len, known)) < 2:
        return None
    means = [fmean(values) for values in known]
    errors = [variance(values) / len(values) for values in known]
    slack = (BIN if metric.endswith(("_p50", "_p95", "_p99")) else EXACT) * max(map(abs, means))
    halfwidth = 0.0
    if sum(errors) > 0:
        parts = [error**2 / (len(values) - 1) for error, values in zip(errors, known, strict=True)]
        halfwidth = student.isf(level / 2, sum(errors) ** 2 / sum(parts)) * math.sqrt(sum(errors))
    if abs(means[0] - means[1]) <= halfwidth + slack:
        return None
    return f"{means[0]:.6g} is not {means[1]:.6g} +- {halfwidth:.2g}"
