"""Connections: queues that are known, and a listening socket replayed from its own rules in plain Python."""

import heapq
from collections import deque
from pathlib import Path
from typing import NamedTuple

import pytest
from meterstorm.actors.records import journal
from meterstorm.actors.shards.shard import Shard
from meterstorm.actors.state import counters, kinds
from meterstorm.experiments.scenario import Scenario, validate

from support.lab import exactly, measure, on_bare, recorded

COUNT = 4000
US, SECOND = 1_000, 1_000_000_000  # ns
LATENCY, ACCEPT, SERVE = 200 * US, 20 * US, 40 * US
APART = 10_007  # ns between launches: no two things happen at one instant
SERVER = {"service_ms": SERVE / 1e6, "connect_cost": ACCEPT / SERVE}
KEPT = {"clients": {"count": COUNT, "connection": "kept", "request_timeout_s": 300.0}}
NETWORK = {"network": {"latency_ms": LATENCY / 1e6}, "products": [{"name": "editor", "licenses": COUNT}]}
CRASHED = 100.0


class Step(NamedTuple):
    """What happens at a time; of a CONNECT, when it was sent and how often before."""

    time: int
    what: str
    client: int
    sent: int = 0
    repeats: int = 0


def replay(launches: list[int], backlog: int) -> tuple[list[int], int]:
    """When each client has its grant, and how many connections were dropped."""
    steps = [Step(time + LATENCY, "connect", client, time) for client, time in enumerate(launches)]
    heapq.heapify(steps)
    queue: deque[Step] = deque()
    granted, dropped, serving = [0] * len(launches), 0, None
    while steps:
        step = heapq.heappop(steps)
        if step.what == "connect" and sum(one.what == "connect" for one in queue) >= backlog > 0:
            dropped += 1
            again = step.sent + SECOND * 2**step.repeats
            heapq.heappush(steps, Step(again + LATENCY, "connect", step.client, again, step.repeats + 1))
        elif step.what == "done":
            if serving is not None and serving.what == "request":
                granted[step.client] = step.time + LATENCY
            serving = None
        else:
            queue.append(step)
            if step.what == "connect":
                heapq.heappush(steps, Step(step.time + 2 * LATENCY, "request", step.client))
        if serving is None and queue:
            serving = queue.popleft()
            cost = ACCEPT if serving.what == "connect" else SERVE
            heapq.heappush(steps, Step(step.time + cost, "done", serving.client))
    return granted, dropped


def connecting(backlog: int, folder: Path) -> tuple[Scenario, list[int]]:
    """All clients launch within 40 ms: when each does, and the scenario."""
    launches = [SECOND + client * APART for client in range(COUNT)]
    trace = recorded([(time / SECOND, client, 900.0) for client, time in enumerate(launches)], folder)
    layers = (NETWORK, KEPT, {"servers": SERVER | {"backlog": backlog}}, trace)
    return validate(on_bare(*layers)), launches


@pytest.mark.parametrize(("backlog", "least_s", "most_s"), [(16, 40.0, 400.0), (4096, 0.0, 1.0), (0, 0.0, 1.0)])
def test_a_listening_socket_is_as_a_replay_has_it(backlog: int, least_s: float, most_s: float, tmp_path: Path):
    """To the nanosecond; and a short backlog takes as much longer as was measured on real sockets."""
    scenario, launches = connecting(backlog, tmp_path)
    shard = Shard(scenario, keep_journal=True)
    shard.run(shard.end)
    rows = shard.world.journal[: shard.world.control[0].journaled]
    rows = rows[(rows["what"] == journal.HANDLED) & (rows["kind"] == kinds.GRANT)]
    granted, dropped = replay(launches, backlog)
    assert dict(zip(rows["target"].tolist(), rows["time"].tolist(), strict=True)) == dict(enumerate(granted))
    counted = shard.tally().series.sum(axis=0)
    assert counted[counters.CONNECTS_DROPPED] == dropped
    assert least_s < (max(granted) - SECOND) / SECOND < most_s


