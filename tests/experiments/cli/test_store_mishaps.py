"""What goes wrong at the edges of a run in a store, or of one that is resumed: nothing that is good is lost."""

import errno
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from meterstorm.actors.shards import sealed, storage
from meterstorm.actors.shards.sealed import CheckpointError
from meterstorm.experiments.cli import console
from meterstorm.experiments.runs import folder as folders
from meterstorm.experiments.runs import run
from meterstorm.experiments.runs.begun import begin, reopen
from meterstorm.experiments.runs.folder import clear, refusal, resuming
from meterstorm.experiments.runs.inputs import Input
from meterstorm.experiments.runs.options import Options
from meterstorm.experiments.runs.unfinished import UnfinishedRun
from meterstorm.experiments.scenario import load

from support import object_store
from support.command_line import invoke, refused
from support.object_store import Store

TINY = """
title = "tiny"
[run]
duration_s = 60
warmup_s = 1
replications = 2
[clients]
count = 3
"""
ALONE = ("--workers", "0")
KEPT = (*ALONE, "--checkpoint-every", "1h")


class Killed(BaseException):
    """Stands for the end of a process."""


@pytest.fixture(autouse=True)
def tiny(here: Path, monkeypatch) -> None:
    (here / "tiny.toml").write_text(TINY)
    (here / "other.toml").write_text(TINY.replace("warmup_s", "seed = 7\nwarmup_s"))
    (here / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(here / "tmp"))
    monkeypatch.setattr(storage, "PAUSES_S", (0.0, 0.0))


@pytest.fixture
def store(monkeypatch) -> Iterator[Store]:
    with object_store.used(monkeypatch) as store:
        yield store


