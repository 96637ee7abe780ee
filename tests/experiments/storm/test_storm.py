"""The benchmark from end to end, on small storms: what is run, what is kept, what is refused."""

import json
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
from meterstorm.experiments.cli import console, storming
from meterstorm.experiments.storm import contests, sources
from meterstorm.experiments.storm import roster as rosters
from meterstorm.experiments.storm import run as storms
from meterstorm.experiments.storm.scores import NAMES
from meterstorm.experiments.storm.sources import Choice
from meterstorm.experiments.sweeps import run as sweeps
from meterstorm.policies import sources as policy_files
from pyarrow import parquet

from support.command_line import invoke

PAGE = (Path(__file__).parents[3] / "experiments/storm/README.md").read_text()

STORM = """
title = "two servers, one away"
[run]
duration_s = 1800
warmup_s = 300
[servers]
count = 2
[clients]
count = 30
[[products]]
licenses = 12
[workload]
launch_interval_s = 600
run_time_s = 300
[[faults]]
kind = "unreachable"
servers = [0]
start_s = 600
duration_s = 300
[[arms]]
name = "of the file"
[[expect]]
metric = "denials"
op = "<"
value = 0
[sweep.vary]
"clients.count" = [30, 40]
"""

ROSTER = """
[[policies]]
name = "oracle"
set = { "policies.balancing" = { name = "shared-pool" } }
[[policies]]
name = "at once"
set = { "policies.failover" = { name = "immediate" } }
[[policies]]
name = "patient"
set = { "policies.failover" = { name = "full-jitter" } }
"""

MINE = """
from typing import NamedTuple

from meterstorm.policies import fail_over
from meterstorm.policies import sources as policy_files


class Mine(NamedTuple):
    def on_failure(self, link, memory, u):
        return fail_over()


class Wrong(NamedTuple):
    def on_failure(self, link, memory, u):
        return retry(5.0)
"""

OWN = ("--scenario", "storm.toml", "--policies", "roster.toml", "--workers", "0", "--replications", "3")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in (("storm.toml", STORM), ("roster.toml", ROSTER), ("mine.py", MINE)):
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def storm(*words: str, status: int = 0) -> Any:
    done = invoke("bench", "storm", *OWN, "--out", "out", *words)
    assert done.exit_code == status, done.output
    return done


