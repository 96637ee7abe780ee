"""Expectations, judged by hand."""

import math
import operator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterstorm.experiments.comparisons.expectations import (
    OPERATORS,
    Figure,
    holds,
    judge,
    judge_difference,
    judge_mean,
)
from meterstorm.experiments.metrics.intervals import Estimate, estimate, paired_difference

from support.made_up import results_of

INF = math.inf


@given(st.integers(-5, 5), st.integers(0, 3), st.integers(-9, 9), st.sampled_from(list(OPERATORS)))
def test_an_interval_holds_where_every_point_of_it_does(mean, half_width, value, op):
    points = [mean + half_width * step / 2 for step in range(-2, 3)]
    compared = {"<": "lt", "<=": "le", ">": "gt", ">=": "ge", "==": "eq", "!=": "ne"}[op]
    each = [getattr(operator, compared)(point, value) for point in points]
    found = Estimate(float(mean), float(half_width))
    assert holds(found, op, value, whole=False) == each[2]
    if op not in ("==", "!=") or half_width == 0:
        assert holds(found, op, value, whole=True) == all(each)
    if op == "!=":
        assert holds(found, op, value, whole=True) == (abs(mean - value) > half_width)


VALUES = [1.0, 2.0, 6.0]  # mean 3, deviation sqrt(7), half-width 4.303 * sqrt(7 / 3) = 6.572


@pytest.mark.parametrize(
    ("op", "value", "whole", "passed"),
    [
        ("<", 3.1, False, True),
        ("<", 3, False, False),
        ("<=", 3, False, True),
        (">", 3, False, False),
        (">=", 3, False, True),
        ("==", 3, False, True),
        ("!=", 3, False, False),
        ("<", 9.58, True, True),
        ("<", 9.56, True, False),
        (">", -3.58, True, True),
        (">", -3.56, True, False),
        ("!=", 9.58, True, True),
        ("!=", 9.56, True, False),
        ("!=", -3.58, True, True),
    ],
)
def test_a_mean_or_its_interval_is_held_to_a_value(op, value, whole, passed):
    assert judge_mean(VALUES, op, value, 0.95, whole) == Figure(3, 0, 0, estimate(VALUES), passed, "")
    shifted = [100 + one for one in VALUES]
    if whole:
        found = judge_difference(shifted, [100.0] * 3, op, value, 0.95)
        assert found == Figure(3, 0, 0, paired_difference(shifted, [100.0] * 3), passed, "")


def test_a_lower_confidence_is_sooner_satisfied():
    assert [judge_mean(VALUES, ">", 0, confidence, True).passed for confidence in (0.5, 0.99)] == [True, False]


@pytest.mark.parametrize(
    ("values", "op", "passed"),
    [
        ([INF, 1.0], "<", False),
        ([INF, INF], "<", False),
        ([INF, 1.0], ">", True),
        ([INF, 1.0], "!=", True),
        ([INF, 1.0], "==", False),
    ],
)
def test_a_mean_with_an_infinite_value_is_infinite(values, op, passed):
    found = judge_mean(values, op, 1e9, 0.95, whole=False)
    assert (found.infinite, found.passed, found.why) == (values.count(INF), passed, "")


ONE = "one replication has no interval; --replications 10 gives one"
INFINITE = "infinite values have no interval"
NULL = "null: the metric does not apply"
NOTHING = "no replication is finished"


@pytest.mark.parametrize(
    ("values", "whole", "why"),
    [
        ([], False, NOTHING),
        ([None, None], False, NULL),
        ([], True, NOTHING),
        ([None], True, NULL),
        ([1.0], True, ONE),
        ([1.0, None], True, ONE),
        ([INF, 1.0], True, INFINITE),
        ([INF], True, INFINITE),
    ],
)
def test_what_cannot_be_judged_is_not_met_and_says_why(values, whole, why):
    for op in OPERATORS:
        found = judge_mean(values, op, 1.0, 0.95, whole)
        assert (found.passed, found.why) == (False, why)
        if whole:
            for pair in ((values, [0.0] * len(values)), ([0.0] * len(values), values)):
                found = judge_difference(*pair, op, 1.0, 0.95)
                assert (found.passed, found.why) == (False, why)


