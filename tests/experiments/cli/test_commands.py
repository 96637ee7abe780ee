"""`list`, `show`, `doctor` and help."""

import inspect
import re
import shutil
import subprocess
import sys
from pathlib import Path

from meterstorm.actors.compiled.cache import CACHE_FOLDER
from meterstorm.experiments import scenarios
from meterstorm.experiments.cli import console
from meterstorm.experiments.cli import main as cli
from meterstorm.experiments.scenario import built_in, load, source_text

from support.command_line import invoke, refused


def test_a_copy_of_the_sources_has_yet_to_be_compiled(tmp_path):
    """Numba keeps the code of each copy by itself; so a second checkout compiles, and should say so."""
    package = tmp_path / "meterstorm"
    for room in ("actors", "policies", "experiments"):
        source = Path(inspect.getfile(cli)).parents[2] / room
        shutil.copytree(source, package / room, ignore=shutil.ignore_patterns("__pycache__"))
    code = (
        "from meterstorm.actors.compiled.cache import CACHE_FOLDER; from meterstorm.experiments.cli import doctor;"
        "print(CACHE_FOLDER); print(doctor.is_compiled())"
    )
    command = [sys.executable, "-c", code]
    for folder, compiled in ((tmp_path, "False"), (tmp_path.root, "True")):
        told = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout
        assert told.splitlines() == [str(CACHE_FOLDER), compiled]


def test_list_and_show(here):
    listed = invoke("list")
    assert listed.exit_code == 0
    names = built_in()
    plain, sweeps = listed.stdout.split("\n\nSweeps (meterstorm sweep NAME):\n")
    found = [line.split()[0] for line in (*plain.splitlines(), *sweeps.splitlines())]
    assert found == [*sorted(names.keys() - scenarios.sweeps()), "kb", *scenarios.sweeps()]
    for name, title in names.items():
        assert title in listed.stdout
        shown = invoke("show", name)
        assert (shown.exit_code, shown.stdout) == (0, source_text(name))
        (here / "copy.toml").write_text(shown.stdout)
        assert load("copy.toml") == load(name)
    refused(invoke("show", "nope"), console.WRONG_INPUT, ["nope: neither a built-in scenario"])


def test_help():
    for arguments in (["--help"], ["-h"], []):
        text = invoke(*arguments).output
        for command in ("run", "list", "show", "doctor"):
            assert re.search(rf"\b{command}\b", text)
    text = invoke("run", "--help").output
    parameters = inspect.signature(cli.run_command).parameters
    options = {"settings": "--set", "as_json": "--json"}
    for name in list(parameters)[1:]:
        assert options.get(name, "--" + name.replace("_", "-")) in text
    assert "Examples: meterstorm run" in text
    assert "Print a built-in scenario's file" in invoke("show", "-h").output


def test_a_command_that_does_not_exist():
    refused(invoke("walk"), console.WRONG_INPUT, ["walk"])
