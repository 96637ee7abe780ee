"""The time series of every server: against the world's, the journal, the servers' own rows, and by hand."""

from itertools import pairwise

import numpy as np
import pytest
from meterstorm.actors.messaging import protocol
from meterstorm.actors.records import journal
from meterstorm.actors.shards.simulate import simulate
from meterstorm.actors.shards.tally import Tally
from meterstorm.actors.state import counters, kinds
from meterstorm.actors.state.events import IN_SERVICE
from meterstorm.experiments.scenario import Scenario, validate

from support.sharded import in_shards, some

DRAWN = some(41, 12)
ROLLING = {
    "title": "rolling restart",
    "run": {"duration_s": 400.0, "warmup_s": 0.0, "sample_s": 100.0},
    "network": {"latency_ms": 1.0},
    "servers": {"count": 3, "service_ms": 0.0},
    "products": [{"licenses": 300}],
    "clients": {"count": 72, "heartbeat_s": 10.0},
    "workload": {"launch_interval_s": 5.0, "run_time_s": 1e6, "run_time": "constant"},
    "policies": {"failover": {"name": "immediate"}, "balancing": {"name": "static"}},
    "faults": [{"kind": "crash", "servers": "all", "start_s": 110.0, "duration_s": 50.0, "stagger_s": 100.0}],
}
SECOND = 1_000_000_000


def arrivals(scenario: Scenario, rows: np.ndarray, until: int) -> list[int]:
    """How many messages of clients had arrived at each server before a time, by the journal."""
    service = [kind for kind in range(kinds.GRANT) if protocol.is_for_service(kind)]
    came = (rows["what"] == journal.HANDLED) & np.isin(rows["kind"], service) & (rows["flag"] & IN_SERVICE == 0)
    came &= rows["time"] < until
    first, count = scenario.clients.count, scenario.servers.count
    return [int((came & (rows["target"] == first + server)).sum()) for server in range(count)]


@pytest.mark.parametrize("scenario", DRAWN, ids=range(len(DRAWN)))
def test_servers_add_up_to_the_world(scenario: Scenario):
    tally = simulate(scenario, keep_journal=True)
    series = tally.server_series
    assert series.shape == (len(tally.series), scenario.servers.count)
    assert series["leases"].sum(axis=1).tolist() == tally.series[:, counters.IN_USE].tolist()
    assert series["connected"].sum(axis=1).tolist() == tally.series[:, counters.CONNECTED].tolist()
    assert series["clients"].sum(axis=1).tolist() == [scenario.clients.count] * len(series)
    run = scenario.run
    for sample in (0, 1, len(series) - 2):
        end = round((run.warmup_s + sample * run.sample_s) * SECOND)
        assert series["arrivals"][sample].tolist() == arrivals(scenario, tally.journal, end)
    check_end(scenario, tally)


def check_end(scenario: Scenario, tally: Tally) -> None:
    """The last sample is what the servers' own rows have at the end."""
    last, products = tally.server_series[-1], len(scenario.products)
    assert last["clients"].tolist() == tally.servers["clients"].tolist()
    assert last["queue"].tolist() == tally.servers["waiting"].tolist()
    for column, field in [("licenses", "allocated"), ("leases", "leased")]:
        assert last[column].tolist() == tally.pools[field].reshape(-1, products).sum(axis=1).tolist()


@pytest.mark.parametrize("shards", [2, 3])
@pytest.mark.parametrize("scenario", DRAWN[:4], ids=range(4))
def test_shards_see_the_same(scenario: Scenario, shards: int):
    alone, together = simulate(scenario), in_shards(scenario, shards)
    assert alone.server_series.tolist() == together.server_series.tolist()
    assert alone.faults.tolist() == together.faults.tolist()


def test_a_rolling_restart_step_by_step():
    """Each server in turn sends its clients to the next one, and they do not come back."""
    check_steps(validate(ROLLING))


def test_connections_in_a_rolling_restart():
    """Who has lost its connection at one server has one at the next, and there is no other; on any shards."""
    kept = {"clients": {"count": 72, "heartbeat_s": 10.0, "connection": "kept"}}
    scenario = validate(ROLLING | kept)
    check_steps(scenario, "connected")
    assert in_shards(scenario, 3).server_series.tolist() == simulate(scenario).server_series.tolist()
    assert not simulate(validate(ROLLING)).server_series["connected"].any()


def check_steps(scenario: Scenario, column: str = "clients") -> None:
    series = simulate(scenario).server_series
    steps = [[24, 24, 24], [0, 48, 24], [0, 0, 72], [72, 0, 0]]
    assert series[column][1:].tolist() == steps
    moved = [sum(max(0, b - a) for a, b in zip(before, after, strict=True)) for before, after in pairwise(steps)]
    assert moved == [24, 48, 72]