def test_infinite_pairs_are_counted_once():
    found = judge_difference([INF, INF, 1.0, INF, 2.0], [INF, 1.0, INF, None, 1.0], "<", 1.0, 0.95)
    assert (found.n, found.left_out, found.infinite) == (4, 1, 3)


def test_a_replication_to_which_the_metric_does_not_apply_is_left_out():
    assert judge_mean([1.0, None, 3.0], "==", 2, 0.95, whole=False) == Figure(
        2, 1, 0, estimate([1.0, 3.0]), True, ""
    )


BOTH: dict[str, Any] = {
    "cases": [{"name": "calm"}, {"name": "storm"}],
    "arms": [{"name": "old"}, {"name": "new"}],
}
MADE_UP = {
    ("calm", "old"): {"denials": [1, 1, 1]},
    ("calm", "new"): {"denials": [1, 1, 1]},
    ("storm", "old"): {"denials": [9, 8, 9]},
    ("storm", "new"): {"denials": [2, 1, 2]},
}


def judged(expect: dict[str, Any], raw: dict[str, Any] = BOTH, made_up: Any = MADE_UP) -> Any:
    (found,) = judge(results_of(raw | {"expect": [{"metric": "denials", "op": "<", **expect}]}, made_up))
    return found.passed, {(one.case, one.arm): one.figure.passed for one in found.observed}


def test_it_must_hold_in_every_arm_and_case_that_it_does_not_leave_out():
    everywhere = {("calm", "old"): True, ("calm", "new"): True, ("storm", "old"): False, ("storm", "new"): True}
    assert judged({"value": 5}) == (False, everywhere)
    assert judged({"value": 10}) == (True, dict.fromkeys(everywhere, True))
    assert judged({"value": 5, "arm": "new"}) == (True, {("calm", "new"): True, ("storm", "new"): True})
    assert judged({"value": 5, "case": "storm"}) == (False, {("storm", "old"): False, ("storm", "new"): True})
    assert judged({"value": 5, "case": "storm", "arm": "new"}) == (True, {("storm", "new"): True})


def test_a_difference_is_that_of_every_arm_but_the_baseline():
    less = {"value": -6, "on": "difference"}
    assert judged(less) == (False, {("calm", "new"): False, ("storm", "new"): True})  # by 7 in every replication
    assert judged({**less, "case": "storm"}) == (True, {("storm", "new"): True})
    other_way = BOTH | {"compare": {"baseline": "new"}}
    assert judged({"op": ">", "value": 6, "on": "difference", "case": "storm"}, other_way)[0]


def test_without_arms_a_difference_is_one_of_cases():
    raw = {"cases": BOTH["cases"]}
    made_up = {("calm", None): {"denials": [1, 1, 2]}, ("storm", None): {"denials": [3, 3, 4]}}
    assert judged({"op": ">", "value": 1.9, "on": "difference"}, raw, made_up) == (True, {("storm", None): True})


def test_a_scenario_without_cases_and_arms_has_one_place_to_look():
    assert judged({"value": 2}, {}, {(None, None): {"denials": [1]}}) == (True, {(None, None): True})


@pytest.mark.parametrize("on", ["mean", "interval", "difference"])
def test_what_has_not_begun_is_not_met(on):
    passed, observed = judged({"value": 5, "on": on}, made_up={})
    assert not passed and not any(observed.values()) and observed


def test_an_interrupted_run_is_judged_by_the_replications_that_both_have_finished():
    made_up = MADE_UP | {("storm", "old"): {"denials": [9]}}
    (found,) = judge(
        results_of(BOTH | {"expect": [{"metric": "denials", "op": "<", "value": 0, "on": "difference"}]}, made_up)
    )
    assert [one.figure.why for one in found.observed] == ["", ONE]
