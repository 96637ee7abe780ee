"""The built-in sweeps: found by their names, planned, and each with its place on the page of findings."""

import re
import shlex
from pathlib import Path

import pytest
from meterstorm.experiments import scenarios
from meterstorm.experiments.scenario import load
from meterstorm.experiments.sweeps.points import plan

from support.command_line import invoke, refused, run_json

ROOM = Path(__file__).parents[3] / "experiments/sweeps"
PAGE = (ROOM / "README.md").read_text()
SECTION = re.compile(r"^## `([^`]+)`.*?\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
SECTIONS = dict(SECTION.findall(PAGE))


def test_the_page_has_a_section_for_each_sweep_and_no_other():
    assert sorted(SECTIONS) == sorted(path.stem for path in ROOM.glob("*.toml")) == scenarios.sweeps()


@pytest.mark.parametrize("name", scenarios.sweeps())
def test_a_section_has_its_command_its_axes_and_a_table(name: str):
    section = SECTIONS[name]
    assert f"```sh\nmeterstorm sweep {name}\n```" in section
    assert [line for line in section.splitlines() if line.startswith("| ---")]
    assert "**Where it stops.**" in section
    for key in load(name).sweep.vary:
        assert f"`{key}`" in section


@pytest.mark.parametrize("command", re.findall(r"^meterstorm sweep .*$", PAGE, re.MULTILINE))
def test_every_command_of_the_page_is_planned(command: str):
    _, _, name, *options = shlex.split(command)
    assert name in scenarios.sweeps()
    done = invoke("sweep", name, *options, "--dry-run")
    assert done.exit_code == 0, done.output
    assert re.search(r"\d+ points, \d+ worlds", done.output)


@pytest.mark.parametrize("name", scenarios.sweeps())
def test_each_has_a_grid_of_two_axes_or_one_with_arms_and_intervals(name: str):
    scenario = load(name)
    planned = plan(scenario)
    assert len(planned.axes) == 2 or (len(planned.axes) == 1 and len(scenario.arms) > 1)
    assert len(planned.points) >= 6 and scenario.run.replications >= 3


def test_run_takes_the_scenario_as_it_is_without_its_sweep():
    arms = run_json("jitter-storm", "--set", "clients.count=50", "--replications", 1)["arms"]
    assert [arm["metrics"]["launches"]["mean"] for arm in arms] == [50]


def test_a_name_that_is_nearly_that_of_a_sweep_is_suggested():
    refused(invoke("sweep", "split-pol"), 2, ['did you mean "split-pool"?'])
