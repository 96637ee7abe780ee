"""The folder that a run writes, or cannot write."""

import errno
import hashlib
import json
import os
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import tomli_w
from meterstorm.experiments.cli import console
from meterstorm.experiments.metrics.names import METRICS
from meterstorm.experiments.reports import columns, summary
from meterstorm.experiments.scenario import load
from pyarrow import parquet

from support.command_line import POLICIES, invoke, refused, run_json

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_results_that_do_not_fit_the_disk_are_printed(here, monkeypatch):
    """What has run is not lost; and no part of a folder is left."""
    with monkeypatch.context() as patch:
        patch.setattr(summary, "write_parquet", Mock(side_effect=FULL))
        result = invoke("run", "short.toml", "--json", "--workers", 0, "--out", "out")
    assert result.exit_code == console.UNAVAILABLE
    assert "out: cannot be written: No space left on device" in result.stderr
    assert [path.name for path in here.rglob("*") if path.parent.name != here.name] == []
    assert json.loads(result.stdout)["digest"] == run_json("short.toml")["digest"]


def test_a_run_that_cannot_write_does_not_begin(here):
    options = ["--checkpoint-every", "1s", "--json", "--workers", 0]
    for folder in ("mine.py", "mine.py/out"):
        for more in (options, options[2:]):
            result = invoke("run", "short.toml", "--out", folder, *more)
            refused(result, console.WRONG_INPUT, ["--out mine.py", "cannot be written"])


FILES = [
    "faults.parquet",
    "metrics.parquet",
    "provenance.json",
    "report.html",
    "scenario.toml",
    "servers.parquet",
    "servers_timeseries.parquet",
    "summary.json",
    "timeseries.parquet",
]
STALE = ["journal.parquet", "notes.txt"]


@pytest.mark.parametrize("options", [[], ["--checkpoint-every", "1h"]])
def test_a_folder_never_has_files_of_two_runs(options, here):
    """Another run's folder is refused, or replaced whole."""
    first = run_json("short.toml", "--journal", "--out", "out")
    (here / "out" / "notes.txt").write_text("mine")
    second = invoke("run", "dark.toml", "--json", "--workers", 0, "--out", "out", *options)
    refused(second, console.WRONG_INPUT, ["--out out: not empty", "--force"])
    assert json.loads((here / "out" / "summary.json").read_text()) == first
    assert set(STALE) <= {path.name for path in (here / "out").iterdir()}

    content = run_json("dark.toml", "--out", "out", "--force", *options)
    assert content["digest"] != first["digest"]
    assert sorted(path.name for path in (here / "out").iterdir()) == FILES
    assert digests(here / "out") == {content["digest"]}
    assert not [path for path in here.iterdir() if path.name.startswith(".")]


def test_force_replaces_runs_only(here):
    (here / "precious").mkdir()
    (here / "precious" / "thesis.txt").write_text("mine")
    for options in ([], ["--force"], ["--checkpoint-every", "1h", "--force"]):
        result = invoke("run", "short.toml", "--workers", 0, "--out", "precious", *options)
        refused(result, console.WRONG_INPUT, ["--out precious: not empty, and not the folder of a run"])
    assert (here / "precious" / "thesis.txt").read_text() == "mine"


def test_the_same_run_again_replaces_its_folder(here):
    """Its name is made of its digest."""
    run_json("short.toml", "--journal")
    (folder,) = (here / "results").iterdir()
    assert (folder / "journal.parquet").exists()
    run_json("short.toml")
    assert [path.name for path in (here / "results").iterdir()] == [folder.name]
    assert sorted(path.name for path in folder.iterdir()) == FILES


def test_a_folder_that_cannot_be_renamed(here, monkeypatch):
    """Of a mount point, or in a folder that cannot be written, the files are made inside."""
    run_json("short.toml", "--journal", "--out", "out")
    monkeypatch.setattr(os.path, "ismount", lambda path: True)
    content = run_json("dark.toml", "--out", "out", "--force")
    assert sorted(path.name for path in (here / "out").iterdir()) == FILES
    assert digests(here / "out") == {content["digest"]}


