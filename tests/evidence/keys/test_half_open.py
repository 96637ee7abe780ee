"""Connections of which only one end might know: round trips longer than until a CONNECT is repeated."""

import tempfile
from pathlib import Path
from typing import Any

import pytest
from meterstorm.actors.shards.shard import Shard
from meterstorm.actors.state.servers import CONNECTED
from meterstorm.experiments.metrics.metrics import metrics
from meterstorm.experiments.scenario import validate

from support.lab import on_bare, recorded

FREEING = {"servers": {"on_lost_connection": "free"}, "clients": {"connection": "kept"}}
ONE = [(10.0, 0, 500.0)]
ASKING_HOSTS = {"clients": {"keepalive_s": 10.0, "keepalive_misses": 1}}


def run(*layers: dict[str, Any]) -> tuple[dict[str, Any], int, int]:
    """The metrics of a world with one launch, and how many connections clients, and servers, have at its end."""
    with tempfile.TemporaryDirectory() as folder:
        scenario = validate(on_bare(FREEING, *layers, recorded(ONE, Path(folder))))
        shard = Shard(scenario)
        shard.run(shard.end)
    open_ends = (shard.world.peers["state"] == CONNECTED).sum()
    return metrics(scenario, shard.tally()), int(shard.world.control[0].connected), int(open_ends)


def test_an_answer_that_comes_after_the_time_out_leaves_no_connection():
    """CONNECTs at 10, 11 and 13 s are answered at 16, 17 and 19 s; the client has given up at 15 s."""
    found, clients, servers = run({"network": {"latency_ms": 3000.0}})
    assert (found["connects"], found["timeouts"], found["messages"]) == (3, 1, 3 + 3 + 3)
    assert (clients, servers) == (0, 0)


@pytest.mark.parametrize(("start_s", "lost"), [(21.9, 0), (20.9, 1)])
def test_both_hosts_ask_from_the_first_answer_on(start_s: float, lost: int):
    """CONNECTs at 10 and 11 s are answered at 11.2 and 12.2 s: keep-alives come at 21.2, 31.2 s, ..."""
    cut = {"kind": "cut", "clients": [0, 0], "start_s": start_s, "duration_s": 0.5}
    found, clients, servers = run({"network": {"latency_ms": 600.0}, "faults": [cut]}, ASKING_HOSTS)
    assert (found["connects"], found["silences"], found["leases_lost"]) == (2, lost, lost)
    assert clients == servers


def test_an_answer_that_is_lost_makes_no_connection():
    """The client is cut off while the answer is on its way, and its time-out comes before a repetition."""
    cut = {"kind": "cut", "clients": [0, 0], "start_s": 10.007, "duration_s": 0.5}
    found, clients, servers = run({"clients": {"request_timeout_s": 0.9}, "faults": [cut]})
    assert (found["connects"], found["timeouts"], found["messages_lost"]) == (1, 1, 1)
    assert (clients, servers) == (0, 0)
