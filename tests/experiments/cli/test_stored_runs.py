"""Runs in an object store: the files that a folder would have, and what a store can do to a run."""

import json
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from meterstorm.actors.shards import storage
from meterstorm.actors.shards.checkpoints import Checkpoints
from meterstorm.experiments.cli import console
from pyarrow import parquet

from support import object_store
from support.command_line import invoke, refused, run_json
from support.object_store import Store
from support.processes import PATIENCE_S, eventually

ALONE = ("--workers", "0")


@pytest.fixture
def store(monkeypatch, tmp_path: Path) -> Iterator[Store]:
    monkeypatch.setenv("RAY_TMPDIR", tempfile.gettempdir())  # of a short name, for sockets
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    (tmp_path / "tmp").mkdir()
    with object_store.used(monkeypatch) as store:
        yield store


def files_of(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def same_run(store: Store, prefix: str, folder: Path) -> None:
    """A run's files in the store say what those in a folder say."""
    assert store.under(prefix) == files_of(folder)
    copy = folder.with_name("copy")
    for name in store.under(prefix):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_bytes(store.objects[f"{prefix}/{name}"])
        if name.endswith(".parquet"):
            assert parquet.read_table(copy / name) == parquet.read_table(folder / name), name
    assert invoke("diff", folder, copy).exit_code == 0
    shutil.rmtree(copy)


@pytest.mark.parametrize("more", [[], ["--checkpoint-every", "1h"]])
def test_a_run_writes_into_a_store_what_it_writes_into_a_folder(store, here, more):
    options = ["compared.toml", "--failover", "mine.py:MyPolicy", "--arms", "none", "--journal", *ALONE, *more]
    expected = run_json(*options, "--out", "out")
    result = invoke("run", *options, "--out", store.url("runs/one"))
    assert result.exit_code == 0, result.stderr
    assert (
        f"report: s3://bucket/runs/one/report.html?scheme=http&endpoint_override=127.0.0.1:{store.port}"
        in result.stdout
    )
    content = json.loads(store.objects["runs/one/summary.json"])
    assert content["digest"] == expected["digest"] and content["arms"] == expected["arms"]
    same_run(store, "runs/one", here / "out")
    assert not any(key.startswith("s3:") for key in map(str, here.iterdir()))
    assert list((here / "tmp").iterdir()) == []
    written = list(dict.fromkeys(key for method, key in store.requests if method == "POST" and key))
    assert written[-2:] == ["runs/one/summary.json", "runs/one/report.html"]
    first = next(key for key in written if "probe-" not in key)
    assert first == "runs/one/scenario.toml"  # so that what is cut short can be replaced


def test_a_prefix_is_kept_or_replaced_whole_as_a_folder_is(store, here):
    url = store.url("run")
    store.objects["run/notes.txt"] = b"mine"
    why = "not empty, and not the folder of a run; name a new or an empty folder"
    for more in ([], ["--force"]):
        refused(invoke("run", "short.toml", "--out", url, *more), console.WRONG_INPUT, [f"--out {url}: {why}"])
    assert store.under("run") == ["notes.txt"]
    store.objects["runner/notes.txt"] = store.objects.pop("run/notes.txt")
    run_json("short.toml", "--journal", "--out", url, *ALONE)
    first = dict(store.objects)
    refused(
        invoke("run", "dark.toml", "--out", url), console.WRONG_INPUT, [f"--out {url}: not empty: it has another"]
    )
    assert store.objects == first
    store.objects["run/checkpoints/run"] = b"unfinished"
    expected = run_json("dark.toml", "--out", "out", *ALONE)
    again = run_json("dark.toml", "--out", url, "--force", *ALONE)
    assert again["digest"] == expected["digest"]
    same_run(store, "run", here / "out")
    assert store.objects["runner/notes.txt"] == b"mine"


def test_what_cannot_be_written_is_told_before_anything_runs(store, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("meterstorm.experiments.runs.run.run_as", None)
        nowhere = store.url("run", "nowhere")
        refused(
            invoke("run", "short.toml", "--out", nowhere),
            console.WRONG_INPUT,
            ["--out s3://nowhere/run", "cannot be written: ", "NO_SUCH_BUCKET"],
        )
        strange = store.url("run") + "&x=1"
        refused(
            invoke("run", "short.toml", "--out", strange),
            console.WRONG_INPUT,
            ["--out s3://bucket/run", "cannot be written: Unexpected query parameter in S3 URI: 'x'"],
        )
        patch.setenv("AWS_ACCESS_KEY_ID", "another")
        storage._file_system.cache_clear()
        for more in ([], ["--checkpoint-every", "1s"]):
            refused(
                invoke("run", "short.toml", "--out", store.url("run"), *more),
                console.WRONG_INPUT,
                ["--out s3://bucket/run", "cannot be written: ", "INVALID_ACCESS_KEY_ID"],
            )
    storage._file_system.cache_clear()
    with object_store.serving() as other:
        gone = other.url("run")
    refused(
        invoke("run", "short.toml", "--out", gone),
        console.WRONG_INPUT,
        ["--out s3://bucket/run", f"127.0.0.1:{other.port}", "cannot be written: ", "Could not connect to server"],
    )
    refused(
        invoke("resume", gone),
        console.WRONG_INPUT,
        ["s3://bucket/run", "cannot be read: ", "Could not connect to server"],
    )
    assert store.objects == {}


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("run short.toml --out https://host/run", "--out https://host/run: is not allowed; it must be a path"),
        ("run short.toml --out=s3://bucket", "--out s3://bucket: must name a bucket and a prefix in it"),
        ("run short.toml --out s3://k:s@bucket/run", "--out s3://...: a secret in it is not allowed"),
        ("run short.toml --out s3://bucket/x/..", "--out s3://bucket/x/..: must name a bucket and a prefix in it"),
        ("run short.toml --out s3:bucket/x", "--out s3:bucket/x: must name a bucket and a prefix in it"),
        ("resume https://host/run", "https://host/run: is not allowed; it must be a path, or a URL"),
        ("sweep short.toml --vary clients.count=1,2 --out s3://b/run", "s3://b/run: a URL is not allowed"),
    ],
)  # fmt: skip
def test_what_no_run_can_be_at_is_refused(here, words, why):
    before = sorted(here.iterdir())
    refused(invoke(*words.split()), console.WRONG_INPUT, [why])
    assert sorted(here.iterdir()) == before


