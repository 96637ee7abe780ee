"""What a shard is at a moment: against its tables, by hand, and whoever shares the world."""

import numpy as np
import pytest
from meterstorm.actors.shards.figures import figures
from meterstorm.actors.shards.shard import Shard
from meterstorm.actors.shards.simulate import simulate
from meterstorm.actors.state import counters
from meterstorm.experiments.scenario import validate

from oracles.audit.links import count
from support.sharded import hosted, in_shards, some

DRAWN = some(17, 8)
NAMES = ("AT_PREFERRED", "AT_ANOTHER", "RETRYING", "SEARCHING", "OFFLINE", "DOWN")
LINKS = [getattr(counters, name) for name in NAMES]
AWAY_S = 600.0


@pytest.mark.parametrize("scenario", DRAWN, ids=range(len(DRAWN)))
def test_every_client_is_in_one_state_at_the_end_of_each_sample(scenario):
    """As its own row says just before that."""
    shard = Shard(scenario)
    series = simulate(scenario).series[:, LINKS]
    assert (series.sum(axis=1) == scenario.clients.count).all()
    for sample in (0, len(series) // 2, len(series) - 2):
        shard.run(round((scenario.run.warmup_s + sample * scenario.run.sample_s) * 1e9))
        assert series[sample, 1:].tolist() == count(shard.world.clients)


@pytest.mark.parametrize("shards", [2, 3])
@pytest.mark.parametrize("scenario", DRAWN[:4], ids=range(4))
def test_shards_see_the_same(scenario, shards):
    alone, together = simulate(scenario), in_shards(scenario, shards)
    assert alone.series[:, LINKS].tolist() == together.series[:, LINKS].tolist()


def test_figures_of_shards_add_up_to_what_was_counted():
    scenario = DRAWN[0]
    tally, shards = hosted(scenario, 3)
    found = [figures(shard.world) for shard in shards]
    total = tally.series.sum(axis=0)
    assert sum(one.attempts for one in found) == total[counters.ATTEMPTS] > 0
    assert sum(one.events for one in found) == tally.events
    causes = {"misplaced": counters.MISPLACED, "stranded": counters.STRANDED, "exhausted": counters.EXHAUSTED}
    for cause, column in causes.items():
        assert sum(one.denials[cause] for one in found) == total[column]
    assert sum(sum(one.links.values()) for one in found) == scenario.clients.count
    assert {s: n for one in found for s, n in one.queues.items()} == dict(enumerate(tally.servers["waiting"]))
    leases = tally.pools["leased"].reshape(scenario.servers.count, -1).sum(axis=1)
    assert {s: n for one in found for s, n in one.leases.items()} == dict(enumerate(leases))


def story(**policies):
    """Every 10 s each of 40 clients asks one of two servers; both are away for ten minutes."""
    return validate({
        "title": "both servers away",
        "run": {"duration_s": 2000.0, "warmup_s": 100.0, "sample_s": 50.0},
        "network": {"latency_ms": 1.0},
        "servers": {"count": 2, "service_ms": 0.0},
        "products": [{"licenses": 1000}],
        "clients": {"count": 40, "request_timeout_s": 1.0, "heartbeat_s": 0.0},
        "workload": {"launch_interval_s": 10.0, "run_time_s": 0.0, "launch": "constant"},
        "policies": {"balancing": {"name": "static"}, **policies},
        "faults": [{"kind": "unreachable", "servers": "all", "start_s": 500.0, "duration_s": AWAY_S}],
    })  # fmt: skip


def states(scenario):
    """The numbers of clients in each state, by the end of the sample."""
    series = simulate(scenario).series[:, LINKS]
    return {50.0 * sample: series[sample].tolist() for sample in range(1, len(series))}


def test_who_retries_for_ever_is_retrying_while_the_servers_are_away():
    found = states(story(failover={"name": "capped-exponential", "cap_s": 5.0}))
    assert found[500.0] == found[2000.0] == [40, 0, 0, 0, 0, 0]
    assert all(found[time] == [0, 0, 40, 0, 0, 0] for time in (550.0, 800.0, 1100.0))


def test_who_fails_over_at_once_searches_and_then_stays_where_it_was_served():
    found = states(story(failover={"name": "immediate"}))
    assert found[500.0] == [40, 0, 0, 0, 0, 0]
    assert all(found[time] == [0, 0, 0, 40, 0, 0] for time in (550.0, 800.0, 1100.0))
    assert found[1150.0] == found[2000.0]
    preferred, another, *others = found[2000.0]
    assert preferred + another == 40
    assert others == [0, 0, 0, 0]
    assert min(preferred, another) > 0


def test_figures_change_nothing():
    scenario = DRAWN[1]
    shard = Shard(scenario)
    for step in np.linspace(0.1, 1.0, 10):
        shard.run(int(shard.end * step))
        figures(shard.world)
    assert shard.tally().digest == simulate(scenario).digest
