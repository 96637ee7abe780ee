"""The page for administrators: every command works on the files that it shows, and prints what it shows."""

import re
import shlex
from pathlib import Path

import pytest
from meterstorm.experiments.logs.site import TABLES

from support.command_line import invoke, refused

PAGE = (Path(__file__).parents[3] / "experiments/logs/README.md").read_text()
NAMED = dict(re.findall(r"`([\w.]+)`:\n\n```text\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
BLOCKS = re.findall(r"^```(sh|text)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
COMMANDS = [line for language, text in BLOCKS if language == "sh" for line in text.splitlines()]
SHOWN = [text for language, text in BLOCKS if language == "text" and text not in NAMED.values()]

ASKED = re.findall(r"`(--[^`]+)`", PAGE[PAGE.index("| to ask | type |") :].split("\n\n")[0])


@pytest.mark.slow
def test_the_commands_work_in_their_order_and_print_what_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    for name, text in NAMED.items():
        Path(name).write_text(text)
    printed = ""
    for command in COMMANDS:
        result = invoke(*shlex.split(command)[1:])
        assert result.exit_code == 0, f"{command}: {result.output}"
        printed += result.stdout
    assert [text for text in SHOWN if text not in printed] == []


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the first command of the page has been run."""
    monkeypatch.chdir(tmp_path)
    Path("debug.log").write_text(NAMED["debug.log"])
    assert invoke(*shlex.split(COMMANDS[0])[1:]).exit_code == 0
    return tmp_path


@pytest.mark.slow
def test_whatever_can_be_asked_is_answered(folder: Path):
    for words in ASKED:
        result = invoke("whatif", "site", *shlex.split(words))
        assert result.exit_code == 0, f"{words}: {result.output}"
        assert "editor" in result.stdout
    assert (folder / "answers" / "report.html").exists()


def test_a_fit_needs_as_many_launches_as_the_page_says(folder: Path):
    (command,) = re.findall(r"`(meterstorm fit [^`]+)` needs 30 launches", PAGE)
    refused(invoke(*shlex.split(command)[1:]), 2, ["the log has 4 launches; a fit needs 30"])
    assert not (folder / "like.toml").exists()


def test_there_are_commands_and_what_they_print():
    assert len(COMMANDS) > 4
    assert len(ASKED) > 10
    assert SHOWN
    assert {"debug.log", "events.csv"} <= set(NAMED)


def test_every_column_of_the_tables_is_told():
    for name, columns in TABLES.items():
        (row,) = re.findall(rf"^\| `{name}\.parquet` \|(.*)\|$", PAGE, re.MULTILINE)
        told = re.findall(r"`(\w+)`", row)
        assert [column for column in columns if column not in told] == []
