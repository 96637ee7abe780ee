"""What a run leaves out is told, on the screen and in its summary."""

import json

from meterstorm.experiments.runs.warnings import warnings
from meterstorm.experiments.scenario import load, versions

from support.command_line import invoke

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
