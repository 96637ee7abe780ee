"""What of a run is compared with what: arms in every case, or cases, by replication."""

import math
from typing import Any

import pytest
from meterstorm.experiments.comparisons.of_results import AUTO, WHERE_ANY, all_rivals, comparisons
from meterstorm.experiments.metrics.paired import paired
from meterstorm.experiments.scenario import validate

from support.made_up import results_of

INF = math.inf
ARMS = {"arms": [{"name": "a"}, {"name": "b"}, {"name": "c"}]}
CASES = {"cases": [{"name": "calm"}, {"name": "storm"}]}
SYMPTOM = {"name": "ill", "symptom": "s", "metric": "denials", "baseline": "calm"}
ONLY: dict[str, Any] = {"compare": {"metrics": ["denials"]}}


def rivals(*layers: dict[str, Any]) -> list[tuple[str | None, ...]]:
    raw = {"title": "x"} | {key: value for layer in layers for key, value in layer.items()}
    return [(*rival.own, *rival.other) for rival in all_rivals(validate(raw))]


def test_every_arm_is_compared_with_the_first_in_every_case():
    assert rivals(ARMS) == [(None, "b", None, "a"), (None, "c", None, "a")]
    assert rivals(ARMS, CASES) == [
        ("calm", "b", "calm", "a"),
        ("calm", "c", "calm", "a"),
        ("storm", "b", "storm", "a"),
        ("storm", "c", "storm", "a"),
    ]
    assert rivals(ARMS, {"compare": {"baseline": "b"}}) == [(None, "a", None, "b"), (None, "c", None, "b")]


def test_without_arms_cases_are_compared_but_for_those_with_a_symptom():
    three = {"cases": [{"name": "calm"}, SYMPTOM, {"name": "storm"}]}
    assert rivals(three) == [("storm", None, "calm", None)]
    assert rivals(three, {"compare": {"baseline": "storm"}}) == [("calm", None, "storm", None)]
    assert ("ill", "b", "ill", "a") in rivals(three, ARMS)


@pytest.mark.parametrize("raw", [{}, {"cases": [{"name": "calm"}, SYMPTOM]}, {"arms": [{"name": "a"}]}])
def test_where_there_are_no_two_nothing_is_compared(raw):
    assert rivals(raw) == []
    assert comparisons(results_of(raw, {})) == []


def test_replications_are_paired_by_their_number():
    a, b = [1.0, 2.0, 4.0], [10.0, 30.0, 20.0]
    made_up = {(None, "a"): {"denials": a}, (None, "b"): {"denials": b}}
    numbers = {(None, "a"): [0, 2, 3], (None, "b"): [1, 2, 3]}
    found = comparisons(results_of(ARMS | ONLY, made_up, numbers))
    assert [(one.rival.arm, one.metric) for one in found] == [("b", "denials")]  # of c nothing is finished
    assert found[0].comparison.paired == paired([30.0, 20.0], [2.0, 4.0])


def test_the_confidence_is_that_of_the_scenario():
    made_up = {(None, name): {"denials": values} for name, values in {"a": [1, 2, 3], "b": [5, 9, 4]}.items()}
    compare = {"compare": {"metrics": ["denials"], "confidence": 0.8}}
    (found,) = comparisons(results_of(ARMS | compare, made_up))
    assert found.comparison.paired == paired([5, 9, 4], [1, 2, 3], 0.8)


def test_all_comparisons_of_a_run_are_one_family():
    cells = [(case, arm) for case in ("calm", "storm") for arm in "abc"]
    made_up = {cell: {"denials": [n, 2.0 * n], "grants": [1.0, n]} for n, cell in enumerate(cells)}
    found = comparisons(results_of(ARMS | CASES | {"compare": {"metrics": ["denials", "grants"]}}, made_up))
    assert len(found) == 8
    assert {one.comparison.family for one in found} == {8}


def metrics_of(raw: dict[str, Any], a: dict[str, list[Any]], b: dict[str, list[Any]]) -> list[str]:
    return [one.metric for one in comparisons(results_of(raw, {(None, "a"): a, (None, "b"): b}))]


def test_metrics_that_do_not_apply_are_compared_only_if_they_are_named():
    two = {"arms": ARMS["arms"][:2]}
    every = {name: [1.0, 2.0] for name in (*AUTO, *WHERE_ANY)}
    assert metrics_of(two, every, every) == [*AUTO, *WHERE_ANY]
    calm = every | {"time_to_recover_s": [None, None], "storm_peak_ratio": [None, None]}
    calm |= {"unmetered_license_hours": [0, 0], "failbacks": [0, 0]}
    assert metrics_of(two, calm, calm) == [
        name for name in AUTO if name not in ("time_to_recover_s", "storm_peak_ratio")
    ]
    assert metrics_of(two, calm, every) == [*AUTO, *WHERE_ANY]  # it applies in one of the arms
    named = {"compare": {"metrics": ["time_to_recover_s", "imbalance_max"]}}
    assert metrics_of(two | named, calm, calm) == ["time_to_recover_s", "imbalance_max"]
    assert metrics_of(two | {"compare": {"metrics": []}}, every, every) == []


def test_which_metrics_apply_is_a_matter_of_the_case():
    raw = {"arms": ARMS["arms"][:2]} | CASES
    healthy, ill = {"amplification": [1.0]}, {"amplification": [2.0], "time_to_recover_s": [INF]}
    made_up = {(case, arm): ill if case == "storm" else healthy for case in ("calm", "storm") for arm in "ab"}
    assert [(one.rival.case, one.metric) for one in comparisons(results_of(raw, made_up))] == [
        ("calm", "amplification"),
        ("storm", "amplification"),
        ("storm", "time_to_recover_s"),
    ]
