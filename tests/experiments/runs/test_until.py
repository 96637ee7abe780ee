"""--until: replications are as many as narrow intervals take, and the run is that of so many from the start."""

import pytest
from meterstorm.experiments.analysis.stopping import is_enough, parse_goal, replications_needed
from meterstorm.experiments.metrics.intervals import estimate
from meterstorm.experiments.runs.options import Options
from meterstorm.experiments.runs.results import Results
from meterstorm.experiments.runs.run import run_as
from meterstorm.experiments.scenario import validate

from support.command_line import invoke, refused
from support.layers import layered
from support.sweeps import SMALL

ARMS = {"arms": [{"name": "few", "set": {"products": [{"licenses": 2}]}}, {"name": "many"}]}
GOAL = "attempts:6%"


def run(at_most: int, *goals: str, replications: int = 2) -> Results:
    scenario = validate(layered(SMALL, ARMS, {"run": {"replications": replications}}))
    return run_as(Options(workers=0, until=goals, at_most=at_most), scenario, lambda done: None)


def digests(results: Results) -> list[list[int]]:
    return [[row.digest for row in result.replications] for result in results.versions]


@pytest.fixture(scope="module")
def narrow() -> Results:
    return run(400, GOAL)


def test_it_is_the_run_of_so_many_from_the_start(narrow):
    count = narrow.scenario.run.replications
    assert 20 < count < 400
    assert digests(narrow) == digests(run(1, replications=count))
    assert narrow.warnings == []


def test_it_ends_at_the_first_look_at_which_all_arms_meet_the_goal(narrow):
    goal, count = parse_goal(GOAL), 2
    values = [[row.metrics["attempts"] for row in result.replications] for result in narrow.versions]
    while (needed := max(replications_needed(known[:count], goal) for known in values)) > count:
        count = needed
    assert count == narrow.scenario.run.replications


def test_it_ends_at_the_most_and_says_what_is_not_met():
    results = run(24, "wait_s_mean:0.001%")
    assert [len(rows) for rows in digests(results)] == [24, 24]
    assert results.warnings == [
        f"--until: {arm}, wait_s_mean: 24 replications are too few" for arm in ("few", "many")
    ]


def test_what_does_not_apply_is_not_waited_for():
    scenario = validate(layered(SMALL, {"faults": []}))
    results = run_as(Options(workers=0, until=("time_to_recover_s:5%",)), scenario, lambda done: None)
    assert [len(rows) for rows in digests(results)] == [20]
    assert results.warnings == ["--until: time_to_recover_s: it does not apply in 20 of 20 replications"]


def test_a_goal_may_be_of_a_group():
    """Which is smaller, so that its interval is wider than that of all clients would be."""
    scenario = validate(layered(SMALL, {"groups": [{"name": "a.b", "share": 0.1}]}))
    goal = "groups.a.b.attempts:10%"
    results = run_as(Options(workers=0, until=(goal,), at_most=1000), scenario, lambda done: None)
    (version,) = results.versions
    known = [row.groups["a.b"]["attempts"] for row in version.replications]
    of_all = [row.metrics["attempts"] for row in version.replications]
    assert is_enough(of_all[: len(known) // 2], parse_goal("attempts:10%"))  # long before
    assert len(known) < 1000
    assert estimate(known).half_width <= 0.1 * estimate(known).mean
    assert results.warnings == []


def test_progress_stays_within_the_worlds_that_were_announced():
    told: list[float] = []
    scenario = validate(layered(SMALL, ARMS))
    run_as(Options(workers=0, until=(GOAL,), at_most=30), scenario, told.append)
    assert max(told) == pytest.approx(4.0)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--until", "wait_s_mean"], ["wait_s_mean", "METRIC:HALF-WIDTH"]),
        (
            ["--until", "wait_mean:5%"],
            ["--until wait_mean:5%: wait_mean is not a metric", 'did you mean "wait_s_mean"'],
        ),
        (
            ["--until", "groups.new.attempts:5%"],
            ['--until: "groups.new.attempts" is not allowed', "the name of one: there is none"],
        ),
        (
            ["--until", "groups.new.overissued:5%"],
            ['"groups.new.overissued" is not allowed', "a metric that groups of clients have (did you mean"],
        ),
        (["--at-most", "30"], ["--at-most 30", "only with --until"]),
        (["--until", "wait_s_mean:5%", "--at-most", "x"], ["--at-most x", "whole number"]),
        (
            ["--until", "wait_s_mean:5%", "--checkpoint-every", "30s"],
            ["--until wait_s_mean:5%", "--checkpoint-every"],
        ),
    ],
)
def test_wrong_goals_are_refused(arguments, words):
    refused(invoke("run", "q226827", *arguments), 2, words)


def test_a_sweep_takes_no_goal_of_a_group():
    goal = "groups.new.attempts:5%"
    refused(invoke("sweep", "q226827", "--until", goal), 2, [f'--until: "{goal}"', "a sweep keeps none of groups"])


def test_a_collection_takes_no_goal():
    refused(invoke("run", "kb", "--until", GOAL), 2, [f"--until {GOAL}", "not for kb"])
