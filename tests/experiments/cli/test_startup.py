"""What it costs to start a command that only reads and prints: CPU time, beside that of the libraries it needs."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

BARE = ("-c", "import typer, rich.console; from pydantic import BaseModel")
AT_MOST = 2.5  # times the CPU time of a bare process; with numba imported it would be 3.4 or more
ROUNDS_AT_LEAST, ROUNDS_AT_MOST = 3, 12


def cpu_s(arguments: tuple[str, ...], folder: Path) -> float:
    """Return the CPU time of one process, user and system, s; its bytecode is kept in the folder."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"PYTHONPYCACHEPREFIX": str(folder)}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], env=environment, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


@pytest.mark.parametrize("command", ["list", "show q226827", "show clients.count"])
def test_it_takes_little_more_than_its_libraries(command: str, tmp_path: Path):
    """In turns, as a core's speed may change by half from one second to the next; the least of each counts."""
    programs = {"bare": BARE, "found": ("-m", "meterstorm", *command.split())}
    spent: dict[str, list[float]] = {name: [] for name in programs}
    for arguments in programs.values():
        cpu_s(arguments, tmp_path)  # compiles the bytecode
    while len(spent["bare"]) < ROUNDS_AT_MOST:
        for name, arguments in programs.items():
            spent[name].append(cpu_s(arguments, tmp_path))
        bare, found = min(spent["bare"]), min(spent["found"])
        if len(spent["bare"]) >= ROUNDS_AT_LEAST and found < AT_MOST * bare:
            return
    assert found < AT_MOST * bare
