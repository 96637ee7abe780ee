"""What a run leaves out is told, on the screen and in its summary."""

import json

import pytest
import tomli_w
from meterstorm.actors.wall.measures import Lateness
from meterstorm.experiments.runs.warnings import warnings
from meterstorm.experiments.scenario import load, validate, versions

from support.command_line import invoke
from support.layers import layered
from support.wall_runs import MS, SETTING, MadeUp

TRACED = """
title = "traced"
[run]
duration_s = 100
warmup_s = 0
[clients]
count = 5
[workload]
arrivals = "trace"
trace = "trace.csv"
[[arms]]
name = "a"
[[arms]]
name = "b"
"""


def test_launches_after_the_end(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "traced.toml").write_text(TRACED)
    (tmp_path / "trace.csv").write_text("time_s,client,run_time_s\n1,0,1\n100,1,1\n200,2,1\n")
    result = invoke("run", "traced.toml", "--json", "--workers", 0)
    assert result.exit_code == 0
    summary = json.loads(result.stdout)
    (line,) = summary["warnings"]
    assert (
        line == f"{tmp_path / 'trace.csv'}: 2 of 3 launches come after the end of the run, 100 s after the warm-up"
    )
    assert result.stderr.count(f"warning: {line}") == 1
    assert [arm["metrics"]["launches"]["mean"] for arm in summary["arms"]] == [1, 1]


def test_nothing_to_tell(tmp_path):
    (tmp_path / "traced.toml").write_text(TRACED)
    (tmp_path / "trace.csv").write_text("time_s,client,run_time_s\n1,0,1\n99.9,1,1\n")
    scenario = load(tmp_path / "traced.toml")
    assert warnings(version.scenario for version in versions(scenario)) == []


def test_wrong_data_is_told_before_the_run(tmp_path):
    workload = {"run_time": "empirical", "run_times": str(tmp_path / "none.csv")}
    with pytest.raises(ValueError, match=r"^workload.run_times: there is no file"):
        told(workload=workload)


FAULT = {"start_s": 100.0, "duration_s": 10.0}
RUN = {"duration_s": 1000.0}
CAPPED = {"failover": {"name": "capped-exponential", "base_s": 60.0, "cap_s": 60.0}}


def told(**tables):
    return warnings([validate({"title": "told", "run": RUN} | tables)])


def test_a_fault_after_the_end():
    assert told(faults=[FAULT | {"start_s": 999.9}]) == []
    (line,) = told(faults=[FAULT, FAULT | {"start_s": 1000.0}])
    assert line.startswith("faults[1].start_s: 1000.0 is not before the end of the run (run.duration_s = 1000.0)")


@pytest.mark.parametrize(("repeats", "expected"), [(4, None), (5, 4), (10**6, 4)])
def test_repetitions_after_the_end(repeats, expected):
    """They begin at 100, 399.9, 699.8 and 999.7 s; the fifth would after the end."""
    lines = told(faults=[FAULT | {"repeat_s": 299.9, "repeats": repeats}])
    begins = [f"faults[0].repeats: only {expected} of {repeats} begin before"] if expected else []
    assert [line.partition(" the end")[0] for line in lines] == begins


@pytest.mark.parametrize(("stagger_s", "reached"), [(0.0, None), (299.9, None), (300.0, 3), (1e6, 1)])
def test_a_restart_that_rolls_beyond_the_end(stagger_s, reached):
    """It comes to four servers at 100, 399.9, 699.8 and 999.7 s."""
    lines = told(faults=[FAULT | {"servers": "all", "stagger_s": stagger_s}], servers={"count": 4})
    comes = [f"faults[0].stagger_s: it comes to only {reached} of 4 servers before"] if reached else []
    assert [line.partition(" the end")[0] for line in lines] == comes


def test_samples_longer_than_the_run():
    assert told(run={"duration_s": 60.0, "sample_s": 60.0}) == []
    (line,) = told(run={"duration_s": 60.0, "sample_s": 60.1})
    assert line.startswith("run.sample_s: 60.1 is longer than run.duration_s = 60.0")


@pytest.mark.parametrize("name", ["capped-exponential", "equal-jitter", "full-jitter", "decorrelated-jitter"])
def test_a_cap_below_its_base(name):
    assert told(policies=CAPPED) == []
    (line,) = told(policies={"failover": {"name": name, "base_s": 61.0}})  # the cap is 60 s by default
    assert line.startswith("policies.failover.cap_s: 60.0 is below base_s = 61.0")


def test_a_denial_cap_below_its_base():
    (line,) = told(policies={"denial": {"name": "backoff-retry", "base_s": 10.0, "cap_s": 1.0}})
    assert line.startswith("policies.denial.cap_s: 1.0 is below base_s = 10.0")


def test_each_line_once():
    scenario = validate({"title": "told", "run": RUN, "faults": [FAULT | {"start_s": 2000.0}]})
    assert len(warnings([scenario, scenario])) == 1


class Behind(MadeUp):
    """A machine too slow for the second replication of the arm with more clients: three events of a hundred."""

    def simulate(self, scenario, replication, *others):
        """As ever, but for the shard of clients."""
        tally, found = super().simulate(scenario, replication, *others)
        lateness = Lateness()
        if scenario.clients.count > 30 and replication == 1:
            lateness.add(1.0 * MS, 97)
            lateness.add(40.0 * MS, 3)
        return tally, found._replace(nodes=(*found.nodes[:2], found.nodes[2]._replace(lateness=lateness)))


def test_a_run_that_fell_behind_the_clock_names_arm_replication_and_process(tmp_path, monkeypatch):
    monkeypatch.setattr("meterstorm.experiments.runs.run.WallSet", Behind)
    two = {"arms": [{"name": "few"}, {"name": "many", "set": {"clients.count": 60}}]}
    (tmp_path / "two.toml").write_text(tomli_w.dumps(layered(SETTING, two)))
    result = invoke("run", tmp_path / "two.toml", "--json", "--no-report", "--out", tmp_path / "run")
    assert result.exit_code == 0, result.stderr
    line = (
        "many, replication 1: the wall clock: shard 0 of clients fell behind: 3.0% of its events came more than "
        "5 ms late, the latest by 0.04 s; slow it down with --pace, or give it more cores"
    )
    assert json.loads(result.stdout)["warnings"] == [line]
    assert result.stderr.count("fell behind") == 1 == result.stderr.count(f"warning: {line}")
