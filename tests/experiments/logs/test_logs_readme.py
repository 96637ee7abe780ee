"""The page for administrators: every command works on the files that it shows, and prints what it shows."""

import re
import shlex
from pathlib import Path

import pytest
from meterstorm.experiments.logs.site import TABLES

from support.command_line import invoke

PAGE = (Path(__file__).parents[3] / "experiments/logs/README.md").read_text()
NAMED = dict(re.findall(r"`([\w.]+)`:\n\n```text\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
BLOCKS = re.findall(r"^```(sh|text)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
COMMANDS = [line for language, text in BLOCKS if language == "sh" for line in text.splitlines()]
SHOWN = [text for language, text in BLOCKS if language == "text" and text not in NAMED.values()]


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


def test_there_are_commands_and_what_they_print():
    assert len(COMMANDS) > 4
    assert SHOWN
    assert {"debug.log", "events.csv"} <= set(NAMED)


def test_every_column_of_the_tables_is_told():
    for name, columns in TABLES.items():
        (row,) = re.findall(rf"^\| `{name}\.parquet` \|(.*)\|$", PAGE, re.MULTILINE)
        told = re.findall(r"`(\w+)`", row)
        assert [column for column in columns if column not in told] == []
