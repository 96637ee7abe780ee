"""Tables that are too small for a crowd grow, and nothing is lost or changed by it."""

import pytest
from meterstorm.actors.setup import build
from meterstorm.actors.shards.shard import Shard
from meterstorm.actors.state.allocation import zeros
from meterstorm.actors.state.events import DUE
from meterstorm.experiments.metrics.metrics import metrics
from meterstorm.experiments.scenario import validate

# In the second wave the ring of 1024 deadlines grows once, while it is turned round its end. Servers take turns in
# threes, so that a client whose deadline were lost track of would strike out one that waits for a server away.
FIRST, ALL = 600, 1899

FENCE = -7  # no event


def traced(tmp_path, rows, **layer):
    """A world at one server whose clients launch when `rows` (time, client, run time) say."""
    trace = tmp_path / "trace.csv"
    trace.write_text("\n".join(["time_s,client,run_time_s", *(",".join(map(str, row)) for row in rows)]))
    return validate(
        {
            "title": "recorded",
            "run": {"duration_s": 200.0, "warmup_s": 0.0},
            "servers": {"count": 1, "service_ms": 0.0},
            "workload": {"arrivals": "trace", "trace": str(trace)},
            "policies": {"balancing": {"name": "static"}},
            **layer,
        }
    )


@pytest.fixture
def crowd(tmp_path):
    """FIRST clients launch at 0 s, and ALL at 100 s, to the nanosecond; the servers of a third are away."""
    return traced(
        tmp_path, [(time, client, 10.0) for time, last in ((0.0, FIRST), (100.0, ALL)) for client in range(last)],
        network={"latency_ms": 5.0},
        servers={"count": 3, "service_ms": 0.0},
        products=[{"name": "editor", "licenses": 2 * ALL}],
        clients={"count": ALL, "enforcement": "before-start", "request_timeout_s": 1.0, "heartbeat_s": 0.0},
        policies={"failover": {"name": "never"}, "balancing": {"name": "static"}},
        faults=[{"kind": "unreachable", "servers": [0], "start_s": 0.0, "duration_s": 200.0}],
    )  # fmt: skip


def test_everybody_in_a_crowd_is_answered_or_timed_out(crowd):
    shard = Shard(crowd)
    first = {name: getattr(shard.world, name).size for name in ("deadlines", "due")}
    shard.run(shard.end)
    assert all(getattr(shard.world, name).size > size for name, size in first.items())
    result = metrics(crowd, shard.tally())
    assert result["launches"] == result["attempts"] == FIRST + ALL
    assert result["timeouts"] == (FIRST + ALL) / 3
    assert result["grants"] == 2 * (FIRST + ALL) / 3


def test_the_size_of_tables_changes_nothing(crowd, monkeypatch):
    digests = set()
    for size in (1 << 10, 1 << 12):
        monkeypatch.setattr(build, "FIRST_DEADLINES", size)
        shard = Shard(crowd)
        assert shard.world.deadlines.size == size
        shard.run(shard.end)
        digests.add(shard.tally().digest)
    assert len(digests) == 1


def run_with_fence(scenario, at_s):
    """Run a world to its end, with a fence of rows behind the heap from `at_s` on; return both."""
    shard = Shard(scenario)
    shard.run(int(at_s * 1e9))
    heap = shard.world.due
    both = zeros(heap.size + 1000, DUE)
    both[: heap.size], both["event"][heap.size :] = heap, FENCE
    shard.world.replace(due=both[: heap.size])
    shard.run(shard.end)
    return shard, both["event"][heap.size :]


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_a_bucket_that_just_fills_the_heap_leaves_room_for_what_follows(more, tmp_path):
    def launching(clients):
        return traced(
            tmp_path, [(1.0, 0, 0.5), *((100.0, client, 0.5) for client in range(clients))],
            network={"latency_ms": 5.0, "jitter_ms": 1.0},
            products=[{"name": "editor", "licenses": 1000}],
            clients={"count": clients, "heartbeat_s": 0.0},
        )  # fmt: skip

    clients = Shard(launching(10)).world.due.size + more
    scenario = launching(clients)
    shard, fence = run_with_fence(scenario, 0.5)
    assert (fence == FENCE).all()
    assert metrics(scenario, shard.tally())["grants"] == clients + 1


def test_a_crowd_is_called_back_at_once(tmp_path):
    """One scan reclaims what all hold, and calls all back who wait: a message and a grace time each.

    Without room for both the process dies.
    """
    holders = 400
    rows = [(10.0, client, 500.0) for client in range(holders)]
    rows += [(50.0 + (2 * holders - client) * 0.01, client, 500.0) for client in range(holders, 2 * holders)]
    scenario = traced(
        tmp_path, rows,
        network={"latency_ms": 5.0, "jitter_ms": 1.0},
        servers={
            "count": 1, "service_ms": 0.0, "scan_s": 100.0, "reclaim_after_s": 60.0, "callback_grace_s": 1.0
        },
        products=[{"name": "editor", "licenses": holders}],
        clients={"count": 2 * holders, "heartbeat_s": 0.0},
        policies={"denial": {"name": "callback"}},
    )  # fmt: skip
    shard = Shard(scenario)
    shard.run(shard.end)
    assert metrics(scenario, shard.tally())["grants"] == 2 * holders


def test_there_is_room_for_the_timers_of_many_crashes():
    crashes = 2000
    scenario = validate(
        {
            "title": "many crashes",
            "run": {"duration_s": 20.0 * crashes, "warmup_s": 0.0},
            "clients": {"count": 10},
            "servers": {"count": 1},
            "faults": [
                {
                    "kind": "crash", "servers": [0], "start_s": 10.0, "duration_s": 1.0, "repeat_s": 20.0,
                    "repeats": crashes,
                }
            ],
        }
    )  # fmt: skip
    assert Shard(scenario).world.control[0].free_events > 0


CROWD = 1500  # more than the ring of messages holds


def test_more_messages_at_once_than_the_ring_holds(tmp_path):
    scenario = traced(
        tmp_path, [(10.0, client, 50.0) for client in range(CROWD)],
        products=[{"name": "editor", "licenses": CROWD}],
        clients={"count": CROWD, "heartbeat_s": 0.0},
    )  # fmt: skip
    shard = Shard(scenario)
    assert shard.world.transit.size < CROWD
    shard.run(shard.end)
    assert metrics(scenario, shard.tally())["grants"] == CROWD
