"""Goals: what they mean, and how wrong ones are refused."""

from math import inf

import pytest
from meterstorm.experiments.scenario import ScenarioError
from meterstorm.experiments.search import goals


@pytest.mark.parametrize("value", [-1.0, 0.0, 1.999, 2, 2.0, 2.001, inf])
@pytest.mark.parametrize("number", ["2", "-1", "0.0", "inf"])
def test_a_comparison_says_what_its_sign_says(value: float, number: str):
    meant = {
        "<=": value <= float(number),
        ">=": value >= float(number),
        "<": value < float(number),
        ">": value > float(number),
        "==": value == float(number),
    }
    for sign, holds in meant.items():
        assert goals.comparison("--breaks", f"denials {sign} {number}").holds(value) is holds


@pytest.mark.parametrize("value", [None, 0.0, 1.999, 2.0, 2.001, inf])
@pytest.mark.parametrize("text", ["denials <= 2", "denials >= 2", "denials <= inf", "denials >= inf"])
def test_a_constraint_is_violated_where_it_does_not_hold(value: float | None, text: str):
    (one,) = goals.constraints([text])
    assert (one.violation(value) <= 0) is one.holds(value)


def test_a_factor_is_of_the_value_without_faults():
    twice = goals.comparison("--breaks", "denials>2x")
    assert twice.text == "denials > 2x"
    assert [twice.holds(value, 3.0) for value in (5.9, 6.0, 6.1, None)] == [False, False, True, False]


def test_a_mean_is_of_what_applies():
    assert goals.mean([1, None, 2.0]) == 1.5
    assert goals.mean([1.0, inf]) == inf
    assert goals.mean([None]) is None


WRONG_OBJECTIVES = {
    "no direction": (["denials"], ["--objective denials: not an objective", "METRIC:min or METRIC:max"]),
    "direction": (["denials:least"], ["--objective denials:least", "METRIC:min"]),
    "metric": (["denial:min"], ["denial is not a metric", 'did you mean "denials"']),
    "of the wall clock": (["messages_per_s:min"], ["messages_per_s is not a metric"]),
    "twice": (["denials:min", "denials:max"], ["--objective denials: given 2 times"]),
    "none": ([], ["--objective: missing", "denial_fraction:min"]),
}


@pytest.mark.parametrize(("texts", "words"), WRONG_OBJECTIVES.values(), ids=WRONG_OBJECTIVES)
def test_a_wrong_objective_is_refused(texts: list[str], words: list[str]):
    with pytest.raises(ScenarioError) as refused:
        goals.objectives(texts)
    assert all(word in str(refused.value) for word in words)


WRONG_CONSTRAINTS = {
    "strict": ["denials < 2"],
    "equal": ["denials == 2"],
    "factor": ["denials <= 2x"],
    "no number": ["denials <= many"],
    "not a number": ["denials <= nan"],
    "infinitely many times": ["denials <= infx"],
    "no sign": ["denials 2"],
    "empty": [""],
    "metric": ["denial <= 2"],
    "twice": ["denials <= 2", "denials <= 3"],
    "a name with a newline": ["denials\nx <= 2"],
}


@pytest.mark.parametrize("texts", WRONG_CONSTRAINTS.values(), ids=WRONG_CONSTRAINTS)
def test_a_wrong_constraint_is_refused(texts: list[str]):
    with pytest.raises(ScenarioError, match="--subject-to"):
        goals.constraints(texts)


def test_a_range_is_two_constraints():
    assert len(goals.constraints(["denials >= 1", "denials <= 2"])) == 2
