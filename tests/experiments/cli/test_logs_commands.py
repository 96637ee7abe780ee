"""meterstorm import and replay: what they print and write, and what they refuse."""

import json
from pathlib import Path

import pytest
from meterstorm.experiments.logs.site import TABLES, read_site

from support.command_line import invoke, refused
from support.logs import flexnet, story, write

LINES = flexnet(story(7, licenses=3, users=12).happenings)


@pytest.fixture
def log(here: Path) -> Path:
    return write(here / "debug.log", [*LINES, "10:00:00 (vendord) OUT: nobody at Secret-Host", ""])


def test_an_import_tells_what_it_found_and_what_comes_next(log: Path):
    result = invoke("import", "flexnet", log, "--out", "site")
    assert result.exit_code == 0, result.output
    total, days, events, following = result.stdout.splitlines()
    assert total.startswith(f"{len(LINES) + 2:,} lines: ")
    assert "1 not understood" in total
    assert "12 clients" in days
    assert f"{sum('DENIED' in line for line in LINES):,} denials" in events
    assert following.endswith("tells more; next: meterstorm replay site")


def test_a_replay_tells_how_many_decisions_follow(log: Path):
    invoke("import", "flexnet", log, "--out", "site")
    result = invoke("replay", "site")
    decisions = sum("DENIED" in line or "OUT" in line for line in LINES)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"{decisions:,} of {decisions:,} decisions are repeated")


def test_a_decision_that_does_not_follow_is_told_with_file_and_line(here: Path):
    denied = next(number for number, line in enumerate(LINES) if "DENIED" in line)
    granted = LINES[denied].replace("DENIED", "OUT").partition("(Licensed")[0]
    wrong = [*LINES[:denied], granted, granted.replace("OUT", "IN"), *LINES[denied + 1 :]]
    invoke("import", "flexnet", write(here / "debug.log", wrong), "--out", "site")
    lines = invoke("replay", "site").stdout.splitlines()
    assert lines[2].startswith(f"debug.log:{denied + 1}: ")
    assert lines[2].endswith("of vendord: granted 1, with 3 of 3 licenses in use")
    found = json.loads(invoke("replay", "site", "--json").stdout)
    assert found["decisions"] - found["repeated"] == len(found["contradictions"]) == 1
    assert found["contradictions"][0]["line"] == denied + 1


def everything(site: Path) -> str:
    """All texts of a folder, and all cells of its tables."""
    read = read_site(site)
    texts = [path.read_text() for path in sorted(site.iterdir()) if path.suffix != ".parquet"]
    return "\n".join([*texts, *(str(getattr(read, name).to_pylist()) for name in TABLES)]).casefold()


def test_users_and_hosts_are_not_told_unless_asked_for(log: Path):
    invoke("import", "flexnet", log, "--out", "site")
    found = everything(Path("site"))
    assert [name for name in ("user1", "pc1", "lic1", "secret", "nobody") if name in found] == []
    assert "u1" in found
    invoke("import", "flexnet", log, "--out", "site", "--force", "--keep-names")
    assert [name for name in ("user1", "pc1", "secret-host") if name not in everything(Path("site"))] == []


def test_a_folder_that_has_something_is_replaced_only_by_force(log: Path):
    assert invoke("import", "flexnet", log, "--out", "site").exit_code == 0
    refused(invoke("import", "flexnet", log, "--out", "site"), 2, ["--out site", "--force"])
    assert invoke("import", "flexnet", log, "--out", "site", "--force").exit_code == 0
    Path("other").mkdir()
    Path("other/thing").write_text("mine")
    refused(invoke("import", "flexnet", log, "--out", "other", "--force"), 2, ["--out other", "not empty"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["import", "flexnet", "none.log", "--out", "s"], ["none.log: cannot be read: No such file"]),
        (["import", "flexnet", "short.toml", "--out", "s"], ["short.toml: has no checkout", "not understood"]),
        (["import", "rlm", "debug.log", "--out", "s"], ["debug.log: has no checkout as a log of rlm has them"]),
        (["import", "csv", "trace.csv", "--out", "s"], ["trace.csv: there is no column time; it has a, b"]),
        (["replay", "."], ["is no site: there is no site.json"]),
    ],
)
def test_wrong_input_is_refused_in_words(log: Path, arguments: list[str], words: list[str]):
    refused(invoke(*arguments), 2, words)
    assert not Path("s").exists()


def test_an_unknown_format_is_refused_with_those_that_are_known(log: Path):
    result = invoke("import", "lmx", log, "--out", "s")
    assert result.exit_code == 2
    assert all(name in result.output for name in ("flexnet", "rlm", "csv"))
