"""Hunting: it finds the smallest schedule where that is known, and none where there is none; it keeps bounds."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from meterstorm.experiments.runs.run import run_world
from meterstorm.experiments.scenario import ScenarioError, validate
from meterstorm.experiments.scenario.faults import AT_SERVERS, FAULTS, Fault
from meterstorm.experiments.search import hunt
from meterstorm.experiments.search.goals import Comparison, comparison
from meterstorm.experiments.search.schedules import FACTOR_MAX, OWN, bounds_of, schedules

from support.layers import layered

BUSY: dict[str, Any] = {
    "title": "busy",
    "run": {"duration_s": 600.0, "warmup_s": 60.0},
    "clients": {"count": 40},
    "products": [{"licenses": 30}],
    "workload": {"launch_interval_s": 300.0, "run_time_s": 100.0},
    "policies": {"failover": {"name": "immediate"}},
}


def scenario(*layers: dict[str, Any]) -> Any:
    return hunt.prepared(validate(layered(BUSY, *layers)))


def said(text: str) -> Comparison:
    return comparison("--breaks", text)


def hunted(base: Any, text: str, trials: int = 60, faults: int = 2) -> hunt.Hunted:
    return hunt.hunt(base, said(text), trials, faults, lambda tried: None)


def metric(base: Any, schedule: hunt.Schedule, name: str) -> Any:
    """What a metric is with a schedule, run anew."""
    faults = validate(layered(BUSY, {"faults": schedule})).faults
    return run_world(base.model_copy(update={"faults": faults}), 0).metrics[name]


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(("client", "at_s"), [(0, 100.5), (1, 207.5)])
def test_the_smallest_schedule_is_found_where_one_request_can_fail(
    client: int, at_s: float, seed: int, tmp_path: Path
):
    """One request, at a time and to a server that are known: a second of that server being away is enough."""
    trace = tmp_path / "one.csv"
    trace.write_text(f"time_s,client,run_time_s\n{at_s},{client},1e6\n")
    base = scenario(
        {"clients": {"count": 2, "heartbeat_s": 0.0}, "servers": {"count": 2}, "run": {"seed": seed}},
        {"workload": {"arrivals": "trace", "trace": str(trace)}, "policies": {"failover": {"name": "never"}}},
    )
    found = hunted(base, "gave_up > 0")
    expected = {"kind": "unreachable", "servers": [client], "duration_s": 1.0, "start_s": float(int(at_s))}
    assert found.schedule == [expected]
    assert (found.outcome.value, found.baseline.value, found.is_shrunk) == (1.0, 0.0, True)


@pytest.mark.parametrize("text", ["amplification > 3", "amplification > 2x", "time_to_recover_s == inf"])
def test_nothing_of_what_is_found_can_be_left_out(text: str):
    base, breaks = scenario(), said(text)
    found = hunted(base, text)
    assert found.schedule and found.is_shrunk
    baseline = metric(base, [], breaks.metric)
    assert breaks.holds(metric(base, found.schedule, breaks.metric), baseline)
    for number, fault in enumerate(found.schedule):
        others = found.schedule[:number] + found.schedule[number + 1 :]
        shorter = {**fault, "duration_s": fault["duration_s"] - 1}
        assert not breaks.holds(metric(base, others, breaks.metric), baseline)
        if shorter["duration_s"]:
            changed = [*found.schedule[:number], shorter, *found.schedule[number + 1 :]]
            assert not breaks.holds(metric(base, changed, breaks.metric), baseline)


def test_a_factor_is_a_number_times_the_value_without_faults():
    base = scenario()
    without = metric(base, [], "amplification")
    assert hunted(base, "amplification > 2x").schedule == hunted(base, f"amplification > {2 * without!r}").schedule


def test_equal_seeds_find_the_same_and_others_what_breaks_it_too():
    found = [hunted(scenario({"run": {"seed": seed}}), "amplification > 3") for seed in (1, 1, 2)]
    assert found[0] == found[1]
    assert all(one.outcome.value > 3 for one in found)


def test_replications_count_by_their_mean():
    base = scenario({"run": {"replications": 3}})
    found = hunted(base, "amplification > 2")
    assert len(set(found.outcome.digests)) == 3
    values = [
        run_world(hunt._with_faults(base, found.schedule).scenario, r).metrics["amplification"] for r in range(3)
    ]
    assert found.outcome.value == pytest.approx(sum(values) / 3)


def test_nothing_is_found_where_nothing_is_there():
    found = hunted(scenario(), "denial_fraction > 1", trials=15)
    assert (found.schedule, found.found_after, found.tried) == (None, 0, 15)
    assert found.outcome == found.baseline


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("amplification >= 1", "holds without any fault: amplification is 1"),
        ("amplification >= 1x", "holds without any fault"),
        ("time_to_recover_s > 2x", "time_to_recover_s does not apply without faults"),
    ],
)
def test_a_hunt_for_nothing_is_refused(text: str, words: str):
    with pytest.raises(ScenarioError, match=words):
        hunted(scenario(), text)


def test_a_fault_that_changes_nothing_breaks_nothing(tmp_path: Path):
    """Without a launch nothing happens that a fault could change: what a metric is then is not its doing."""
    trace = tmp_path / "none.csv"
    trace.write_text("time_s,client,run_time_s\n590,0,1\n")
    base = scenario({"workload": {"arrivals": "trace", "trace": str(trace)}, "clients": {"heartbeat_s": 0.0}})
    crash = {"kind": "crash", "servers": "all", "start_s": 100.0, "duration_s": 50.0}
    assert metric(base, [crash], "time_to_last_client_s") == 0
    assert hunted(base, "time_to_last_client_s == 0", trials=40).schedule is None


def test_arms_are_hunted_one_at_a_time():
    with pytest.raises(ScenarioError, match=r'there are 2, "a\\"b", "c"'):
        scenario({"arms": [{"name": 'a"b'}, {"name": "c"}]})


def test_faults_of_an_arm_would_hide_those_of_a_hunt():
    with pytest.raises(ScenarioError, match="would not be seen"):
        hunted(scenario({"arms": [{"name": "a", "set": {"faults": []}}]}), "amplification > 3")


def test_the_faults_and_cases_of_the_scenario_are_left_out_and_what_is_said_of_them():
    fault = {"kind": "refusing", "servers": "all", "start_s": 100.0, "duration_s": 500.0}
    cases = [{"name": "x", "set": {"faults": [fault]}}, {"name": "y"}]
    expect = [{"metric": "denials", "case": "x", "op": "<", "value": 1.0}]
    base = scenario({"faults": [fault], "cases": cases, "compare": {"baseline": "y"}, "expect": expect})
    assert hunt.baseline_of(base, said("amplification > 3")) == hunt.baseline_of(
        scenario(), said("amplification > 3")
    )


@given(schedule=schedules(bounds_of(scenario(), 2)))
@settings(max_examples=200, deadline=None)
def test_schedules_are_within_their_bounds(schedule: hunt.Schedule):
    made = validate(layered(BUSY, {"faults": schedule})).faults
    assert 1 <= len(made) <= 2
    assert [fault.start_s for fault in made] == sorted(fault.start_s for fault in made)
    for fault in made:
        assert fault.start_s >= 60
        assert 1 <= fault.duration_s <= 150
        assert fault.start_s + fault.duration_s <= 450  # a quarter of the run is left to recover in
        assert getattr(fault, "factor", FACTOR_MAX) <= FACTOR_MAX
    assert validate(layered(BUSY, {"faults": schedule})).faults == made


def test_every_key_that_only_some_kinds_have_is_drawn():
    assert set(OWN) == {key for kind in AT_SERVERS for key in FAULTS[kind].model_fields} - set(Fault.model_fields)


def test_every_kind_is_drawn():
    seen: set[str] = set()
    base, drawn = scenario(), schedules(bounds_of(scenario(), 3))

    @given(schedule=drawn)
    @settings(max_examples=200, deadline=None, database=None, derandomize=True)
    def see(schedule: hunt.Schedule) -> None:
        seen.update(fault["kind"] for fault in schedule)

    see()
    assert seen == set(AT_SERVERS)
    assert base.faults == ()


class Interrupt:
    """An interrupt that comes with the schedule of a number."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
        self.left, self.run = number, hunt.run_world
        monkeypatch.setattr(hunt, "run_world", self)

    def __call__(self, *arguments: Any) -> Any:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt
        return self.run(*arguments)


def test_an_interrupt_keeps_what_was_found(monkeypatch: pytest.MonkeyPatch):
    whole = hunted(scenario(), "amplification > 3")
    Interrupt(monkeypatch, whole.found_after + 8)
    found = hunted(scenario(), "amplification > 3")
    assert (found.is_interrupted, found.is_shrunk) == (True, False)
    assert found.outcome.value > 3
    assert found.tried < whole.tried


def test_an_interrupt_of_a_hunt_that_has_found_nothing_is_an_interrupt(monkeypatch: pytest.MonkeyPatch):
    Interrupt(monkeypatch, 4)
    with pytest.raises(KeyboardInterrupt):
        hunted(scenario(), "denial_fraction > 1")


def test_shrinking_is_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(hunt, "SHRINKS", 5)
    found = hunted(scenario(), "amplification > 3")
    assert found.outcome.value > 3
    assert not found.is_shrunk
    assert found.tried == found.found_after + 5