def scores(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = parquet.read_table(folder / "out" / "scores.parquet").to_pylist()
    return found


def of_policy(rows: list[dict[str, Any]], policy: str) -> list[dict[str, Any]]:
    return [
        {key: value for key, value in row.items() if key != "policy"} for row in rows if row["policy"] == policy
    ]


def test_every_setting_and_policy_has_a_row_for_each_replication(here: Path):
    done = storm()
    rows = scores(here)
    assert len(rows) == 2 * 2 * 3
    assert {row["policy"] for row in rows} == {"at once", "patient"}
    assert {row["setting"] for row in rows} == {"count = 30", "count = 40"}
    for word in ("patient", "on front", "1 more settings", "out"):
        assert word in done.stdout
    page = (here / "out" / "report.html").read_text()
    assert "patient" in page
    assert "count = 40" in page


def test_the_short_form_takes_the_first_setting(here: Path):
    storm("--quick")
    assert {row["setting"] for row in scores(here)} == {""}
    assert len(scores(here)) == 2 * 3


def test_a_copy_of_a_policy_scores_the_same_and_changes_nobody(here: Path):
    """Common random numbers: one more row, and the others stay as they were, whatever is added."""
    storm("--quick")
    before = scores(here)
    storm("--quick", "--policy", "./mine.py:Mine", "--force")
    after = scores(here)
    assert of_policy(after, "Mine") == of_policy(before, "at once")
    for policy in ("at once", "patient"):
        assert of_policy(after, policy) == of_policy(before, policy)


def test_the_oracle_as_a_rival_has_no_excess(here: Path):
    (here / "roster.toml").write_text(ROSTER + '[[policies]]\nname = "twin"\n' + 'set = { "policies.balancing" = '
                                      '{ name = "shared-pool" } }\n')  # fmt: skip
    storm("--quick")
    twin = [row["excess_abnormal_denials"] for row in scores(here) if row["policy"] == "twin"]
    assert twin == [0.0, 0.0, 0.0]
    assert any(row["excess_abnormal_denials"] > 0 for row in scores(here) if row["policy"] == "at once")


def test_it_goes_on_where_it_was_ended(here: Path):
    """What is finished is read, not run: the table of a part that was lost is made anew, and is the same."""
    (here / "again.toml").write_text(STORM)
    both = ("--quick", "--scenario", "again.toml")
    storm(*both)
    whole = (here / "out" / "scores.parquet").read_bytes()
    shutil.rmtree(here / "out" / "again")
    first = (here / "out" / "storm" / "metrics.parquet").stat().st_mtime_ns
    storm(*both)
    assert (here / "out" / "scores.parquet").read_bytes() == whole
    assert (here / "out" / "storm" / "metrics.parquet").stat().st_mtime_ns == first


def test_an_interrupt_keeps_what_is_done(here: Path, monkeypatch: pytest.MonkeyPatch):
    """In the middle of a storm; the same command then gives what an undisturbed run does."""
    (here / "again.toml").write_text(STORM)
    both = ("--scenario", "again.toml")
    storm(*both)
    whole = (here / "out" / "scores.parquet").read_bytes()
    sweep, told = storms.run_sweep, []

    def tell_and_interrupt(done: float) -> None:
        told.append(done)
        if len(told) == 10:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(storms, "run_sweep", lambda *given: sweep(*given[:-1], tell_and_interrupt))
        done = storm(*both, "--force", status=console.INTERRUPTED)
    assert "interrupted" in done.stderr
    assert "the same command goes on" in done.stderr
    assert json.loads((here / "out" / "storm.json").read_text())["interrupted"]
    assert 0 < len(scores(here)) < 24
    assert "Interrupted." in (here / "out" / "report.html").read_text()
    storm(*both)
    assert (here / "out" / "scores.parquet").read_bytes() == whole
    assert not json.loads((here / "out" / "storm.json").read_text())["interrupted"]


def test_weights_may_change_without_a_run(here: Path):
    storm("--quick")
    before = (here / "out" / "storm" / "metrics.parquet").stat().st_mtime_ns
    storm("--quick", "--weight", "load=7")
    assert json.loads((here / "out" / "storm.json").read_text())["weights"]["load"] == 7
    assert (here / "out" / "storm" / "metrics.parquet").stat().st_mtime_ns == before


def test_the_baseline_may_change_without_a_run(here: Path):
    storm("--quick")
    before = (here / "out" / "storm" / "metrics.parquet").stat().st_mtime_ns
    rows = scores(here)
    storm("--quick", "--baseline", "patient")
    assert json.loads((here / "out" / "storm.json").read_text())["baseline"] == "patient"
    assert (here / "out" / "storm" / "metrics.parquet").stat().st_mtime_ns == before
    assert scores(here) == rows
    assert set(parquet.read_table(here / "out" / "comparisons.parquet")["policy"].to_pylist()) == {"at once"}


def test_what_is_there_and_is_something_else_is_refused(here: Path):
    storm("--quick")
    assert "with other settings or policies" in storm("--quick", "--seed", "5", status=console.WRONG_INPUT).stderr
    (here / "mine").mkdir()
    (here / "mine" / "letter.txt").write_text("dear")
    for more in ((), ("--force",)):
        done = invoke("bench", "storm", *OWN, "--out", "mine", *more)
        assert done.exit_code == console.WRONG_INPUT
        assert "not the folder of a storm benchmark" in done.stderr
    assert (here / "mine" / "letter.txt").exists()


def test_a_policy_that_has_changed_since_is_not_taken_for_the_same(here: Path):
    own = ("--quick", "--policy", "./mine.py:Mine")
    storm(*own)
    (here / "mine.py").write_text(MINE.replace("fail_over()", "fail_over(1.0)"))
    policy_files.forget(here / "mine.py")  # as a new process
    assert "another version of the engine or of a policy" in storm(*own, status=console.WRONG_INPUT).stderr


def test_a_policy_that_fails_is_told_and_the_others_stand(here: Path):
    done = storm("--quick", "--policy", "./mine.py:Wrong", status=console.FAILED_WORLDS)
    assert "Wrong.on_failure cannot be compiled" in done.stderr
    assert "3 worlds failed" in done.stderr
    assert {row["policy"] for row in scores(here) if row["error"] is None} == {"at once", "patient"}
    assert {row["policy"] for row in scores(here) if row["error"]} == {"Wrong"}
    assert set(parquet.read_table(here / "out" / "comparisons.parquet")["policy"].to_pylist()) == {"patient"}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--scenario", "strom.toml"), "neither a scenario of the benchmark"),
        (("--scenario", "./storm.toml"), "2 scenarios have that name"),
        (("--policy", "fifoo"), 'no policy "fifoo"'),
        (("--baseline", "patent"), 'did you mean "patient"'),
        (("--weight", "load"), "--weight load: is not allowed; write SCORE=NUMBER"),
        (("--weight", "load=-1"), "load: -1 is not allowed"),
        (("--replications", "0"), "--replications 0: must be 1 or more"),
        (("--policies", "none.toml"), "cannot be read"),
    ],
)
def test_wrong_input_leaves_no_folder_and_says_what_is_allowed(here: Path, words: tuple[str, ...], told: str):
    assert told in storm(*words, status=console.WRONG_INPUT).stderr
    assert not (here / "out").exists()


