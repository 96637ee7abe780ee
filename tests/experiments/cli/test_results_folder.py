"""The folder that a run writes, or cannot write."""

import json
from pathlib import Path
from typing import Any

import pytest
from meterstorm.experiments.cli import console
from meterstorm.experiments.metrics.names import METRICS
from meterstorm.experiments.reports import columns
from meterstorm.experiments.scenario import load
from pyarrow import parquet

from support.command_line import invoke, run_json

FULL = "No space left on device"


@pytest.mark.parametrize(
    ("options", "file", "reason", "code"),
    [
        ([], "summary.json", FULL, console.UNAVAILABLE),
        ([], "summary.json", "Is a directory", console.UNAVAILABLE),
        ([], "timeseries.parquet", FULL, console.UNAVAILABLE),
        (["--checkpoint-every", "1s"], "scenario.toml", FULL, console.UNAVAILABLE),
        (["--checkpoint-every", "1s"], "scenario.toml", "Is a directory", console.WRONG_INPUT),
    ],
)
def test_results_that_cannot_be_written(options, file, reason, code, here):
    """What has run is not lost: it is printed. What has not begun does not begin."""
    (here / "out").mkdir()
    path = here / "out" / file
    if reason == FULL:
        path.symlink_to("/dev/full")
    else:
        path.mkdir()
    result = invoke("run", "short.toml", "--json", "--workers", 0, "--out", "out", *options)
    assert result.exit_code == code
    for word in ("Traceback", "Errno"):
        assert word not in result.stderr
    assert reason in result.stderr
    named = "out" if reason == FULL else f"out/{file}"  # what a full disk cuts off has no name: the folder has
    assert f"{named}: cannot be written: " in result.stderr or f"{path.resolve()}: cannot" in result.stderr
    if options:
        assert result.stdout == ""
    else:
        assert json.loads(result.stdout)["digest"] == run_json("short.toml")["digest"]


def test_the_folder_of_a_run(here):
    content = run_json("compared.toml", "--out", "deep/out")
    folder = here / "deep" / "out"
    assert sorted(path.name for path in folder.iterdir()) == [
        "provenance.json", "scenario.toml", "servers.parquet", "summary.json", "timeseries.parquet",
    ]  # fmt: skip
    assert json.loads((folder / "summary.json").read_text()) == content
    assert load(folder / "scenario.toml") == load("compared.toml")

    provenance = json.loads((folder / "provenance.json").read_text())
    assert list(provenance) == [
        "digest", "seed", "shards", "interrupted", "packages", "python", "system", "machine", "host",
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
    assert list(series[0]) == [*keys, "start_s", *columns.SERIES]
    assert list(servers[0]) == [*keys, "server", "utilization", *columns.SERVERS]
    for arm in content["arms"]:
        for number in range(arm["replications"]):
            key = [arm["case"], arm["name"], number]
            rows = [row for row in series if [row[k] for k in keys] == key]
            assert [row["start_s"] for row in rows] == [-60, *range(0, 1200, 60)]
            values = {name: metric["values"][number] for name, metric in arm["metrics"].items()}
            for name in set(columns.SERIES) & set(METRICS):
                assert sum(row[name] for row in rows[1:]) == values[name], name
            mine = [row for row in servers if [row[k] for k in keys] == key]
            assert [row["server"] for row in mine] == [0, 1, 2, 3]
            assert max(row["utilization"] for row in mine) == values["server_utilization_max"]
            assert sum(row["clients"] for row in mine) == 40
