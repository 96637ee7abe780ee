"""Standard output that is full, closed, unread or without our signs; and text that looks like markup."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from meterstorm.experiments.cli.output import Output

from support.command_line import SHORT

MAIN = [sys.executable, "-c", "from meterstorm.experiments.cli.main import main; main()"]
COMMANDS = (["list"], ["show", "keys"], ["--help"], ["--version"], ["validate", "short.toml"], ["schema"])
RUN = ["run", "odd.toml", "--workers", "0"]
ODD = ["[/b]", "[immediate]", "[red]x", ":warning:", "\\[x]", "± é 日本", "a" * 90]


def call(arguments: list[str], output: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command with its output sent somewhere by the shell."""
    command = ["bash", "-c", f'set -o pipefail; "$@" {output}', "bash", *MAIN, *arguments]
    given = os.environ | variables
    return subprocess.run(command, env=given, capture_output=True, text=True, encoding="utf-8", check=False)


@pytest.fixture
def odd(here):
    arms = "".join(f"[[arms]]\nname = '{name}'\n" for name in ODD)
    (here / "odd.toml").write_text(SHORT.replace("1200", "60") + arms, encoding="utf-8")


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_output_that_is_full(command):
    ended = call(command, "> /dev/full")
    words = "meterstorm: standard output: cannot be written: No space left on device\n"
    assert (ended.returncode, ended.stderr) == (4, words)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_output_that_is_closed(command):
    ended = call(command, ">&-")
    assert ended.returncode == 4
    assert ended.stderr == "meterstorm: standard output is closed; send it to a file, or to /dev/null\n"


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_reader_who_has_read_enough(command):
    ended = call(command, "| true")
    assert (ended.returncode, ended.stderr) == (0, "")


def test_errors_that_nobody_reads():
    for output in ("2> /dev/full", "2>&-"):
        assert call(["show", "nope"], output).returncode == 2


def test_names_are_printed_as_they_are(odd):
    ended = call(RUN)
    assert ended.returncode == 0, ended.stderr
    for name in ODD:
        assert name in ended.stdout


def test_signs_that_an_encoding_does_not_have(odd):
    ended = call([*RUN, "--set", "run.replications=2"], PYTHONIOENCODING="ascii")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.isascii()
    assert "+/-" in ended.stdout
    assert "\\xe9 \\u65e5\\u672c" in ended.stdout


@pytest.mark.parametrize("columns", ["0", "", "1", "x", "20"])
def test_a_screen_without_width(columns, odd):
    ended = call(RUN, COLUMNS=columns)
    assert ended.returncode == 0, ended.stderr
    assert "unmetered_license_hours" in ended.stdout


def test_a_folder_without_name(odd, here):
    before = sorted(path.name for path in here.iterdir())
    ended = call([*RUN, "--out", ""])
    assert ended.returncode == 2
    assert "must name a folder" in ended.stderr
    assert sorted(path.name for path in here.iterdir()) == before


def test_a_working_folder_that_is_gone(tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert call(["list"]).returncode == 0
    ended = call(["run", "q226827"])
    assert ended.returncode == 4
    assert ended.stderr.endswith("meterstorm: the working folder is not there any more; change to another\n")
    assert "Traceback" not in ended.stderr


def test_what_cannot_be_written_is_not_tried_again(tmp_path: Path):
    """Else Python would complain at its end, with a status of its own."""
    with (tmp_path / "file").open("w") as stream:
        silent = Output(stream, is_vital=False)
        os.close(stream.fileno())
        reopened = os.open("/dev/full", os.O_WRONLY)
        assert reopened == stream.fileno()
        silent.write("x")
        silent.flush()
        silent.write("y")
        silent.flush()
