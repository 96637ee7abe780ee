"""What the wall clock refuses, and who refuses it."""

from typing import Any

import pytest
from meterstorm.experiments.interface.world import World
from meterstorm.experiments.scenario import ScenarioError, validate
from meterstorm.experiments.search import hunt
from meterstorm.experiments.sweeps import points

from support.layers import layered
from support.scenario_file import errors

WALL: dict[str, Any] = {"title": "t", "run": {"clock": "wall", "duration_s": 3000.0, "warmup_s": 0.0}}
REAL = 'while run.clock = "wall"'


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"network": {"latency_ms": 0}}, f"network.latency_ms: 0.0 is not allowed; it must be > 0 {REAL}"),
        ({"servers": {"sites": 2}}, f"servers.sites: 2 is not allowed; it must be 1 {REAL}"),
        (
            {"servers": {"quorum": 2}},
            f"servers.quorum: 2 is not allowed; it must be 0 {REAL}: its servers do not look at each other",
        ),
        (
            {"products": [{"sharing": "client"}]},
            f'products[0].sharing: "client" is not allowed; it must be "none" {REAL}',
        ),
        (
            {"policies": {"balancing": {"name": "shared-pool"}}},
            'policies.balancing.name: "shared-pool" is not allowed; it must be one that has no shared pool '
            f"{REAL}",
        ),
        (
            {"policies": {"balancing": {"name": "on-shortage", "interval_s": 0.0}}},
            'policies.balancing.name: "on-shortage" is not allowed; it must be one that does not act on shortage '
            f"{REAL}",
        ),
        (
            {"policies": {"balancing": {"name": "periodic-demand", "interval_s": 2000.0}}},
            "policies.balancing.interval_s: 2000.0 is not allowed; it must be at least the whole run, 3000.0 s, "
            f'or name = "static", {REAL}',
        ),
    ],
)
def test_what_processes_cannot_do_is_refused(changes, line):
    assert any(found.startswith(line) for found in errors(layered(WALL, changes)))
    assert validate(layered(WALL, changes, {"run": {"clock": "virtual"}}))


def test_balancing_that_never_acts_is_welcome():
    for policy in ({"name": "static"}, {"name": "periodic-demand", "interval_s": 3000.0}):
        assert validate(layered(WALL, {"policies": {"balancing": policy}})).run.clock == "wall"


def test_a_pace_is_of_the_wall_clock():
    assert validate(layered(WALL, {"run": {"pace": 60.0}})).run.pace == 60.0
    line = 'run.pace: 60.0 is not allowed; it must be 1 while run.clock = "virtual", which takes no real time'
    assert errors({"run": {"pace": 60.0}}) == [line]


def test_who_has_only_the_virtual_clock_says_so():
    scenario = validate(layered(WALL, {"sweep": {"vary": {"clients.count": [1, 2]}}}))
    for refuses, who in (
        (points.plan, "the worlds of a sweep or a tuning"),
        (hunt.prepared, "the worlds of a hunt"),
        (World, "a world event by event"),
    ):
        with pytest.raises(
            ScenarioError, match=f'run.clock: "wall" is not allowed; it must be "virtual" for {who}'
        ):
            refuses(scenario)