def test_there_is_nothing_to_resume_at_an_empty_prefix(store):
    refused(invoke("resume", store.url("run")), console.WRONG_INPUT, ["nothing to resume; it has no unfinished"])


@pytest.fixture
def always_due(monkeypatch) -> None:
    monkeypatch.setattr(Checkpoints, "is_due", lambda self: self.written < 3)


def away_at(monkeypatch: pytest.MonkeyPatch, store: Store, attempts: set[int]) -> None:
    """Have the store be away while these checkpoints are written."""
    tried, save = [], Checkpoints._save

    def save_while_away(self: Checkpoints, write_parts: Any) -> None:
        tried.append(0)
        store.away = -1 if len(tried) in attempts else 0
        try:
            save(self, write_parts)
        finally:
            store.away = 0

    monkeypatch.setattr(Checkpoints, "_save", save_while_away)


def test_a_store_that_is_away_at_a_checkpoint_does_not_end_a_run(store, always_due, monkeypatch, caplog):
    away_at(monkeypatch, store, {2})
    expected = run_json("short.toml", *ALONE)
    found = run_json("short.toml", *ALONE, "--checkpoint-every", "1s", "--out", store.url("run"))
    assert found["digest"] == expected["digest"]
    (told,) = caplog.messages
    assert told.startswith("checkpoint not written: s3://bucket/run/checkpoints/world-0-0")
    assert "NETWORK_CONNECTION" in told and told.endswith("tried again in 1 s")


