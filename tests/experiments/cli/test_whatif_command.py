"""meterstorm whatif: what it prints, writes and refuses."""

import json

import pyarrow as pa
import pytest
from meterstorm.experiments.logs.site import read_site, write_site
from pyarrow import parquet

from support.command_line import invoke, refused
from support.made_sites import DAY, of_sessions


@pytest.fixture
def folder(tmp_path):
    """Six days, on each of which ten users come at once."""
    rows = [(DAY * day + 100.0 + n, DAY * day + 3700.0, f"u{n}") for day in range(6) for n in range(10)]
    write_site(tmp_path / "site", of_sessions(rows, 10, 6 * DAY))
    return tmp_path / "site"


def test_the_answers_are_a_table(folder):
    result = invoke("whatif", folder, "--seats", "8, 12", "--target", "0.2")
    assert result.exit_code == 0, result.stderr
    lines = [line.split() for line in result.stdout.splitlines()]
    assert lines[0][:2] == ["daemon/editor,", "by"] and "exact" in lines[0]
    rows = {line[0]: line for line in lines}
    assert rows["8"][:5] == ["8", "60", "8", "12", "[12,"]
    assert "20.00%" in rows["8"] and rows["12"][-1] == "-"
    assert " ".join(lines[-1]) == "licenses for at most 20.00% of launches truly denied: 8 [8, 8]"


def test_they_are_json_and_parquet_too(folder, tmp_path):
    result = invoke("whatif", folder, "--seats", 8, "--json", "--out", tmp_path / "answers")
    found = json.loads(result.stdout)
    assert json.loads((tmp_path / "answers" / "whatif.json").read_text()) == found
    table = parquet.read_table(tmp_path / "answers" / "whatif.parquet").to_pylist()
    assert table == found["answers"]
    assert [(row["seats"], row["denied"], row["share"]) for row in table] == [(None, 0, 0), (8, 12, 0.2)]
    assert found["needed"] == [{"server": "daemon", "product": "editor", "value": 10, "low": 10, "high": 10}]


def test_the_engine_answers_for_servers(folder, tmp_path):
    words = ["--seats", 8, "--servers", 2, "--denial", "give-up", "--out", tmp_path / "answers", "--json"]
    result = invoke("whatif", folder, *words)
    assert result.exit_code == 0, result.stderr
    (row,) = json.loads(result.stdout)["answers"]
    assert (row["by"], row["denied"]) == ("engine", 12)
    assert invoke("validate", tmp_path / "answers" / "1" / "8 licenses" / "scenario.toml").exit_code == 0


def test_few_days_are_told(tmp_path):
    write_site(tmp_path / "site", of_sessions([(0.0, 5.0, "a")], None, 10.0))
    result = invoke("whatif", tmp_path / "site")
    assert "the log has 1 days; intervals need 5, so there are none" in result.stderr
    assert "how many licenses there were the log does not always tell" in result.stderr


WRONG = {
    "--product nothing": "--product nothing: licenses were granted of daemon/editor only",
    "--seats 1,x": "--seats x: must be a whole number, 0 or more",
    "--target 1": "--target 1: must be a number >= 0 and < 1",
    "--resamples 199": "--resamples 199: must be 200 or more",
    "--denial sulk": "--denial sulk: must be as-logged, give-up, constant-retry or callback",
    "--denial as-logged --servers 2": "must be give-up, constant-retry or callback on the engine",
    "--outages worse": "--outages worse: must be as-logged, none or a number >= 0: times as long",
    "--timeout soon": "--timeout: 'soon' is not allowed",
    "--set clients.cuont=1": "clients.cuont",
}


@pytest.mark.parametrize("words", WRONG)
def test_what_is_wrong_is_told(words, folder):
    refused(invoke("whatif", folder, *words.split()), 2, [WRONG[words]])


def test_a_folder_that_is_no_site_is_refused(tmp_path):
    refused(invoke("whatif", tmp_path), 2, ["is no site"])


def test_one_product_has_seats(folder, tmp_path):
    made = read_site(folder)
    tables = {name: made._asdict()[name].to_pylist() for name in ("events", "sessions", "capacity")}
    for rows in tables.values():
        rows += [row | {"product": "viewer"} for row in rows]
    tables["events"].sort(key=lambda event: event["time_s"])
    both = {name: pa.Table.from_pylist(rows, getattr(made, name).schema) for name, rows in tables.items()}
    write_site(tmp_path / "two", made._replace(**both))
    words = "--seats is of one product; --product names it: daemon/editor, daemon/viewer"
    refused(invoke("whatif", tmp_path / "two", "--seats", 3), 2, [words])
    one = invoke("whatif", tmp_path / "two", "--seats", 8, "--product", "viewer", "--json")
    assert [row["denied"] for row in json.loads(one.stdout)["answers"]] == [0, 12]