def test_a_policy_is_kept_as_it_was(here):
    """Two files of one name do not overwrite each other."""
    (here / "other").mkdir()
    (here / "other" / "mine.py").write_text(POLICIES + "# other\n")
    arms = [{"name": n, "set": {"policies.failover.name": f"{n}/mine.py:MyPolicy"}} for n in (".", "other")]
    (here / "own.toml").write_text(tomli_w.dumps({"title": "own", "run": {"duration_s": 60.0}, "arms": arms}))
    run_json("own.toml", "--out", "out")
    (here / "mine.py").write_text("changed")
    files = json.loads((here / "out" / "provenance.json").read_text())["inputs"]
    assert [file["path"] for file in files] == [str(here / "mine.py"), str(here / "other" / "mine.py")]
    sources = [(here / "out" / file["kept"]).read_bytes() for file in files]
    assert sources == [POLICIES.encode(), (POLICIES + "# other\n").encode()]
    assert [hashlib.sha256(source).hexdigest() for source in sources] == [file["sha256"] for file in files]


def digests(folder: Path) -> set[str]:
    """The digests that a folder's files have, one way or another."""
    found = {json.loads((folder / name).read_text())["digest"] for name in ("summary.json", "provenance.json")}
    found.add((folder / "scenario.toml").read_text().splitlines()[0].removeprefix("# digest "))
    tables = [parquet.read_schema(path).metadata for path in folder.glob("*.parquet")]
    return found | {metadata[b"meterstorm.digest"].decode() for metadata in tables}


def test_the_folder_of_a_run(here):
    content = run_json("compared.toml", "--out", "deep/out")
    folder = here / "deep" / "out"
    assert sorted(path.name for path in folder.iterdir()) == FILES
    assert digests(folder) == {content["digest"]}
    assert json.loads((folder / "summary.json").read_text()) == content
    assert load(folder / "scenario.toml") == load("compared.toml")

    provenance = json.loads((folder / "provenance.json").read_text())
    assert list(provenance) == [
        "digest", "seed", "shards", "interrupted", "inputs", "packages", "python", "system", "machine", "host",
    ]  # fmt: skip
    assert provenance["digest"] == content["digest"]
    assert (provenance["seed"], provenance["shards"], provenance["interrupted"]) == (1, 1, False)
    assert {"meterstorm", "numba", "numpy", "ray"} <= set(provenance["packages"])

    check_tables(folder, content)


def check_tables(folder: Path, content: Any) -> None:
    """Hold the Parquet tables against the summary."""
    series = parquet.read_table(folder / "timeseries.parquet").to_pylist()
    servers = parquet.read_table(folder / "servers.parquet").to_pylist()
    keys = ["case", "arm", "replication"]
    assert list(series[0]) == [*keys, "start_s", "since_start_s", *columns.SERIES, *columns.QUEUEING]
    assert list(servers[0]) == [*keys, "server", "utilization", *columns.SERVERS]
    for arm in content["arms"]:
        for number in range(arm["replications"]):
            key = [arm["case"], arm["name"], number]
            rows = [row for row in series if [row[k] for k in keys] == key]
            assert [row["start_s"] for row in rows] == [-60, *range(0, 1200, 60)]
            assert [row["since_start_s"] for row in rows] == [0, *range(60, 1260, 60)]
            values = {name: metric["values"][number] for name, metric in arm["metrics"].items()}
            for name in set(columns.SERIES) & set(METRICS):
                assert sum(row[name] for row in rows[1:]) == values[name], name
            mine = [row for row in servers if [row[k] for k in keys] == key]
            assert [row["server"] for row in mine] == [0, 1, 2, 3]
            assert max(row["utilization"] for row in mine) == values["server_utilization_max"]
            assert sum(row["clients"] for row in mine) == 40


def test_faults_are_written_down_where_they_begin_before_the_end(here):
    """Times are from the end of the warm-up; what the run does not see is left out."""
    (here / "rolls.toml").write_text(ROLLING)
    invoke("run", "rolls.toml", "--workers", 0, "--json", "--no-report", "--out", "out")
    rows = parquet.read_table(here / "out" / "faults.parquet").to_pylist()
    seen = [(row["fault"], row["kind"], row["server"], row["start_s"], row["end_s"]) for row in rows]
    assert seen == [(0, "stall", 0, 5.0, 6.0), (0, "stall", 1, 55.0, 56.0)]


ROLLING = """
title = "rolls"
run = { duration_s = 100.0, warmup_s = 30.0 }
clients = { count = 4 }
faults = [
    { kind = "stall", servers = "all", start_s = 5.0, duration_s = 1.0, stagger_s = 50.0 },
    { start_s = 100.0, duration_s = 1.0 },
]
"""