def fail_at(name: str, error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have objects of a name fail to be put."""
    put = storage.put

    def fail(file: Any, pieces: Any) -> None:
        if file.name == name:
            raise error
        put(file, pieces)

    monkeypatch.setattr(storage, "put", fail)


def test_an_object_named_as_the_one_that_is_tried_stays(store):
    store.objects["run/probe"] = b"mine"
    refused(invoke("run", "tiny.toml", "--out", store.url("run")), console.WRONG_INPUT, ["not empty, and not the"])
    assert store.objects == {"run/probe": b"mine"}


def test_a_report_that_fails_loses_no_results(store, here, monkeypatch, caplog):
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "report.html")

    monkeypatch.setattr("meterstorm.experiments.pages.report.write", full)
    result = invoke("run", "tiny.toml", *KEPT, "--out", store.url("run"))
    refused(result, console.UNAVAILABLE, ["report.html: cannot be written: No space left on device"])
    assert {"summary.json", "servers.parquet", "scenario.toml"} <= set(store.under("run"))
    assert not any("checkpoints" in name for name in store.under("run"))


@pytest.mark.parametrize("name", ["servers.parquet", "summary.json", "report.html"])
def test_an_interrupt_while_results_are_put_leaves_them_on_the_disk(store, here, monkeypatch, caplog, name):
    fail_at(name, KeyboardInterrupt(), monkeypatch)
    monkeypatch.setattr(folders, "put", storage.put)
    assert invoke("run", "tiny.toml", *ALONE, "--out", store.url("run")).exit_code != 0
    (kept,) = (here / "tmp").glob("meterstorm-*/run")
    assert caplog.messages == [f"{store.url('run')}: may lack files of this run: all are in {kept}"]
    assert json.loads((kept / "summary.json").read_text())["digest"]
    assert (kept / name).exists() and name not in store.under("run")


def test_a_disk_with_no_room_for_the_files_leaves_the_summary(store, here):
    (here / "tmp").rmdir()
    result = invoke("run", "tiny.toml", *ALONE, "--out", store.url("run"))
    assert result.exit_code == console.UNAVAILABLE
    assert "cannot be written: No such file or directory" in result.stderr
    assert json.loads(result.stdout[: result.stdout.rindex("}") + 1])["digest"]


def test_a_process_that_dies_while_results_are_put_blocks_no_prefix(store, monkeypatch):
    with monkeypatch.context() as patch:
        fail_at("servers.parquet", KeyboardInterrupt(), patch)
        invoke("run", "tiny.toml", *ALONE, "--out", store.url("run"))
    assert "scenario.toml" in store.under("run") and "summary.json" not in store.under("run")
    assert invoke("run", "tiny.toml", *ALONE, "--out", store.url("run"), "--force").exit_code == 0


@pytest.mark.parametrize("removals", range(5))
def test_nor_does_one_that_dies_while_a_prefix_is_cleared(tmp_path, monkeypatch, removals):
    folder = tmp_path / "run"
    folder.mkdir()
    for name in ("scenario.toml", "summary.json", "twin.json", "a.parquet"):
        (folder / name).touch()
    outcomes, remove = iter([None] * removals + [Killed()] * 9), storage.remove

    def remove_or_die(place: Path) -> None:
        if error := next(outcomes):
            raise error
        remove(place)

    monkeypatch.setattr(folders, "remove", remove_or_die)
    try:
        clear(folder, ())
    except Killed:
        assert len(list(folder.iterdir())) == 4 - removals
    assert refusal(folder, force=True) is None


def test_checkpoints_that_cannot_be_removed_are_a_warning(here, monkeypatch):
    def away(_: UnfinishedRun) -> None:
        raise OSError(None, "away")

    monkeypatch.setattr(UnfinishedRun, "remove", away)
    result = invoke("run", "tiny.toml", *KEPT, "--json", "--out", "out")
    assert result.exit_code == 0 and json.loads(result.stdout)["digest"]
    assert "warning: out has all results; its checkpoints cannot be removed: " in result.stderr


@pytest.fixture
def interrupted(monkeypatch) -> Path:
    """The folder of a run that has finished one world of two."""
    begin_and_interrupt("tiny.toml", "out", monkeypatch)
    return Path("out")


def begin_and_interrupt(scenario: str, out: str, monkeypatch: pytest.MonkeyPatch) -> None:
    keep = UnfinishedRun.keep

    def keep_and_interrupt(self: UnfinishedRun, *world: Any) -> None:
        keep(self, *world)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(UnfinishedRun, "keep", keep_and_interrupt)
        assert invoke("run", scenario, *KEPT, "--out", out).exit_code == console.INTERRUPTED


def worlds_run(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    ran, simulate = [], run.simulate
    monkeypatch.setattr(
        run, "simulate", lambda scenario, number, *rest: ran.append(number) or simulate(scenario, number, *rest)
    )
    return ran


def test_a_finished_world_that_cannot_be_read_ends_the_command_and_is_good_later(interrupted, monkeypatch):
    opened = sealed.opened

    def deny(file: Path) -> Any:
        if file.name == "done-0-0":
            raise PermissionError(13, "Permission denied")
        return opened(file)

    with monkeypatch.context() as patch:
        patch.setattr(sealed, "opened", deny)
        refused(
            invoke("resume", "out"),
            console.WRONG_INPUT,
            ["checkpoints/done-0-0: cannot be read: Permission denied"],
        )
    ran = worlds_run(monkeypatch)
    assert invoke("resume", "out").exit_code == 0
    assert ran == [1]


@pytest.mark.parametrize("unreadable", ["run", "done-0-0", None])
def test_a_run_that_cannot_go_on_is_let_go(interrupted, monkeypatch, unreadable):
    """Even while somebody still has the error, as a notebook does. None: a run that must not be begun anew."""
    opened = sealed.opened

    def deny(file: Path) -> Any:
        if file.name == unreadable:
            raise PermissionError(13, "Permission denied")
        return opened(file)

    monkeypatch.setattr(sealed, "opened", deny)
    with pytest.raises(CheckpointError) as caught:
        if unreadable:
            UnfinishedRun.reopen(interrupted)
        else:
            UnfinishedRun.begin(interrupted, load("tiny.toml"), Options())
    monkeypatch.setattr(sealed, "opened", opened)
    with UnfinishedRun.reopen(interrupted) as run_again:
        assert run_again.done
    assert "another process" not in str(caught.value)


def test_a_finished_world_of_another_run_is_run_again(interrupted, monkeypatch, caplog):
    begin_and_interrupt("other.toml", "other", monkeypatch)
    shutil.copy("other/checkpoints/done-0-0", "out/checkpoints/done-0-0")
    ran = worlds_run(monkeypatch)
    resumed = invoke("resume", "out", "--json")
    assert "checkpoints/done-0-0: is of another run: scenario is " in caplog.messages[0]
    assert ran == [0, 1]
    expected = invoke("run", "tiny.toml", *ALONE, "--json", "--out", "whole")
    assert json.loads(resumed.stdout)["digest"] == json.loads(expected.stdout)["digest"]


def test_what_is_kept_is_looked_for_once_for_all_worlds(store, here):
    (here / "many.toml").write_text(TINY.replace("replications = 2", "replications = 100"))
    place = storage.location(store.url("run"))
    with UnfinishedRun.begin(place, load("many.toml"), Options(checkpoint_every_s=30.0)):
        store.requests.clear()
    with UnfinishedRun.reopen(place):
        assert len(store.requests) < 30


def test_a_file_that_is_not_here_is_not_said_to_have_changed(here, caplog):
    files = [Input(str(here / "mine.py"), "0", b"mine"), Input(str(here / "trace.csv"), "0", None)]
    begin("run", here / "out", load("tiny.toml"), files[1:], {}, False).lock.close()
    (here / "trace.csv").unlink()
    with pytest.raises(CheckpointError, match=r"trace.csv: is not here; the run in .*out reads it as it was"):
        reopen("run", here / "out")
    begin("run", here / "out", load("tiny.toml"), files[:1], {}, True).lock.close()
    (here / "mine.py").unlink()
    reopen("run", here / "out").lock.close()
    assert caplog.messages == [f"{here / 'mine.py'}: is not here; the run goes on with the policy as it was"]


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        (Path("out"), "meterstorm resume out"),
        (Path("a b"), "meterstorm resume 'a b'"),
        (storage.Url("s3://b/p", "x=1&y=2"), "meterstorm resume 's3://b/p?x=1&y=2'"),
    ],
)
def test_a_hint_is_what_a_shell_takes(folder, expected):
    assert resuming(folder) == expected
