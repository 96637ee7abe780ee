"""Tuning: it finds optima that are known, keeps what it has done, and judges by replications of their own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from meterstorm.experiments.scenario import ScenarioError, load
from meterstorm.experiments.search import goals, space, tune
from meterstorm.experiments.sweeps import store
from meterstorm.experiments.sweeps.options import SweepOptions
from meterstorm.experiments.sweeps.points import check
from meterstorm.experiments.sweeps.results import collect

from support.command_line import SHORT
from support.storm import CLIENTS, WINDOW, drawn, write_storm

HERE = SweepOptions(workers=0)


def goal(trials: int, *objectives: str, where: tuple[str, ...] = ()) -> tune.Goal:
    return tune.Goal(goals.objectives(objectives), goals.constraints(where), trials)


def quiet(done: float) -> None:
    pass


class Storm:
    """A tuning of the window in which clients fail over."""

    def __init__(self, folder: Path, sought: tune.Goal, replications: int = 1, seed: int = 1) -> None:
        overrides = drawn("1:500:log", sought.trials, replications, seed)
        self.space = space.space_of(load(write_storm(folder), overrides))
        self.goal, self.kept = sought, folder / "kept"

    def search(self, options: SweepOptions = HERE, on_progress: Callable[[float], None] = quiet) -> tune.Found:
        return tune.search(self.space, self.goal, options, self.kept, on_progress)

    def rows(self, found: tune.Found, *columns: str) -> list[dict[str, Any]]:
        return collect(found.plan, self.kept).select(list(columns)).to_pylist()


def test_the_best_window_is_as_narrow_as_the_queue_allows(tmp_path: Path):
    """The optimum is known: see support/storm.py."""
    longest = 15
    storm = Storm(tmp_path, goal(30, "wait_s_max:min", where=(f"queue_s_max <= {longest}",)), replications=2)
    found = storm.search()
    assert found.is_feasible
    (best,) = found.best
    rows = {row["point"]: row for row in storm.rows(found, "point", WINDOW, "wait_s_max", "queue_s_max")}
    assert CLIENTS - longest <= rows[best][WINDOW] <= CLIENTS
    assert CLIENTS <= rows[best]["wait_s_max"] <= 1.1 * CLIENTS


def test_more_trials_are_made_where_it_is_good(tmp_path: Path):
    """Half of all shares of the logarithm of 1 to 500 are below 22; the best is above 35, and rare by chance."""
    storm = Storm(tmp_path, goal(40, "wait_s_max:min", where=("queue_s_max <= 15",)))
    windows = [point.settings[WINDOW] for point in storm.search().plan.points]
    good = [25 < window < 75 for window in windows]
    assert sum(good[-20:]) > sum(good[:20])


@pytest.mark.parametrize("directions", [("min", "min"), ("max", "min"), ("min", "max")])
def test_the_pareto_set_is_what_nothing_beats(directions: tuple[str, str], tmp_path: Path):
    names = ("wait_s_max", "queue_s_max")
    storm = Storm(tmp_path, goal(20, *(f"{n}:{d}" for n, d in zip(names, directions, strict=True))))
    found = storm.search()
    signs = [1 if direction == "min" else -1 for direction in directions]
    worlds = storm.rows(found, "point", *names)
    costs = {row["point"]: [s * row[n] for s, n in zip(signs, names, strict=True)] for row in worlds}
    unbeaten = [
        number
        for number, mine in costs.items()
        if not any(
            all(a <= b for a, b in zip(other, mine, strict=True)) and other != mine for other in costs.values()
        )
    ]
    assert list(found.best) == unbeaten
    if directions == ("max", "min"):  # the wider, the longer the wait and the shorter the queue
        widest = max(found.plan.points, key=lambda point: point.settings[WINDOW])
        assert found.best == (widest.number,)


def test_where_no_constraint_can_be_kept_the_nearest_is_named(tmp_path: Path):
    """The wider the window, the shorter the queue; nowhere is it this short."""
    found = Storm(tmp_path, goal(12, "wait_s_max:min", where=("queue_s_max <= -1",))).search()
    assert not found.is_feasible
    widest = max(found.plan.points, key=lambda point: point.settings[WINDOW])
    assert found.best == (widest.number,)


def test_the_best_are_judged_by_replications_that_no_trial_has_seen(tmp_path: Path):
    storm = Storm(tmp_path, goal(6, "wait_s_max:min"), replications=3)
    found = storm.search()
    before = tune.scored(collect(found.plan, storm.kept), range(3), storm.goal)
    judged = tune.judge(found, HERE, storm.kept, quiet)
    seen: dict[bool, set[int]] = {True: set(), False: set()}
    for row in storm.rows(found, "point", "replication"):
        seen[row["point"] in found.best].add(row["replication"])
    assert seen[False] == {0, 1, 2}
    assert seen[True] == {0, 1, 2, *tune.fresh(found.plan)}
    assert not set(tune.fresh(found.plan)) & seen[False]
    assert len(tune.fresh(found.plan)) >= 10
    assert judged.done == judged.worlds == len(found.best) * len(tune.fresh(found.plan))
    assert tune.scored(collect(found.plan, storm.kept), range(3), storm.goal) == before


@pytest.mark.parametrize("worlds", [1, 9, 23])
def test_a_tuning_that_was_cut_short_goes_on_as_if_it_was_not(worlds: int, tmp_path: Path):
    (tmp_path / "whole").mkdir()
    (tmp_path / "cut").mkdir()
    sought = goal(15, "wait_s_max:min", where=("queue_s_max <= 15",))
    whole, cut = (Storm(tmp_path / name, sought, replications=2) for name in ("whole", "cut"))

    def interrupt(done: float) -> None:
        if done >= worlds:
            raise KeyboardInterrupt

    expected = whole.search()
    assert cut.search(on_progress=interrupt).outcome.interrupted
    found = cut.search()
    assert found.best == expected.best
    assert cut.rows(found, "digest", WINDOW) == whole.rows(expected, "digest", WINDOW)
    assert sum(batch.num_rows for batch in store.read(cut.kept)) == 30  # none was run twice


def test_how_many_processes_there_are_does_not_matter(tmp_path: Path):
    sought = goal(12, "wait_s_max:min")
    (tmp_path / "two").mkdir()
    alone, two = Storm(tmp_path, sought), Storm(tmp_path / "two", sought)
    expected, found = alone.search(), two.search(SweepOptions(workers=2))
    assert found.best == expected.best
    assert two.rows(found, "digest", WINDOW) == alone.rows(expected, "digest", WINDOW)


def test_what_is_kept_of_other_trials_is_refused(tmp_path: Path):
    sought = goal(3, "wait_s_max:min")
    Storm(tmp_path, sought).search()
    with pytest.raises(tune.ReplayError, match="point 0 is another one now"):
        Storm(tmp_path, sought, seed=2).search()


def tuned(tmp_path: Path, vary: dict[str, Any], sought: tune.Goal, more: str = "") -> tune.Found:
    (tmp_path / "short.toml").write_text(SHORT + more)
    overrides = {"sweep.vary": vary, "sweep.design": "random", "sweep.samples": sought.trials}
    made = space.space_of(load(tmp_path / "short.toml", overrides))
    check(made.ends)
    return tune.search(made, sought, HERE, tmp_path / "kept", quiet)


def test_a_parameter_is_set_only_beside_a_policy_that_has_it(tmp_path: Path):
    key = "policies.failover"
    vary = {f"{key}.cap_s": "1:60", f"{key}.name": ["never", "full-jitter", "retry-then-give-up"]}
    vary[f"{key}.retries"] = "0:5"
    found = tuned(tmp_path, vary, goal(20, "amplification:min"))
    having = {"never": set(), "full-jitter": {"cap_s", "retries"}, "retry-then-give-up": {"retries"}}
    seen = set()
    for point in found.plan.points:
        name = point.settings[f"{key}.name"]
        assert {k.removeprefix(f"{key}.") for k in point.settings} == {"name", *having[name]}
        seen.add(name)
    assert seen == set(having)
    assert found.failed == 0


def test_trials_that_set_the_same_are_one_point(tmp_path: Path):
    busy = "[workload]\nlaunch_interval_s = 60\nrun_time_s = 1\n"  # many launches: more clients, more of them
    found = tuned(tmp_path, {"clients.count": [10, 20, 30]}, goal(25, "launches:max"), busy)
    assert sorted(point.settings["clients.count"] for point in found.plan.points) == [10, 20, 30]
    assert found.outcome.worlds == 3
    (best,) = found.best
    assert found.plan.points[best].settings == {"clients.count": 30}


def test_a_key_that_takes_integers_gets_them_within_its_range(tmp_path: Path):
    found = tuned(tmp_path, {"clients.count": "1:4:log"}, goal(20, "launches:max"))
    assert {point.settings["clients.count"] for point in found.plan.points} == {1, 2, 3, 4}


def test_a_point_that_breaks_a_rule_is_a_trial_that_failed(tmp_path: Path):
    found = tuned(tmp_path, {"servers.count": [2, 3], "servers.sites": [1, 2]}, goal(16, "launches:max"))
    broken = {"servers.count": 3, "servers.sites": 2}
    assert broken in [point.settings for point in found.plan.points]
    assert 0 < found.failed < 16
    assert broken not in [found.plan.points[number].settings for number in found.best]


def test_a_metric_that_never_applies_scores_nothing(tmp_path: Path):
    found = tuned(tmp_path, {"clients.count": [10, 20]}, goal(4, "time_to_recover_s:min"))
    assert (found.best, found.failed) == ((), 4)


@pytest.mark.parametrize("others", [(), ("launches:max",)])
def test_an_infinite_objective_loses_to_any_number(others: tuple[str, ...], tmp_path: Path):
    faults = '[[faults]]\nkind = "refusing"\nservers = "all"\nstart_s = 100\nduration_s = 60\n'
    vary = {"faults[0].duration_s": "10:2000:log"}  # the run ends after 1,200 s
    found = tuned(tmp_path, vary, goal(20, "time_to_recover_s:min", *others), faults)
    durations = [point.settings["faults[0].duration_s"] for point in found.plan.points]
    assert max(durations) > 1200
    assert all(durations[number] < 1100 for number in found.best[:1])


def test_a_constraint_holds_in_every_case(tmp_path: Path):
    cases = '[[cases]]\nname = "few"\n[[cases]]\nname = "many"\nset = { "products[0].licenses" = 400 }\n'
    cases += "[[products]]\nlicenses = 1\n"
    busy = {"clients.count": [10, 40], "workload.launch_interval_s": [60]}
    found = tuned(tmp_path, busy, goal(6, "launches:max", where=("denial_fraction <= 0.05",)), cases)
    assert not found.is_feasible
    assert {row["denial_fraction"] > 0.05 for row in rows_of(found, tmp_path, "few")} == {True}
    assert {row["denial_fraction"] > 0.05 for row in rows_of(found, tmp_path, "many")} == {False}


def rows_of(found: tune.Found, tmp_path: Path, case: str) -> list[dict[str, Any]]:
    rows = collect(found.plan, tmp_path / "kept").select(["case", "denial_fraction"]).to_pylist()
    return [row for row in rows if row["case"] == case]


WRONG_SPACES = {
    "no axes": ({}, "", "sweep.vary: empty"),
    "two arms": ({"clients.count": [1, 2]}, '[[arms]]\nname = "a\\"\\n"\n[[arms]]\nname = "b"\n', "there are 2"),
    "a value": ({"clients.count": [1, 0]}, "", "clients.count: 0"),
    "an end": ({"network.loss": "0:1"}, "", "network.loss: 1.0"),
    "no such key": ({"clients.cont": "1:2"}, "", "clients.cont"),
    "a parameter that no policy has": (
        {"policies.failover.name": ["never", "immediate"], "policies.failover.cap_s": "1:2"},
        "",
        "no policy of policies.failover.name has it",
    ),
    "a key that the arm sets": (
        {"clients.count": [1, 2]},
        '[[arms]]\nname = "a"\nset = { "clients.count" = 3 }\n',
        "would not be seen",
    ),
}


@pytest.mark.parametrize(("vary", "more", "words"), WRONG_SPACES.values(), ids=WRONG_SPACES)
def test_a_wrong_space_is_refused_before_anything_runs(vary: Any, more: str, words: str, tmp_path: Path):
    with pytest.raises(ScenarioError) as refused:
        tuned(tmp_path, vary, goal(2, "launches:max"), more)
    assert words in str(refused.value)
    assert not (tmp_path / "kept").exists()
