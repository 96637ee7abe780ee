"""The page of a sweep: its lines are means of its table, and what is everywhere the same is not drawn."""

import re
from pathlib import Path

import pandas as pd
import pytest
from meterstorm.experiments.interface.sweep import Sweep
from meterstorm.experiments.pages import report
from meterstorm.experiments.pages.markup import words
from meterstorm.experiments.pages.sweep import Shown

from support.command_line import invoke

FILE = """
title = "small"
[run]
duration_s = 2000
warmup_s = 100
replications = 2
[clients]
count = 30
[[products]]
name = "editor"
licenses = 10
[[faults]]
start_s = 300
"""


def swept(here: Path, text: str, **axes: str) -> Path:
    """The folder of a sweep, written by the command."""
    (here / "some.toml").write_text(text)
    varied = [word for key, values in axes.items() for word in ("--vary", f"{key}={values}")]
    result = invoke("sweep", here / "some.toml", *varied, "--workers", 0, "--out", here / "out")
    assert result.exit_code == 0, result.stderr
    return here / "out"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    axes = {"clients.count": "20,30,40", "servers.service_ms": "10,100"}
    return swept(tmp_path_factory.mktemp("sweep"), FILE, **axes)


def figures(folder, *metrics):
    return {one.name: one for one in report.report([folder], Shown(metrics) if metrics else None).figures()}


def test_a_line_goes_through_the_means(folder):
    table = pd.read_parquet(folder / "metrics.parquet")
    means = 100 * table.groupby("clients.count")["denial_fraction"].mean()
    shown = figures(folder, "denial_fraction")["denial_fraction over clients.count"].table
    assert [int(row[0]) for row in shown.rows] == list(means.index)
    found = [float(row[1].partition(" ")[0]) for row in shown.rows]
    assert found == pytest.approx(list(means), rel=0.01)


def test_bands_keep_to_what_is_possible(folder):
    for figure in figures(folder).values():
        for row in figure.table.rows if " over " in figure.name else ():
            low, _, high = row[1].partition("[")[2].rstrip("]").partition(", ")
            assert not low or float(low) >= 0
            assert not high or "fraction" not in figure.name or float(high) <= 100


def test_a_map_has_a_cell_for_each_pair(folder):
    (grid,) = [one for name, one in figures(folder, "denial_fraction").items() if " map " in name]
    assert len(grid.table.rows) == 2
    assert len(grid.table.rows[0]) == 1 + 3


def test_what_is_the_same_at_every_point_is_said_and_not_drawn(folder):
    found = report.report([folder], Shown(("denial_fraction", "overissued")))
    assert "Overissued is the same at all 6 points" in found.html()
    assert not [figure for figure in found.figures() if figure.name.startswith("overissued")]


def test_the_usual_metrics_begin_with_one_that_varies(folder):
    """Even where the first of them does not: nobody is denied who has a license each."""
    text = (folder / "report.html").read_text()
    assert "is the same at all" not in text.partition('class="verdict"')[2].partition("</p>")[0]


def test_the_verdict_begins_as_a_sentence(folder):
    verdict = report.report([folder], Shown(("denial_fraction",))).verdict
    assert verdict.replace("<bdi>", "").startswith("<strong>Denial fraction goes from ")


def test_a_sweep_does_not_stand_beside_another(folder):
    with pytest.raises(ValueError, match="stands alone"):
        report.report([folder, folder])


NEVER = """
title = "never"
[run]
duration_s = 3600
warmup_s = 600
[servers]
count = 3
[[products]]
name = "editor"
licenses = 40
[clients]
count = 72
[workload]
launch_interval_s = 600
run_time_s = 1200
[policies]
failover = { name = "immediate" }
balancing = { name = "static" }
[[faults]]
kind = "crash"
servers = "all"
start_s = 600
stagger_s = 600
"""


@pytest.fixture(scope="module")
def endless(tmp_path_factory):
    """A sweep of one replication in which servers without failback never balance again after long faults."""
    axes = {
        "policies.failback.name": "none,drain",
        "faults[0].duration_s": "100,700",
        "servers.service_ms": "10,20",
    }
    folder = swept(tmp_path_factory.mktemp("endless"), NEVER, **axes)
    return report.report([folder], Shown(("time_to_balance_s",)))


def test_what_is_infinite_is_in_the_verdict_and_in_the_tables(endless):
    assert re.search(r" to inf \(“none”, faults\[0\].duration_s = 700, .*over 8 points", words(endless.verdict))
    tables = {figure.name: figure.table for figure in endless.figures()}
    over = tables["time_to_balance_s over faults[0].duration_s"]
    assert over.rows[-1][list(over.heads).index("none")] == "inf"
    maps = [table for name, table in tables.items() if " map " in name]
    assert any("inf" in row for table in maps for row in table.rows)


def test_one_replication_has_no_intervals(endless, folder):
    assert "intervals" not in endless.verdict
    assert not [figure.name for figure in endless.figures() if "Bands" in figure.caption]
    assert report.report([folder]).verdict.endswith(" (95 % intervals).")


def test_an_interrupted_sweep_says_so_first(tmp_path):
    def interrupt(done: float) -> None:
        if done == 3:
            raise KeyboardInterrupt

    (tmp_path / "some.toml").write_text(FILE)
    sweep = Sweep(tmp_path / "some.toml", {"clients.count": [20, 30, 40]})
    assert sweep.run(workers=0, out=tmp_path / "out", on_progress=interrupt).interrupted
    folder = tmp_path / "out"
    told = words(report.report([folder]).verdict)
    assert told.startswith(f"Interrupted: kept 3 of 6 worlds. meterstorm resume {folder} goes on.")
    sweep.run(workers=0, out=folder)
    assert "Interrupted" not in report.report([folder]).html()
