"""`meterstorm explain`: what it prints, writes and refuses."""

import csv
import json
import math
from typing import Any

import pytest
from meterstorm.experiments.analysis.outcomes import Bad, parse_bad
from meterstorm.experiments.cli import console
from pyarrow import parquet

from support.command_line import invoke, refused
from support.sweep_tables import sweep_table

NAMES = ("full-jitter", "immediate", "never")
POINTS = [
    (count, name, float(base_s) if name == "full-jitter" else None)
    for count in range(100, 1100, 100)
    for name in NAMES
    for base_s in (1, 5)
]
KEYS = {
    "clients.count": [point[0] for point in POINTS],
    "policies.failover.name": [point[1] for point in POINTS],
    "policies.failover.base_s": [point[2] for point in POINTS],
}
VERSIONS = [("outage", "as shipped"), ("outage", "fixed")]


def denials(point: dict[str, Any], version: Any, replication: int) -> float | None:
    if replication == 2 and point["clients.count"] == 100:
        return None
    if version[1] == "fixed":
        return 0.01 * (replication + 1)
    return 0.5 if point["clients.count"] >= 400 and point["policies.failover.name"] != "never" else 0.02


@pytest.fixture
def sweep(here):
    folder = here / "sweep"
    folder.mkdir()
    table = sweep_table(KEYS, "grid", denials, replications=3, versions=VERSIONS)
    parquet.write_table(table, folder / "metrics.parquet")
    return folder


def explain(*words: object) -> str:
    result = invoke("explain", *words)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def test_what_is_printed(sweep):
    lines = explain(sweep, "--metric", "denial_fraction", "--bad", "> 0.1").splitlines()
    first, second = lines[: lines.index("")], lines[lines.index("") + 1 :]
    assert first[0] == "denial_fraction of case 'outage', arm 'as shipped': 60 points, 174 worlds"
    assert first[1] == "left out: 6 worlds that failed or to which it does not apply"
    bad = sum(denials(dict(zip(KEYS, p, strict=True)), VERSIONS[0], 0) == 0.5 for p in POINTS)
    assert f"bad (> 0.1): {100 * bad / len(POINTS):.3g} % of the worlds" in first
    (box,) = [n for n, line in enumerate(first) if line.startswith("box")]
    assert first[box].startswith("box 1: density 100 % (") and "coverage 100 %" in first[box]
    assert first[box + 1].startswith("  clients.count in [400, 1000] ")
    assert first[box + 2].startswith("  policies.failover.name in {full-jitter, immediate} ")
    assert second[0].startswith("denial_fraction of case 'outage', arm 'fixed'")
    assert second[-1] == "no boxes: no world is bad"
    assert len(explain(sweep, "--metric", "denial_fraction", "--arm", "fixed").split("\n\n")) == 1


def test_the_table_and_the_json_have_the_boxes(sweep, here):
    words = [sweep / "metrics.parquet", "--metric", "denial_fraction", "--bad", "> 0.1"]
    content = json.loads(explain(*words, "--json", "--out", "boxes.csv"))
    explain(*words, "--out", "boxes.parquet")
    rows = parquet.read_table(here / "boxes.parquet").to_pylist()
    with (here / "boxes.csv").open() as file:
        assert [row["key"] for row in csv.DictReader(file)] == [row["key"] for row in rows]
    version = content["versions"][0]
    assert (version["arm"], version["base_rate"]) == ("as shipped", pytest.approx(28 / 60))
    (box,) = version["boxes"]
    assert [(row["low"], row["high"], row["values"]) for row in rows] == [
        (400.0, 1000.0, None),
        (None, None, "full-jitter, immediate"),
    ]
    for row, restriction in zip(rows, box["restrictions"], strict=True):
        assert {key: row[key] for key in restriction} == restriction
        assert {key: row[key] for key in box if key != "restrictions"} == {
            key: value for key, value in box.items() if key != "restrictions"
        }


def test_a_parameter_that_may_not_apply_is_told(here):
    table = sweep_table(
        KEYS, "grid", lambda point, *_: 1.0 if (point["policies.failover.base_s"] or 9) > 3 else 0.0
    )
    parquet.write_table(table, here / "metrics.parquet")
    printed = explain(here, "--metric", "denial_fraction", "--bad", ">= 1")
    assert "  policies.failover.base_s in [5, 5] or null  " in printed


@pytest.mark.parametrize(
    ("text", "bad", "of"),
    [
        ("> 0.1", Bad(">", 0.1), {0.1: False, 0.2: True}),
        (">=1e3", Bad(">=", 1000.0), {1000.0: True, 999.0: False, math.inf: True}),
        (" < -3 ", Bad("<", -3.0), {-3.0: False, -4.0: True}),
        ("<=0", Bad("<=", 0.0), {0.0: True, 1.0: False}),
        ("inf", Bad(">=", math.inf), {math.inf: True, 1e300: False}),
    ],
)
def test_what_is_bad(text: str, bad: Bad, of: dict[float, bool]):
    assert parse_bad(text) == bad
    assert {value: bad.of(value) for value in of} == of


WRONG = {
    "--metric denial_fractions": ["--metric denial_fractions", 'did you mean "denial_fraction"?'],
    "--metric denials": ["--metric denials: no world"],
    "--metric denial_fraction --bad 0.1": ['--bad: "0.1" is not allowed', '"> 0.1"'],
    "--metric denial_fraction --bad >1.2.3": ['--bad: ">1.2.3" is not allowed'],
    "--metric denial_fraction --bad >nan": ['--bad: ">nan" is not allowed'],
    "--metric denial_fraction --arm fixd": ["no arm 'fixd'"],
    "--metric denial_fraction --out boxes.txt": ["boxes.txt", ".parquet or .csv"],
    "--metric denial_fraction --out no/boxes.csv": ["--out no", "cannot be written"],
}


@pytest.mark.parametrize("words", WRONG)
def test_wrong_input(words: str, sweep):
    refused(invoke("explain", sweep, *words.split()), console.WRONG_INPUT, WRONG[words])


def test_what_is_no_sweep_is_refused(here):
    words = ["--metric", "denials"]
    refused(invoke("explain", here, *words), console.WRONG_INPUT, [f"{here}: is not the folder of a sweep"])
    refused(invoke("explain", "mine.py", *words), console.WRONG_INPUT, ["mine.py: cannot be read as Parquet"])
    parquet.write_table(sweep_table(KEYS, "grid", denials).replace_schema_metadata({}), here / "metrics.parquet")
    refused(invoke("explain", here, *words), console.WRONG_INPUT, ["is not the table of a sweep: KeyError"])
    table = sweep_table(KEYS, "grid", denials).drop_columns(["clients.count"])
    parquet.write_table(table, here / "metrics.parquet")
    refused(invoke("explain", here, *words), console.WRONG_INPUT, ["no column clients.count"])