@pytest.mark.parametrize("count", [50, 500])
def test_all_come_back_at_one_instant_and_the_last_one_is_accepted_after_n_over_mu(count: int):
    """With a backlog that holds them all: the server accepts N, then serves N heartbeats, without a break."""
    result = measure(
        NETWORK,
        KEPT | {"servers": {"service_ms": 1.0, "release_cost": 1.0}},
        {"clients": {"count": count}, "workload": {"launch_interval_s": 1.0, "run_time_s": 1e6}},
        {"policies": {"failover": {"name": "capped-exponential", "base_s": 1.0, "cap_s": 1.0}}},
        {"faults": [{"kind": "crash", "servers": [0], "start_s": CRASHED, "duration_s": 0.1}]},
    )
    assert result["resets"] == result["connects"] / 2 == count
    accepted_and_served = 2 * count * 0.001
    last = CRASHED + LATENCY / 1e9 + 1.0 + LATENCY / 1e9 + accepted_and_served + LATENCY / 1e9
    assert result["time_to_last_client_s"] == exactly(last - CRASHED - 0.1)


@pytest.mark.parametrize("sites", [1, 2])
def test_everybody_is_reset_one_latency_after_the_crash_and_asks_at_one_instant(sites: int):
    """At the server of their site, or at one of another."""
    raw = on_bare(
        {
            "run": {"sample_s": CRASHED + 0.5},
            "network": {"latency_ms": 3.0, "wan_latency_ms": 40.0},
            "servers": {"count": 2, "sites": sites},
        },
        {"clients": {"count": 60, "connection": "kept"}, "products": [{"name": "editor", "licenses": 600}]},
        {"workload": {"launch_interval_s": 1.0, "run_time_s": 1e6}},
        {"policies": {"failover": {"name": "capped-exponential", "base_s": 1.0, "cap_s": 1.0}}},
        {"faults": [{"kind": "crash", "servers": "all", "start_s": CRASHED, "duration_s": 0.1}]},
    )
    shard = Shard(validate(raw), keep_journal=True)
    shard.run(shard.end)
    rows = shard.world.journal[: shard.world.control[0].journaled]
    handled = rows[rows["what"] == journal.HANDLED]
    resets = handled[handled["kind"] == kinds.CONNECTION_RESET]
    heard = round((CRASHED + 0.003) * SECOND)
    assert len(resets) == 60 and set(resets["time"].tolist()) == {heard}
    arrivals = handled[(handled["kind"] == kinds.CONNECT) & (handled["time"] > heard)]
    back = heard + round(1.003 * SECOND)
    at_once = arrivals[(arrivals["time"] == back) & (arrivals["flag"] == 0)]
    assert len(at_once) == 60, "N in one instant"
    connected = shard.tally().series[:, counters.CONNECTED]
    assert connected[1:3].tolist() == [0, 60]


@pytest.mark.parametrize("grace_s", [0.0, 2.0, 25.0])
def test_what_clients_held_that_crash_is_held_for_the_grace(grace_s: float):
    """Little's law, without chance: licenses of orphans are those of crashes, each for so long; down is longer."""
    result = measure(
        NETWORK,
        KEPT
        | {
            "servers": SERVER
            | {"on_lost_connection": "free"}
            | ({"connection_grace_s": grace_s} if grace_s else {})
        },
        {"clients": {"count": 300}, "workload": {"launch_interval_s": 5.0, "run_time_s": 1e6}},
        {"faults": [{"kind": "client-crash", "start_s": 60.0, "mtbf_s": 200.0, "duration_s": 30.0}]},
    )
    assert result["leases_orphaned"] > 500 and result["leases_lost"] == 0
    held_s, orphans = result["orphan_license_hours"] * 3600, result["leases_orphaned"]
    at_the_end = 31  # a grace or so may still last, at 1.3 crashes a second
    assert (
        (orphans - at_the_end) * grace_s <= held_s <= orphans * (grace_s + US / SECOND)
    )  # areas count microseconds