def test_a_policy_that_a_scenario_cannot_have_is_left_out_there_and_told(here: Path):
    (here / "one.toml").write_text(STORM.replace("count = 2", "count = 1"))
    done = storm("--quick", "--scenario", "one.toml", "--policy", "at-next-request")
    assert "warning: one goes without at-next-request" in done.stderr
    found = {(row["scenario"], row["policy"]) for row in scores(here)}
    assert ("storm", "at-next-request") in found
    assert ("one", "at-next-request") not in found


def row(policy: str, replication: int, value: float | None = 1.0, error: str | None = None) -> dict[str, Any]:
    where = {"scenario": "s", "setting": "", "case": "", "measured_s": 1.0}
    return where | {"policy": policy, "replication": replication, "error": error} | dict.fromkeys(NAMES, value)


def test_only_replications_that_all_policies_have_run_count():
    """As after an interrupt: nobody is compared over other users, and nobody is left out."""
    ran = {"a": (0, 1, 3), "b": (0, 1, 2), "c": (1, 0)}
    (found,) = contests.contests(row(policy, n, float(n)) for policy, numbers in ran.items() for n in numbers)
    assert [(policy, own["load"]) for policy, own in found.scores.items()] == [
        (each, [0.0, 1.0]) for each in "abc"
    ]


def test_a_policy_that_failed_somewhere_is_out_of_that_contest():
    ran = [row(policy, n) for policy in "ab" for n in range(2)]
    (found,) = contests.contests([*ran, row("a", 2), row("b", 2, None, "it broke")])
    assert list(found.scores) == ["a"]
    assert found.scores["a"]["load"] == [1.0] * 3


@pytest.mark.parametrize("rows", [[row("a", 0), row("b", 1)], [row("a", 0, None, "it broke")]])
def test_where_no_replication_counts_there_is_no_contest(rows: list[dict[str, Any]]):
    assert contests.contests(rows) == []


# The storms themselves


@pytest.mark.parametrize("source", sources.built_in(), ids=lambda source: source.name)
def test_each_storm_says_where_it_is_from_and_takes_nearly_all_policies(source: sources.Source):
    roster = rosters.read()
    planned = sources.planned(source, roster, Choice(is_quick=True, replications=1))
    assert "Source" in planned.plan.base.description
    assert len(planned.plan.points) == 1
    assert len(planned.plan.base.arms) + len(planned.left_out) == len(roster.arms)
    assert len(planned.left_out) <= 1
    assert 100 <= planned.plan.base.clients.count <= 1000
    assert len(sources.planned(source, roster, Choice(is_quick=False, replications=1)).plan.points) > 1


def test_the_commands_of_the_page_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """At the size of one storm."""
    (tmp_path / "mine.py").write_text(MINE.replace("Mine", "Patient"))
    monkeypatch.chdir(tmp_path)
    commands = re.findall(r"^meterstorm (bench storm .*)$", PAGE, re.MULTILINE)
    assert len(commands) == 2
    small = ["--scenario", "brief-outage", "--replications", "2", "--workers", "0", "--force"]
    for command in commands:
        done = invoke(*shlex.split(command), *small)
        assert done.exit_code == 0, done.output
        assert (tmp_path / "results/bench-storm-quick/report.html").exists()


def test_ray_workers_do_not_matter(here: Path, monkeypatch: pytest.MonkeyPatch):
    """Their answers come in any order; how Ray runs a function is tested in actors/cluster."""

    def spread(function: Any, jobs: Any, workers: Any, address: Any, room: Any) -> Any:
        assert (workers, address) == (0, "auto") and len(room.memory) == 1
        yield from reversed([(number, "a node", function(*job)) for number, job in enumerate(jobs)])

    storm()
    expected = (here / "out" / "scores.parquet").read_bytes()
    monkeypatch.setattr(sweeps, "spread", spread)
    monkeypatch.setattr(storming, "join", lambda options: None)
    storm("--ray-address", "auto", "--force")
    assert (here / "out" / "scores.parquet").read_bytes() == expected
