"""Runs with checkpoints: --checkpoint-every, what stays on disk, and resume; refused where it would go wrong."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from meterstorm.actors.cluster.connection import ClusterError
from meterstorm.actors.setup import origin
from meterstorm.actors.shards.checkpoints import Checkpoints
from meterstorm.actors.shards.sealed import CheckpointError, read, write
from meterstorm.actors.state.events import JOURNAL
from meterstorm.experiments.cli import console, execution
from meterstorm.experiments.cli import main as cli
from meterstorm.experiments.cli.options import parse_seconds
from meterstorm.experiments.runs import run
from meterstorm.experiments.runs import unfinished as checkpoints
from meterstorm.experiments.runs.unfinished import UnfinishedRun
from meterstorm.experiments.scenario import load
from meterstorm.policies import sources
from pyarrow import parquet
from typer.testing import CliRunner

COMPARED = """
title = "compared"
[run]
duration_s = 1200
replications = 2
[clients]
count = 20
[[faults]]
kind = "unreachable"
servers = "all"
start_s = 100
duration_s = 600
[[arms]]
name = "a"
[[arms]]
name = "b"
set = { "policies.failover" = { name = "./mine.py:Mine" } }
"""

MINE = """
from typing import NamedTuple
from meterstorm.policies import retry

class Mine(NamedTuple):
    delay_s: float = 5.0
    def on_failure(self, link, memory, u):
        return retry(self.delay_s)
