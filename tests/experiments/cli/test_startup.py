"""What it costs to start a command that only reads and prints: CPU time, beside that of the libraries it needs."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

BARE = ("-c", "import typer, rich.console; from pydantic import BaseModel")
AT_MOST = 2.5  # times the CPU time of a bare process; with numba imported it would be 3.4 or more


def cpu_s(arguments: tuple[str, ...], folder: Path) -> float:
    """Return the least CPU time of three processes, user and system, s; bytecode is compiled before."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"PYTHONPYCACHEPREFIX": str(folder)}
    spent = []
    for _ in range(4):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *arguments], env=environment, check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    return min(spent[1:])


@pytest.mark.parametrize("command", ["list", "show q226827", "show clients.count"])
def test_it_takes_little_more_than_its_libraries(command: str, tmp_path: Path):
    bare = cpu_s(BARE, tmp_path)
    found = cpu_s(("-m", "meterstorm", *command.split()), tmp_path)
    assert found < AT_MOST * bare
