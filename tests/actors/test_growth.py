"""Tables that are too small for a crowd grow, and nothing is lost or changed by it."""

import pytest
from meterstorm.actors import build
from meterstorm.actors.shard import Shard
from meterstorm.experiments.metrics import metrics
from meterstorm.experiments.scenario import validate

# In the second wave the ring of 1024 deadlines grows once, while it is turned round its end. Servers take turns in
# threes, so that a client whose deadline were lost track of would strike out one that waits for a server away.
FIRST, ALL = 600, 1899


@pytest.fixture
def crowd(tmp_path):
    """FIRST clients launch at 0 s, and ALL at 100 s, to the nanosecond; the servers of a third are away."""
    trace = tmp_path / "trace.csv"
    rows = [f"{time},{client},10.0" for time, count in ((0.0, FIRST), (100.0, ALL)) for client in range(count)]
    trace.write_text("\n".join(["time_s,client,run_time_s", *rows]))
    return validate(
        {
            "title": "a crowd",
            "run": {"duration_s": 200.0, "warmup_s": 0.0},
            "network": {"latency_ms": 5.0},
            "servers": {"count": 3, "service_ms": 0.0},
            "products": [{"name": "editor", "licenses": 2 * ALL}],
            "clients": {"count": ALL, "enforcement": "before-start", "request_timeout_s": 1.0, "heartbeat_s": 0.0},
            "workload": {"arrivals": "trace", "trace": str(trace)},
            "policies": {"failover": {"name": "never"}, "balancing": {"name": "static"}},
            "faults": [{"kind": "unreachable", "servers": [0], "start_s": 0.0, "duration_s": 200.0}],
        }
    )


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
