"""When too few servers of a site are up: by hand, and against the same outages said outright."""

import pytest
from meterstorm.actors.setup.quorum import too_few
from meterstorm.actors.shards.simulate import simulate
from meterstorm.experiments.scenario import ScenarioError, validate

from support.layers import layered

# Three servers, one pool; the first two are away together from 900 to 1100 s, the last two from 1500 to 1600 s.
TRIAD = {
    "title": "two of three",
    "run": {"duration_s": 2000.0, "warmup_s": 0.0},
    "servers": {"count": 3, "service_ms": 20.0, "quorum": 2},
    "products": [{"licenses": 30}],
    "clients": {"count": 60, "heartbeat_s": 60.0},
    "workload": {"launch_interval_s": 100.0, "run_time_s": 50.0},
    "policies": {"failover": {"name": "immediate"}, "balancing": {"name": "shared-pool"}},
    "faults": [
        {"kind": "unreachable", "servers": [0], "start_s": 500.0, "duration_s": 600.0},
        {"kind": "crash", "servers": [1], "start_s": 900.0, "duration_s": 700.0},
        {"kind": "crash", "servers": [1], "start_s": 1000.0, "duration_s": 50.0},  # while it is down already
        {"kind": "unreachable", "servers": [2], "start_s": 1500.0, "duration_s": 400.0},
        {"kind": "refusing", "servers": [2], "start_s": 600.0, "duration_s": 50.0},  # it is up
        {"kind": "stall", "servers": [2], "start_s": 700.0, "duration_s": 50.0},
    ],
}
LACKING = [(900.0, 1100.0), (1500.0, 1600.0)]


def times(raw, sites=1):
    """When each server has too few beside it, in s, of planned faults."""
    scenario = validate(raw)
    spells = [[] for _ in range(scenario.servers.count)]
    for fault in scenario.faults:
        for server in fault.servers:
            spells[server].append((round(fault.start_s), round(fault.start_s + fault.duration_s), fault))
    return [[(start, end) for start, end, _ in server] for server in too_few(scenario, spells)]


def test_the_times_by_hand():
    assert times(TRIAD) == [LACKING] * 3
    assert times(layered(TRIAD, {"servers": {"quorum": 0}})) == [[]] * 3
    assert times(layered(TRIAD, {"servers": {"quorum": 1}})) == [[]] * 3
    assert times(layered(TRIAD, {"servers": {"quorum": 3}})) == [[(500, 1900)]] * 3


def test_each_site_counts_its_own():
    sites = {"servers": {"count": 6, "sites": 2}, "policies": {"balancing": {"name": "static"}}}
    assert times(layered(TRIAD, sites)) == [LACKING] * 3 + [[]] * 3


def test_it_is_as_if_all_refused():
    """The same world, whose servers refuse at these times for no reason."""
    said = [
        {"kind": "refusing", "servers": [0, 1, 2], "start_s": start, "duration_s": end - start}
        for start, end in LACKING
    ]
    outright = layered(TRIAD, {"servers": {"quorum": 0}}) | {"faults": [*TRIAD["faults"], *said]}
    found = simulate(validate(TRIAD)).digest
    assert found == simulate(validate(outright)).digest
    assert found != simulate(validate(layered(TRIAD, {"servers": {"quorum": 0}}))).digest


def test_one_that_no_site_could_have_is_refused():
    with pytest.raises(
        ScenarioError, match=r"servers.quorum: 4 is not allowed; it must be at most 3, the servers of"
    ):
        validate(layered(TRIAD, {"servers": {"quorum": 4}}))
