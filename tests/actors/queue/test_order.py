"""Events are handled in the one total order, also where many fall on the same nanosecond."""

import random
from pathlib import Path

import pytest
from meterstorm.actors.records import journal
from meterstorm.actors.shards.simulate import simulate
from meterstorm.experiments.scenario import Scenario, validate

from support.sharded import in_shards


def on_a_grid(chance: random.Random, trace: Path) -> Scenario:
    """A small world in which all that happens, happens on full half seconds, and takes some time."""
    servers, clients = chance.choice([1, 2, 3]), chance.randint(4, 16)
    rows = [
        (chance.randint(0, 80) / chance.choice([1, 2]), client, chance.choice([0.5, 1.0, 3.0, 20.0]))
        for client in range(clients)
        for _ in range(chance.randint(1, 8))
    ]
    trace.write_text("time_s,client,run_time_s\n" + "".join(f"{t},{client},{run}\n" for t, client, run in rows))
    return validate(
        {
            "title": "on a grid",
            "run": {"duration_s": 150.0, "warmup_s": 0.0},
            "network": {"latency_ms": chance.choice([500.0, 1000.0, 2000.0])},
            "servers": {"count": servers, "service_ms": chance.choice([500.0, 1000.0]), "scan_s": 10.0},
            "products": [{"name": "editor", "licenses": chance.randint(0, clients)}],
            "clients": {
                "count": clients,
                "programs": chance.randint(1, 2),
                "request_timeout_s": chance.choice([1.0, 2.5, 4.0, 4.5, 5.0]),
                "heartbeat_s": 0.0,
            },
            "workload": {"arrivals": "trace", "trace": str(trace)},
            "policies": {
                "failover": {"name": "retry-then-failover", "retries": 1.0, "delay_s": chance.choice([0.5, 5.0])},
                "denial": {"name": chance.choice(["give-up", "callback"])},
                "balancing": {"name": "periodic-demand", "interval_s": 10.0},
            },
            "faults": [{"kind": "unreachable", "servers": [0], "start_s": 20.0, "duration_s": 10.0}],
        }
    )


@pytest.mark.parametrize("number", range(20))
def test_ties_are_broken_by_target_source_and_serial(number: int, tmp_path: Path):
    scenario = on_a_grid(random.Random(number), tmp_path / "trace.csv")
    for rows in (
        simulate(scenario, keep_journal=True).journal,
        in_shards(scenario, 2, keep_journal=True).journal,
    ):
        handled = rows[rows["what"] == journal.HANDLED]
        keys = [tuple(key) for key in handled[["time", "target", "source", "serial"]].tolist()]
        assert keys == sorted(keys)
        assert len({time for time, *_ in keys}) < len(keys)
