"""The tables of experiments/sweeps/README.md are what the built-in sweeps give: at the corners of each."""

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from meterstorm import Sweep
from meterstorm.experiments.metrics.intervals import estimate

PAGE = (Path(__file__).parents[3] / "experiments/sweeps/README.md").read_text()
Row = dict[str, Any]
Where = tuple[Any, Any, str]  # of a row and a column of the page's table, and a word before the row's


class Study(NamedTuple):
    """How a table is read: which worlds a cell is of, and what it has of each."""

    rows: str  # the axis
    columns: str  # the other one; "": columns are the versions of VERSIONS
    first: tuple[Any, Any]  # the corners, as the sweep has them
    last: tuple[Any, Any]
    heads: tuple[str, str]  # the columns of the corners, as the page has them
    value: Callable[[str, Row], float]  # by the word before the row's


def missing(_: str, row: Row) -> float:
    return 100 * (row["denials"] + row["gave_up"]) / row["launches"]


def of_storm(word: str, row: Row) -> float:
    if word == "drain":
        return float(row["time_to_last_client_s"]) - 109
    return float(row["storm_peak_ratio"]) * 2 * int(row["clients.count"]) / 3600


STUDIES = {
    "outage-retries": Study(
        "faults[0].duration_s", "policies.failover.retries", (60, 0), (4800, 40), ("0 retries", "40"),
        lambda word, row: row["wait_s_mean"] if word else 100 * row["abnormal_denial_fraction"],
    ),
    "load-outage": Study(
        "faults[0].duration_s", "clients.count", (2, 8000), (64, 40000), ("2/s", "10/s"),
        lambda _, row: row["time_to_recover_s"],
    ),
    "jitter-storm": Study(
        "clients.count", "policies.failover.cap_s", (250, 1), (4000, 100), ("W = 1 s", "100"), of_storm
    ),
    "balancing-skew": Study(
        "policies.balancing.interval_s", "clients.assignment", (120, [1, 1]), (28800, [8, 1]), ("1 : 1", "8 : 1"),
        lambda word, row: row[f"denials_{word or 'misplaced'}"],
    ),
    "split-pool": Study("servers.count", "", (1, None), (20, None), ("", ""), missing),
}  # fmt: skip
VERSIONS = {  # columns of split-pool; a star: of one away
    "by itself": ("all there", "by itself"),
    "next on denial": ("all there", "next on denial"),
    "*one away:* by itself": ("one away", "by itself"),
    "next on failure": ("one away", "next on failure"),
}


def cells(name: str) -> dict[tuple[str, str], str]:
    """The table of a sweep by the words of its rows and columns."""
    section = PAGE.partition(f"\n## `{name}`")[2].partition("\n## ")[0]
    lines = re.findall(r"^\| (.*) \|$", section, re.MULTILINE)
    head, _, *rows = [[cell.strip() for cell in line.split("|")] for line in lines]
    return {(row[0], column): cell for row in rows for column, cell in reversed([*zip(head, row, strict=True)])}


def assert_shown(cell: str, values: list[float], where: object) -> None:
    """The cell has the mean of the values and its half-width, as far as its digits go."""
    if cell == "inf":
        assert set(values) == {math.inf}, where
        return
    shown = cell.split(" ± ")
    rounding = 0.5 * 10.0 ** -len(shown[0].partition(".")[2]) + 1e-9
    assert estimate(values) == (
        pytest.approx(float(shown[0]), abs=rounding),
        pytest.approx(float(shown[1]), abs=rounding),
    ), where


@pytest.mark.slow
@pytest.mark.parametrize("name", STUDIES)
def test_the_corners_of_its_table_are_what_it_gives(name: str):
    study, table = STUDIES[name], cells(name)
    vary = {study.rows: [study.first[0], study.last[0]]}
    if study.columns:
        vary[study.columns] = [study.first[1], study.last[1]]
    worlds = Sweep(name, vary=vary).run(workers=0).to_arrow().to_pylist()
    checked = 0
    for (label, column), cell in table.items():
        word, number = re.fullmatch(r"(?:\*(\w+)\* )?(\d+)", label).groups(default="")  # type: ignore[union-attr]
        if int(number) not in vary[study.rows] or not (of := selects(study, column)):
            continue
        values = [study.value(word, row) for row in worlds if row[study.rows] == int(number) and of(row)]
        assert_shown(cell, values, (label, column))
        checked += 1
    assert checked >= 4


def selects(study: Study, column: str) -> Callable[[Row], bool] | None:
    """Which worlds a column is of; None: it is at no corner."""
    if study.columns == "":
        version = VERSIONS.get(column)
        return version and (lambda row: (row["case"], row["arm"]) == version)
    if column not in study.heads:
        return None
    wanted = (study.first, study.last)[study.heads.index(column)][1]
    return lambda row: str(row[study.columns]) == str(wanted)
