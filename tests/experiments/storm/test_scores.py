"""Scores by hand, and what must hold of them."""

import math
from pathlib import Path
from typing import Any

import pytest
from meterstorm.experiments.metrics.names import METRICS
from meterstorm.experiments.storm.scores import NAMES, SCORES, WEIGHTS, Measured, cost, of_world, weights

MEASURED = Measured(run_time_s=100.0, duration_s=3600.0)


def metrics(**changes: Any) -> dict[str, Any]:
    return {name: 0 for name in METRICS} | changes


def scores(**changes: Any) -> dict[str, Any]:
    return of_world(metrics(**changes), metrics(abnormal_denial_fraction=0.1), MEASURED)


def test_each_score_is_named_and_has_a_weight():
    assert tuple(scores()) == NAMES == tuple(WEIGHTS)


def test_the_oracle_has_no_excess():
    own = metrics(abnormal_denial_fraction=0.3)
    assert of_world(own, own, MEASURED)["excess_abnormal_denials"] == 0
    assert scores(abnormal_denial_fraction=0.3)["excess_abnormal_denials"] == pytest.approx(0.2)
    assert scores(abnormal_denial_fraction=None)["excess_abnormal_denials"] is None


def test_over_use_is_the_unmetered_share_of_what_runs():
    """Two licenses for an hour, of which half an hour is a ghost's; half an hour runs without."""
    own = scores(licenses_in_use_mean=2.0, ghost_license_hours=0.5, unmetered_license_hours=0.5)
    assert own["over_use"] == pytest.approx(0.25)
    assert scores()["over_use"] is None


def test_runs_lost_are_owed():
    """Ten launches; two denied for no good reason, one that nobody answered: 300 s of runs."""
    own = scores(launches=10, denials_misplaced=1, denials_ghost=1, denials=5, gave_up=1)
    assert own["owed_s"] == pytest.approx(30.0)
    assert scores()["owed_s"] is None


def test_who_is_evicted_by_a_denial_loses_one_run_not_two():
    once = scores(launches=10, denials_misplaced=1, denials=1, evictions=1)
    assert once["owed_s"] == scores(launches=10, denials_misplaced=1, denials=1)["owed_s"] == pytest.approx(10.0)


def test_who_waits_is_owed_the_wait_as_far_as_denials_are_abnormal():
    """Half a user waits on average over an hour; one of four denials is abnormal."""
    own = scores(launches=10, denials_stranded=1, denials=4, waiting_users_mean=0.5)
    assert own["owed_s"] == pytest.approx(0.5 * 3600 / 4 / 10)


def test_no_run_counts_for_longer_than_is_measured():
    long = Measured(run_time_s=1e6, duration_s=3600.0)
    own = of_world(metrics(launches=1, gave_up=1), metrics(), long)
    assert own["owed_s"] == 3600.0


def test_the_cost_is_linear_and_leaves_out_what_does_not_apply():
    own = {"wait_s": 120.0, "load": 1.5, "storm_peak": None}
    assert cost(own, WEIGHTS, 3600.0) == pytest.approx(120 * WEIGHTS["wait_s"] + 1.5 * WEIGHTS["load"])
    assert cost(own, weights({"load": 0.0, "wait_s": 2.0}), 3600.0) == pytest.approx(240.0)


def test_a_client_that_is_never_served_costs_the_measured_time():
    never, late = {"last_client_s": math.inf}, {"last_client_s": 3600.0}
    assert cost(never, WEIGHTS, 3600.0) == cost(late, WEIGHTS, 3600.0) == pytest.approx(1.0)


@pytest.mark.parametrize("value", [-1.0, math.inf, math.nan])
def test_a_weight_is_a_number_from_0_on(value: float):
    with pytest.raises(ValueError, match=r"wait_s: .* is not allowed"):
        weights({"wait_s": value})


def test_an_unknown_score_is_named_with_those_there_are():
    with pytest.raises(ValueError, match=r"wiat: no such score; the scores are excess_abnormal_denials, "):
        weights({"wiat": 1.0})


def test_the_page_has_every_score_with_its_weight_and_meaning():
    page = (Path(__file__).parents[3] / "experiments/storm/README.md").read_text()
    for score in SCORES:
        weight = f"1/{1 / score.weight:.0f}" if score.weight < 1 else f"{score.weight:g}"
        assert f"| `{score.name}` | {weight} | {score.meaning} |" in page
