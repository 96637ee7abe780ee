"""Scenarios in which drawn ones once failed, kept as they were found."""

from pathlib import Path

import pytest
from fuzz import PROPERTIES
from meterstorm.actors.shard import simulate
from meterstorm.experiments.metrics import metrics
from meterstorm.experiments.scenario import load, validate

FOUND = sorted((Path(__file__).parent / "found").glob("*.toml"))
# Where the model still falls short.
SHORT = {
    "left-behind-spared-by-a-slot-that-asks": "an offer of debts names a slot that only awaits a lease; the "
    "server takes it to mean the lease left behind there, which is then never given back",
}


def marks(name: str) -> list[pytest.MarkDecorator]:
    return [pytest.mark.xfail(reason=SHORT[name], raises=AssertionError)] if name in SHORT else []


@pytest.mark.parametrize("file", [pytest.param(file, id=file.stem, marks=marks(file.stem)) for file in FOUND])
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
