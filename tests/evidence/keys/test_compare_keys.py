"""[compare] and [[expect]]: what each key does, on values that are worked out by hand."""

from typing import Any

import pytest
from meterstorm.experiments.comparisons.expectations import Judged, judge
from meterstorm.experiments.comparisons.of_results import AUTO, comparisons
from meterstorm.experiments.reports import expected
from meterstorm.experiments.runs.results import Results

from support.lab import covers, exactly
from support.made_up import results_of

T_2 = {0.5: 0.816497, 0.95: 4.302653}  # quantiles of Student's t for an interval of that confidence, 2 degrees
DEVIATION = 7**0.5  # of 1, 2, 6
RAW: dict[str, Any] = {
    "cases": [{"name": "calm"}, {"name": "storm"}],
    "arms": [{"name": "old"}, {"name": "new"}],
}
MADE_UP: dict[Any, Any] = {
    ("calm", "old"): {"denials": [1, 1, 1], "grants": [9, 9, 9]},
    ("calm", "new"): {"denials": [1, 1, 1], "grants": [9, 9, 9]},
    ("storm", "old"): {"denials": [11, 12, 16], "grants": [3, 3, 3]},
    ("storm", "new"): {"denials": [10, 10, 10], "grants": [5, 5, 5]},
}


def made(compare: dict[str, Any] | None = None, **expect: Any) -> Results:
    expects = {"expect": [{"metric": "denials", "op": "<", "value": 10.5, **expect}]} if expect else {}
    return results_of(RAW | {"compare": compare or {}} | expects, MADE_UP)


def judged(**expect: Any) -> Judged:
    (found,) = judge(made(**expect))
    return found


@covers("compare.baseline")
@pytest.mark.parametrize(("baseline", "arm", "difference"), [("old", "new", -3), ("new", "old", 3)])
def test_the_baseline_is_what_the_others_are_compared_with(baseline, arm, difference):
    found = comparisons(made({"baseline": baseline, "metrics": ["denials"]}))
    assert [(one.rival.arm, one.comparison.paired.difference.mean) for one in found] == [
        (arm, 0),
        (arm, difference),
    ]


@covers("compare.metrics")
@pytest.mark.parametrize("metrics", [[], ["grants"], ["grants", "denials"], ["time_to_recover_s"]])
def test_the_metrics_named_are_compared(metrics):
    assert [one.metric for one in comparisons(made({"metrics": metrics}))] == 2 * metrics


@covers("compare.metrics=auto")
def test_auto_compares_those_of_a_few_metrics_that_apply():
    cells = {
        ("calm", "old"): ["denial_fraction"],
        ("storm", "old"): AUTO,
        ("calm", "new"): [],
        ("storm", "new"): [],
    }
    made_up: Any = {cell: {"denials": [1]} | {name: [1.0] for name in names} for cell, names in cells.items()}
    found = comparisons(results_of(RAW | {"compare": {"metrics": "auto"}}, made_up))
    assert [(one.rival.case, one.metric) for one in found] == [
        ("calm", "denial_fraction"),
        *(("storm", name) for name in AUTO),
    ]


@covers("compare.confidence")
@pytest.mark.parametrize("confidence", T_2)
def test_the_confidence_sets_the_width_of_intervals(confidence):
    half_width = pytest.approx(T_2[confidence] * DEVIATION / 3**0.5, rel=1e-5)
    raw = {"confidence": confidence, "metrics": ["denials"]}
    _, storm = comparisons(made(raw))
    assert storm.comparison.paired.difference.half_width == half_width
    for on in ("interval", "difference"):
        (found,) = judge(made(raw, on=on, case="storm"))
        assert half_width in [one.figure.estimate.half_width for one in found.observed]


@covers("expect.name")
def test_the_name_is_what_it_is_called():
    assert expected.failures(made(name="few denials", case="storm")) == ["few denials: denials < 10.5"]
    assert expected.failures(made(case="storm")) == ["denials < 10.5"]


@covers("expect.metric")
@pytest.mark.parametrize(("metric", "passed"), [("denials", False), ("grants", True)])
def test_the_metric_is_what_it_is_about(metric, passed):
    assert judged(metric=metric).passed is passed


@covers("expect.arm", "expect.case")
@pytest.mark.parametrize(
    ("where", "values"),
    [
        ({}, [1, 1, 13, 10]),
        ({"arm": "new"}, [1, 10]),
        ({"case": "storm"}, [13, 10]),
        ({"arm": "old", "case": "calm"}, [1]),
    ],
)
def test_arm_and_case_say_where_it_must_hold(where, values):
    found = judged(value=9.0, **where)
    assert [one.figure.estimate.mean for one in found.observed] == values
    assert [one.figure.passed for one in found.observed] == [value < 9 for value in values]


WHERE = {"arm": "old", "case": "storm"}  # a mean of 13


@covers(
    "expect.op=<", "expect.op=<=", "expect.op=>", "expect.op=>=", "expect.op===", "expect.op=!=", "expect.value"
)
@pytest.mark.parametrize(
    ("op", "holds_below", "holds_at", "holds_above"),
    [
        ("<", True, False, False),
        ("<=", True, True, False),
        (">", False, False, True),
        (">=", False, True, True),
        ("==", False, True, False),
        ("!=", True, False, True),
    ],
)
def test_the_op_says_how_it_is_held_to_the_value(op, holds_below, holds_at, holds_above):
    found = {value: judged(op=op, value=value, **WHERE).passed for value in (14.0, 13.0, 12.0)}
    assert found == {14.0: holds_below, 13.0: holds_at, 12.0: holds_above}


@covers("expect.on=mean", "expect.on=interval", "expect.on=difference")
@pytest.mark.parametrize(
    ("on", "arm", "center"), [("mean", "old", 13), ("interval", "old", 13), ("difference", "new", -3)]
)
def test_it_is_about_the_mean_its_whole_interval_or_the_whole_difference(on, arm, center):
    half_width = 0 if on == "mean" else T_2[0.95] * DEVIATION / 3**0.5
    for op, end, sign in (("<", center + half_width, 1), (">", center - half_width, -1)):
        for beyond, passed in ((0.01, True), (-0.01, False)):
            found = judged(on=on, op=op, value=end + sign * beyond, arm=arm, case="storm")
            assert found.passed is passed
            assert found.observed[0].figure.estimate.mean == exactly(center)