"""

RUN = ("run", "compared.toml", "--workers", 0, "--json", "--journal", "--out")
TABLES = (
    "timeseries.parquet",
    "servers.parquet",
    "servers_timeseries.parquet",
    "faults.parquet",
    "journal.parquet",
)


@pytest.fixture
def here(tmp_path, monkeypatch):
    (tmp_path / "compared.toml").write_text(COMPARED)
    (tmp_path / "mine.py").write_text(MINE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def invoke(*arguments: object) -> Any:
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def words(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("5m", 300), ("1h", 3600), ("45", 45), ("0.5s", 0.5), ("1.5m", 90)]
)
def test_times(text, seconds):
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "s", "30x", "-1s", "0", "0.05s", "1e3", "inf", "nan", "1h30m", "9" * 400])
def test_impossible_times(text, here):
    with pytest.raises(ValueError, match=f"{re.escape(repr(text))} is not allowed; it must be at least 0.1s"):
        parse_seconds(text)
    if len(text) < 10:
        result = invoke("run", "compared.toml", f"--checkpoint-every={text}", "--out", "out")
        assert result.exit_code == console.WRONG_INPUT
        assert "--checkpoint-every: " in result.stderr and not (here / "out").exists()


def test_checkpoints_leave_nothing_behind_in_the_folder_of_a_finished_run(here):
    plain = invoke("run", "compared.toml", "--workers", 0, "--json", "--journal", "--out", "plain")
    kept = invoke(
        "run", "compared.toml", "--workers", 0, "--json", "--journal", "--out", "kept", "--checkpoint-every", "1h"
    )
    assert kept.exit_code == 0, kept.stderr
    assert json.loads(kept.stdout)["arms"] == json.loads(plain.stdout)["arms"]
    assert sorted(path.name for path in Path("kept").iterdir()) == sorted(
        path.name for path in Path("plain").iterdir()
    )
    for name in TABLES:
        assert parquet.read_table(f"kept/{name}") == parquet.read_table(f"plain/{name}")
    again = invoke("resume", "kept")
    assert again.exit_code == console.WRONG_INPUT and "kept: nothing to resume" in again.stderr


@pytest.fixture
def interrupted(here, monkeypatch) -> Path:
    """The folder of a run that was interrupted in its third world of four, with a checkpoint of that."""
    save = Checkpoints.save

    def save_and_interrupt(self, write_parts):
        save(self, write_parts)
        if self.folder.name == "world-0-1" and self.written == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "save", save_and_interrupt)
        patch.setattr(Checkpoints, "is_due", lambda self: True)
        result = invoke(
            "run",
            "compared.toml",
            "--workers",
            0,
            "--json",
            "--journal",
            "--out",
            "out",
            "--checkpoint-every",
            "1h",
        )
    assert result.exit_code == console.INTERRUPTED
    assert "interrupted; kept 2 of 4 worlds in out" in result.stderr
    assert "meterstorm resume out goes on" in result.stderr
    assert [arm["replications"] for arm in json.loads(result.stdout)["arms"]] == [1, 1]
    return here / "out"


def test_resume_does_what_is_left_and_writes_what_a_whole_run_does(interrupted, monkeypatch):
    ran, simulate = [], run.simulate

    def counted(scenario, replication, *rest):
        ran.append(replication)
        return simulate(scenario, replication, *rest)

    monkeypatch.setattr(run, "simulate", counted)
    resumed = invoke("resume", "out", "--json")
    assert resumed.exit_code == 0, resumed.stderr
    assert resumed.stderr == ""
    assert ran == [1, 1]
    whole = invoke(*RUN, "whole")
    content, expected = json.loads(resumed.stdout), json.loads(whole.stdout)
    assert content["arms"] == expected["arms"]
    assert content["engine"]["events"] == expected["engine"]["events"]
    assert sorted(path.name for path in interrupted.iterdir()) == sorted(
        path.name for path in Path("whole").iterdir()
    )
    for name in TABLES:
        assert parquet.read_table(interrupted / name) == parquet.read_table(f"whole/{name}")
    assert json.loads((interrupted / "provenance.json").read_text())["interrupted"] is False


def begun_in_a_cluster(folder: Path) -> None:
    """Have an unfinished run say that it was begun in a cluster, at whose address nobody answers."""
    head = folder / "checkpoints" / "run"
    facts, _ = read(head, {})
    write(head, facts | {"options": facts["options"] | {"workers": 1, "ray_address": "127.0.0.1:1"}}, {})


def test_an_address_takes_the_place_of_that_of_the_run(interrupted):
    begun_in_a_cluster(interrupted)
    for options, address in (([], "127.0.0.1:1"), (["--ray-address", "127.0.0.1:2"], "127.0.0.1:2")):
        result = invoke("resume", "out", *options)
        assert result.exit_code == console.UNAVAILABLE
        assert f"no Ray cluster answers at {address}" in words(result.stderr)
        assert "kept 2 of 4 worlds in out" in words(result.stderr)
        assert "meterstorm resume out goes on; --ray-address names another cluster" in words(result.stderr)
    assert invoke("resume", "out", "--ray-address", "nonsense").exit_code == console.WRONG_INPUT


def test_a_run_whose_worlds_are_all_finished_needs_no_cluster(interrupted, monkeypatch):
    """Its process was ended before it wrote its files."""
    with monkeypatch.context() as patch:
        patch.setattr(execution.summary, "write_folder", interrupt)
        assert invoke("resume", "out").exit_code != 0
    begun_in_a_cluster(interrupted)
    resumed = invoke("resume", "out", "--json")
    assert resumed.exit_code == 0, resumed.stderr
    assert json.loads(resumed.stdout)["arms"] == json.loads(invoke(*RUN, "whole").stdout)["arms"]


def interrupt(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_a_failure_keeps_what_was_finished(here, monkeypatch):
    """The folder has it, though the run had no checkpoints."""
    done, run_world = [], run.run_world

    def lost(*arguments: Any) -> Any:
        if len(done) == 2:
            raise ClusterError("the node is lost")
        done.append(1)
        return run_world(*arguments)

    monkeypatch.setattr(run, "run_world", lost)
    result = invoke(*RUN, "out")
    assert result.exit_code == console.UNAVAILABLE
    assert words(result.stderr) == "meterstorm: the node is lost meterstorm: kept 2 of 4 worlds in out"
    content = json.loads((here / "out" / "summary.json").read_text())
    assert (
        [arm["replications"] for arm in content["arms"]]
        == [1, 1]
        == [arm["replications"] for arm in json.loads(result.stdout)["arms"]]
    )
    with pytest.raises(ClusterError, match="the node is lost"):
        run.run(load("compared.toml"), workers=0)


def refused(message: str) -> None:
    result = invoke("resume", "out")
    assert result.exit_code == console.WRONG_INPUT
    assert words(message) in words(result.stderr)


def resume_elsewhere() -> subprocess.CompletedProcess[str]:
    """In another process, which has not met the policy."""
    code = "from meterstorm.experiments.cli.main import main; main()"
    command = [sys.executable, "-c", code, "resume", "out", "--json"]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)


@pytest.mark.parametrize("change", [lambda file: file.write_text("raise SystemExit"), Path.unlink])
def test_a_policy_that_has_changed_goes_on_as_it_was(interrupted, change):
    whole = json.loads(invoke(*RUN, "whole").stdout)
    change(Path("mine.py"))
    resumed = resume_elsewhere()
    assert resumed.returncode == 0, resumed.stderr
    assert json.loads(resumed.stdout)["arms"] == whole["arms"]
    is_here = Path("mine.py").exists()
    changed = "has changed since the run began, which" if is_here else "is not here; the run"
    told = f"{Path('mine.py').resolve()}: {changed} goes on with the policy as it was"
    assert told in words(resumed.stderr)
    (kept,) = (interrupted / "policies").iterdir()
    assert kept.read_text() == MINE


def test_a_policy_that_this_process_has_met_otherwise_is_an_error(interrupted):
    with replaced(Path("mine.py"), MINE.replace("5.0", "6.0")):
        refused(f"{Path('mine.py').resolve()}: this process has met another text of this policy")


@contextmanager
def replaced(file: Path, text: str) -> Iterator[None]:
    """Have this process take a file for another one, and forget that in the end."""
    sources.forget(file)
    sources.provide({str(file): text.encode()})
    yield
    sources.forget(file)


@pytest.mark.parametrize("fact", sorted(origin.CODE))
def test_other_code_is_an_error(interrupted, monkeypatch, fact):
    """Whatever of it has changed: the sources of any room, or a version."""
    monkeypatch.setitem(origin.CODE, fact, "another")
    refused(f"out/checkpoints/run: begun by another version: {fact} ")


def test_a_trace_that_changes_meanwhile_ends_the_run(here, monkeypatch):
    """What is done by then is of the trace as it was."""
    trace = here / "trace.csv"
    trace.write_text("time_s,client,run_time_s\n10,0,5\n")
    scenario = load(
        "compared.toml", {"workload.arrivals": "trace", "workload.trace": str(trace), "run.replications": 3}, ()
    )
    done = []

    def change(share: float) -> None:
        done.append(share)
        if share == 1:
            trace.write_text("time_s,client,run_time_s\n10,0,6\n")

    with pytest.raises(
        origin.OriginError, match=rf"^this process has {trace} \w+; this run has {trace} \w+; they"
    ):
        run.run(scenario, workers=0, on_progress=change)
    assert max(done) < 2


def test_a_changed_scenario_is_an_error(interrupted):
    file = interrupted / "scenario.toml"
    file.write_text(file.read_text().replace("count = 20", "count = 21"))
    refused("out/scenario.toml: has changed since the run in out began")


def test_a_damaged_head_of_a_run_is_an_error(interrupted):
    head = interrupted / "checkpoints" / "run"
    head.write_bytes(head.read_bytes()[:-1])
    refused("out/checkpoints/run: is cut off: it ends after")


def test_a_run_that_is_at_work_is_left_alone(interrupted):
    with UnfinishedRun.reopen(interrupted):
        refused("out: another process is at this run")


@pytest.mark.parametrize("options", [["--checkpoint-every", "1h"], []])
def test_a_new_run_does_not_overwrite_an_unfinished_one(interrupted, options):
    result = invoke("run", "compared.toml", "--out", "out", *options)
    assert result.exit_code == console.WRONG_INPUT
    assert "out: has an unfinished run: meterstorm resume out finishes it, --force" in words(result.stderr)


def test_a_damaged_finished_world_is_run_again(interrupted, caplog):
    done = interrupted / "checkpoints" / "done-1-0"
    content = bytearray(done.read_bytes())
    content[len(content) // 2] ^= 8
    done.write_bytes(content)
    resumed = invoke("resume", "out", "--json")
    assert f"finished world refused, to be run again: {done}: is altered: " in caplog.text
    whole = invoke(*RUN, "whole")
    assert json.loads(resumed.stdout)["arms"] == json.loads(whole.stdout)["arms"]


def test_the_clock_goes_on(interrupted, monkeypatch):
    """Wall time counts what the run had taken by its last checkpoint, and not the time between the processes."""
    (path,) = (interrupted / "checkpoints" / "world-0-1").glob("000003-*/head")
    head = read(path, {})[0]
    done = read(interrupted / "checkpoints" / "done-1-0", checkpoints.ARRAYS | {"journal": JOURNAL})[0]
    assert head["wall_s"] > done["wall_s"] > 0
    now_s = time.time() + 3600
    monkeypatch.setattr(checkpoints.time, "time", lambda: now_s)
    with UnfinishedRun.reopen(interrupted) as unfinished:
        assert unfinished.began_s == pytest.approx(now_s - head["wall_s"], abs=1e-3)


def test_checkpoints_are_not_for_the_collection():
    result = invoke("run", "kb", "--checkpoint-every", "30s")
    assert result.exit_code == console.WRONG_INPUT
    assert "--checkpoint-every 30s: not for kb" in result.stderr


def test_a_folder_that_cannot_be_written_is_named(here):
    """Not only a checkpoint's files may fail to be written, but the folder that they go into."""
    (here / "world-0-0").touch()
    checkpoints = Checkpoints(here / "world-0-0", 1.0, {}, 0.0)
    checkpoints.save(lambda folder: [])  # what fails once is tried again
    with pytest.raises(CheckpointError, match=r"world-0-0: cannot be written: Not a directory$"):
        checkpoints.save(lambda folder: [])
