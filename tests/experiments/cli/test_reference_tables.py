"""The room's README: its tables are those of the schema, and it leaves nothing out that a run writes."""

import json
import re
from pathlib import Path

import pytest
from meterstorm.experiments.cli import console, readme
from meterstorm.experiments.metrics.names import MEANINGS
from meterstorm.experiments.reports.columns import TABLES
from meterstorm.experiments.reports.summary import summary, write_folder
from meterstorm.experiments.runs.run import run
from meterstorm.experiments.scenario import validate
from meterstorm.experiments.scenario.faults import KINDS
from meterstorm.experiments.scenario.reference import all_keys
from pyarrow import parquet

ROOM = Path(__file__).parents[3] / "experiments"
TEXT = (ROOM / "README.md").read_text()
SMALL = {
    "title": "x",
    "run": {"duration_s": 60, "warmup_s": 0},
    "clients": {"count": 4},
    "groups": [{"name": "half", "share": 0.5}],
    "arms": [{"name": "a"}, {"name": "b"}],
    "compare": {"metrics": ["denials"]},
    "expect": [{"metric": "denials", "op": "==", "value": 0}],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("run")
    results = run(validate(SMALL), workers=0, keep_journal=True)
    write_folder(path, results, summary(results))
    return path


def test_the_tables_are_up_to_date():
    """If not: python -m meterstorm.experiments.cli.readme."""
    assert readme.filled(TEXT) == TEXT
    for name in (*(key.name for key in all_keys()), *MEANINGS, *KINDS):
        assert f"| `{name}` |" in TEXT


def test_old_tables_are_replaced():
    old = TEXT.replace("Number of clients at all sites.", "How many.")
    assert old != TEXT
    assert readme.filled(old) == TEXT


def test_a_lost_marker_is_an_error():
    with pytest.raises(ValueError, match="end: faults"):
        readme.filled(TEXT.replace("<!-- end: faults -->", ""))


def test_every_file_of_a_run_and_every_column_is_explained(folder):
    for file in folder.iterdir():
        assert f"| `{file.name}` |" in TEXT
    for name, columns in TABLES.items():
        written = parquet.read_schema(folder / name).names
        assert set(written) == set(columns)
        assert all(f"| `{column}` | {columns[column]} |" in TEXT for column in written)


def test_every_key_of_the_summary_is_explained(folder):
    content = json.loads((folder / "summary.json").read_text())
    for key in (*content, *content["engine"], *content["arms"][0], *content["arms"][0]["metrics"]["launches"]):
        assert re.search(rf"`(arms\[\]\.|\.)?{key}`", TEXT), key


@pytest.mark.parametrize("name", ["comparisons", "expectations"])
def test_every_key_of_its_longer_lists_is_explained_with_them(name, folder):
    entry = json.loads((folder / "summary.json").read_text())[name][0]
    section = TEXT.partition(f"#### {name.capitalize()}\n")[2].partition("\n## ")[0].partition("\n#### ")[0]
    explained = set(
        re.findall(r"`(?:observed\[\])?\.?([a-z_]+)`", "".join(re.findall(r"^\| (.*?) \|", section, re.M)))
    )
    assert explained == {key for key in entry if key != "observed"} | {*entry.get("observed", [{}])[0]}


def test_every_exit_status_is_explained():
    table = TEXT.partition("## How a command ends")[2].partition("##")[0]
    failed = {console.INVARIANT, console.UNAVAILABLE, console.UNMET, console.FAILED_WORLDS, console.INTERRUPTED}
    statuses = {0, 1, console.WRONG_INPUT, *failed}
    assert {int(status) for status in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)} == statuses


def test_every_file_that_is_named_exists():
    home = ROOM.parent
    for path in re.findall(r"`([a-z_]+/[a-z_/]*(?:\.[a-z]+)?)`", TEXT):
        assert (ROOM / path).exists() or (home / path).exists() or path == "checkpoints/", path
