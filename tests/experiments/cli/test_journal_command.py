"""The journal in words: in its file, back from it, and on the screen."""

import json
import re

import numpy as np
import pytest
from meterstorm.actors.records import journal as rows_of
from meterstorm.actors.shards.simulate import simulate
from meterstorm.experiments.reports import journal
from meterstorm.experiments.reports.columns import TABLES
from meterstorm.experiments.scenario import load, versions
from pyarrow import parquet

from support.command_line import DARK, SHORT, invoke, refused

ARMS = """
[[arms]]
name = "few"
[[arms]]
name = "many"
set = { "clients.count" = 60 }
"""


@pytest.fixture
def folder(here):
    (here / "journaled.toml").write_text(SHORT + DARK + ARMS)
    assert invoke("run", "journaled.toml", "--workers", 0, "--journal", "--out", "out").exit_code == 0
    return here / "out"


def rows(arm: str):
    version = next(version for version in versions(load("journaled.toml")) if version.arm == arm)
    return simulate(version.scenario, keep_journal=True).journal, version.scenario


def test_words_in_the_file_and_back(folder):
    table = parquet.read_table(folder / "journal.parquet")
    assert json.loads(table.schema.metadata[b"meterstorm.columns"]) == TABLES["journal.parquet"]
    for arm in ("few", "many"):
        expected, scenario = rows(arm)
        assert (journal.read(folder, None, arm, 0) == expected).all()
        mine = [row for row in table.to_pylist() if row["arm"] == arm]
        assert np.allclose([row["time_s"] for row in mine], expected["time"] / 1e9 - 60, atol=1e-6)
        for row, raw in zip(mine, expected, strict=True):
            words = rows_of.describe(raw, scenario.clients.count, scenario.servers.count)
            assert row["source_kind"] in words
            assert row["target_kind"] in words
            if row["what"] in {"sent", "lost", "decided"}:
                assert f" {row['what']} " in words
            if row["what"] != "moved":
                assert row["kind"] in words


def test_the_command_prints_the_rows_that_are_asked_for(folder):
    expected, scenario = rows("many")
    words = [journal.describe(row, scenario) for row in expected]
    result = invoke("journal", "out", "--arm", "many")
    assert result.stdout.splitlines() == ["arm 'many', replication 0:", *words]

    options = ["--arm", "many", "--agent", "client 50", "--from", 100, "--to", "700"]
    found = invoke("journal", "out", *options).stdout.splitlines()[1:]
    about = [line for line in words if re.search(r"client 50\b", line.partition("(")[0])]
    assert found == [line for line in about if 100 <= float(line.split()[0]) < 700]
    found = invoke("journal", "out", "--kind", "fail over", "--what", "decided").stdout.splitlines()
    assert all("decided to fail over" in line or line.startswith("arm ") for line in found)
    assert len(found) > 2


WRONG = {
    "--kind requests": ["--kind requests", '"request"'],
    "--what done": ["--what done", '"handled", "sent", "lost", "decided" or "moved"'],
    "--agent client": ["--agent client: is not allowed", "client 0 to 39"],
    "--agent printer": ["--agent printer: is not allowed", "observer"],
    "--arm none": ["out: has no arm 'none'"],
    "--replication 7": ["out: has no replication 7"],
}


def test_what_there_is_not(folder):
    for options, words in WRONG.items():
        result = invoke("journal", "out", *options.split())
        assert result.exit_code == 2, options
        assert all(word in result.stderr for word in words), result.stderr


def test_a_run_without_a_journal(here):
    invoke("run", "short.toml", "--workers", 0, "--out", "out")
    refused(invoke("journal", "out"), 2, ["out: the run kept no journal; run it with --journal"])
    refused(invoke("journal", "mine.py"), 2, ["mine.py is not the folder of a run"])