def test_a_store_that_stays_away_ends_a_run_that_is_resumed(store, here, always_due, monkeypatch):
    with monkeypatch.context() as patch:
        away_at(patch, store, {2, 3})
        url = store.url("run")
        lost = invoke("run", "short.toml", *ALONE, "--checkpoint-every", "1s", "--out", url)
    refused(
        lost,
        console.UNAVAILABLE,
        ["cannot be written: ", f"what is done is kept: meterstorm resume '{url}' goes on"],
    )
    assert any(name.endswith("/head") for name in store.under("run"))
    refused(
        invoke("run", "short.toml", "--out", url), console.WRONG_INPUT, [f"meterstorm resume '{url}' finishes it"]
    )
    restored, restore = [], Checkpoints.restore
    monkeypatch.setattr(Checkpoints, "restore", lambda *a: restored.append(restore(*a)) or restored[-1])
    resumed = invoke("resume", url)
    assert resumed.exit_code == 0, resumed.stderr
    assert restored[0] is not None
    run_json("short.toml", *ALONE, "--out", "out")
    same_run(store, "run", here / "out")


def test_results_that_cannot_be_put_stay_on_the_disk(store, here, monkeypatch, caplog):
    """The store is tried again, and where the files are is said."""
    monkeypatch.setattr(storage, "PAUSES_S", (0.0, 0.0))
    put, failing = storage.put, []

    def fail(file: Any, pieces: Any) -> None:
        if file.name == "servers.parquet" and failing:
            failing.pop()
            raise OSError(None, "away", str(file))
        put(file, pieces)

    monkeypatch.setattr(storage, "put", fail)
    failing.extend([0] * 2)
    expected = run_json("short.toml", *ALONE, "--out", store.url("run"))
    assert failing == [] and "summary.json" in store.under("run")
    failing.extend([0] * 3)
    result = invoke("run", "short.toml", *ALONE, "--out", store.url("again"))
    (kept,) = (here / "tmp").glob("meterstorm-*/run")
    assert result.exit_code == console.UNAVAILABLE
    assert "s3://bucket/again/servers.parquet?" in result.stderr
    assert "cannot be written: away" in result.stderr
    assert caplog.messages == [f"{store.url('again')}: may lack files of this run: all are in {kept}"]
    assert json.loads(result.stdout[: result.stdout.rindex("}") + 1])["digest"] == expected["digest"]
    assert "summary.json" not in store.under("again")
    assert json.loads((kept / "summary.json").read_text())["digest"] == expected["digest"]


LONG = """
title = "long"
[run]
duration_s = 60000
warmup_s = 60
seed = 5
[network]
latency_ms = 20
[clients]
count = 1000
"""


@pytest.mark.ray
@pytest.mark.slow
def test_a_run_on_two_shards_that_is_killed_is_resumed_from_a_store(store, here):
    (here / "long.toml").write_text(LONG)
    code = "from meterstorm.experiments.cli.main import main; main()"
    url = store.url("run")
    words = ["run", "long.toml", "--shards", "2", "--checkpoint-every", "0.1s", "--json", "--out", url]
    store.last = "/head"  # so that the run cannot end before it is killed
    driver = subprocess.Popen([sys.executable, "-c", code, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def is_written() -> bool:
        assert driver.poll() is None, driver.communicate()
        return any(name.endswith("/head") for name in store.under("run"))

    assert eventually(is_written, PATIENCE_S, every_s=0.005)
    driver.send_signal(signal.SIGKILL)
    driver.communicate()
    store.last = ""
    assert "summary.json" not in store.under("run")
    parts = {name.rpartition("/")[2] for name in store.under("run") if "world-" in name}
    assert {"shard-0", "shard-1", "head"} <= parts
    store.requests.clear()
    last = subprocess.run([sys.executable, "-c", code, "resume", url], capture_output=True, text=True, check=False)
    assert last.returncode == 0, last.stderr
    read = {key.rpartition("/")[2] for method, key in store.requests if method == "GET"}
    assert {"shard-0", "shard-1", "head"} <= read
    run_json("long.toml", *ALONE, "--out", "out")
    same_run(store, "run", here / "out")
