"""The page of a sweep: its lines are means of its table, and what is everywhere the same is not drawn."""

import pandas as pd
import pytest
from meterstorm.experiments.pages import report
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


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A sweep of two settings, written by the command."""
    here = tmp_path_factory.mktemp("sweep")
    (here / "small.toml").write_text(FILE)
    axes = ["--vary", "clients.count=20,30,40", "--vary", "servers.service_ms=10,100"]
    result = invoke("sweep", here / "small.toml", *axes, "--workers", 0, "--out", here / "out")
    assert result.exit_code == 0, result.stderr
    return here / "out"


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
