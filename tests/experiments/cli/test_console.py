"""How a command that is interrupted ends."""

import os
import signal
import subprocess
import sys
from unittest.mock import Mock

import pytest
from meterstorm.experiments.cli import console

from support.processes import PATIENCE_S, eventually

CODE = """
import os, signal, sys
from meterstorm.experiments.cli import console as screen


def end_ray():
    {end}


screen.end_ray = end_ray
print("what is done")
screen.exit_now(130)
"""
# What happens while Ray ends, and the status of the process.
ENDS = {
    "all is well": ("pass", 130),
    "Ray fails": ("raise RuntimeError('Ray is gone')", 130),
    "interrupted again": ("os.kill(os.getpid(), signal.SIGINT)", 130),
    "told to end": ("os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM),
}


@pytest.mark.parametrize("name", ENDS)
def test_what_was_printed_is_there(name: str):
    """Though standard output is no terminal, and so written late."""
    end, status = ENDS[name]
    buffered = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    command = [sys.executable, "-c", CODE.format(end=end)]
    ended = subprocess.run(command, env=buffered, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (status, "what is done\n", "")


def test_nobody_need_listen():
    command = ["sh", "-c", f"exec '{sys.executable}' -c \"$0\" >&-", CODE.format(end="pass")]
    ended = subprocess.run(command, stderr=subprocess.PIPE, text=True, timeout=PATIENCE_S, check=False)
    assert (ended.returncode, ended.stderr) == (130, "")


def test_without_a_terminal_progress_is_lines(monkeypatch, capsys):
    """Of an endless wait between two, none; of a short one, what is done by then."""
    console.messages.cache_clear()
    with console.progress("a run", 4) as advance:
        advance(1.0)
    assert capsys.readouterr().err == ""

    monkeypatch.setattr(console, "LINE_S", 0.001)
    printed: list[str] = []
    monkeypatch.setattr(console, "messages", lambda: Mock(is_interactive=False, print=printed.append))
    with console.progress("a run", 4) as advance:
        advance(1.0)
        assert eventually(lambda: any("a run: 25% done after " in line for line in printed))
