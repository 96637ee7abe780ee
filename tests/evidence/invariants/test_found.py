"""Scenarios in which drawn ones once failed, kept as they were found."""

from pathlib import Path

import pytest
from meterstorm.actors.shards.simulate import simulate
from meterstorm.experiments.metrics.metrics import metrics
from meterstorm.experiments.scenario import load, validate

from oracles.properties import PROPERTIES

FOUND = sorted((Path(__file__).parent / "found").glob("*.toml"))


@pytest.mark.parametrize("file", FOUND, ids=lambda file: file.stem)
def test_it_holds(file: Path):
    scenario = load(file)
    PROPERTIES[scenario.title][1](scenario)


def test_a_launch_at_the_very_start_is_measured(tmp_path: Path):
    trace = tmp_path / "trace.csv"
    trace.write_text("time_s,client,run_time_s\n0.0,0,10.0\n")
    scenario = validate(
        {
            "title": "at once",
            "run": {"warmup_s": 0.0},
            "clients": {"count": 1},
            "workload": {"arrivals": "trace", "trace": str(trace)},
        }
    )
    assert metrics(scenario, simulate(scenario))["launches"] == 1
