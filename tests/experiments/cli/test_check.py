"""`meterstorm check`: what it says of runs, and of folders that are none."""

import json

import pytest
from meterstorm.experiments.cli import console
from meterstorm.experiments.reports import diff, sufficiency

from support.command_line import COMPARED, DARK, SHORT, invoke, refused

QUESTIONS = ["warm-up", "duration", "events", "samples", "replications"]
BRIEF = """
title = "brief"
[run]
duration_s = 7200
warmup_s = 0
replications = 6
sample_s = 20
[clients]
count = 40
[[faults]]
start_s = 3600
duration_s = 100
[[faults]]
start_s = 3700
duration_s = 120
repeat_s = 3000
repeats = 3
[[faults]]
start_s = 9000
duration_s = 1
"""


@pytest.fixture
def run(here):
    def _run(text: str, *options: object) -> None:
        (here / "x.toml").write_text(text)
        result = invoke("run", "x.toml", "--workers", 0, "--out", "out", "--force", *options)
        assert result.exit_code == 0, result.stderr

    return _run


def checked(*options: object) -> str:
    result = invoke("check", "out", *options)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def test_a_run_is_judged_by_what_its_folder_has(run, here):
    run(BRIEF)
    content = json.loads(checked("--json"))
    assert list(content) == QUESTIONS
    # An empty site takes a mean run time, half an hour, to fill up.
    assert content["warm-up"]["verdict"] == "no"
    assert content["warm-up"]["reason"].startswith("licenses_in_use has a mean of")
    assert content["samples"] == {
        "verdict": "no",
        "reason": "the shortest fault, 100 s, is 5 samples long; run.sample_s = 10 gives 10",
        "versions": [{"case": None, "arm": None, **{k: content["samples"][k] for k in ("verdict", "reason")}}],
    }
    (version,) = sufficiency.versions(diff.read(here / "out"))
    assert version.times[:3] == (0, 7200, 20)
    # The second fault happens at 3700 and 6700; a third time and the third fault are after the end.
    assert (version.times.first_fault_s, version.times.shortest_fault_s) == (3600, 100)
    assert {values.shape for values in version.series.values()} == {(6, 1 + 360)}


def test_the_text_says_the_same(run):
    run(BRIEF)
    content = json.loads(checked("--json"))
    lines = checked().splitlines()
    assert [line.split()[0] for line in lines] == QUESTIONS
    for line, question in zip(lines, QUESTIONS, strict=True):
        assert line.split()[1] == content[question]["verdict"]
        assert line.rstrip().endswith(content[question]["reason"])


def test_versions_are_told_apart_and_their_rows_go_with_them(run, here):
    run(COMPARED)
    content = json.loads(checked("--json"))
    words = {(v["case"], v["arm"]): v["verdict"] for v in content["duration"]["versions"]}
    assert words == {
        (case, arm): "no" if case == "dark" else "yes"
        for case in ("calm", "dark")
        for arm in ("immediate", "never")
    }
    assert "['dark', 'immediate'; 2 of 4 versions: no]" in checked()
    for version in sufficiency.versions(diff.read(here / "out")):
        attempts = version.series["attempts"][:, 1:].sum(axis=1)
        assert attempts.tolist() == version.metrics["attempts"]


def test_launches_without_a_steady_state_have_no_warm_up_to_judge(run):
    run(SHORT + "[workload]\nprofile = [[0, 1], [12, 2]]\n")
    found = json.loads(checked("--json"))["warm-up"]
    assert (found["verdict"], "workload.profile" in found["reason"]) == ("unknown", True)


def test_one_replication_is_not_judged(run):
    run(SHORT + DARK)
    assert json.loads(checked("--json"))["replications"]["verdict"] == "unknown"


def test_lines_fit_the_screen(run, monkeypatch):
    run(BRIEF)
    monkeypatch.setenv("COLUMNS", "60")
    assert max(len(line) for line in checked().splitlines()) <= 60


def test_what_is_no_run_is_refused(run, here):
    refused(invoke("check", here), console.WRONG_INPUT, [f"{here} is not the folder of a run"])
    run(SHORT)
    (here / "out" / "timeseries.parquet").unlink()
    refused(invoke("check", "out"), console.WRONG_INPUT, ["out/timeseries.parquet: cannot be read"])
