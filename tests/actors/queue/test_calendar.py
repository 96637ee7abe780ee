"""Slots have room for one timer each, and what is far away is found."""

import time

import pytest
from meterstorm.actors.messaging.messages import set_slot_timer
from meterstorm.actors.shards.shard import Shard
from meterstorm.actors.state import counters, kinds
from meterstorm.experiments.scenario import validate

SECOND = 1_000_000_000


def world_of(duration_s, launch_interval_s, shard, shards):
    """A part of a world in which nobody launches anything for long, or at all."""
    scenario = {
        "title": "nobody launches anything for long",
        "run": {"duration_s": duration_s, "warmup_s": 0.0},
        "clients": {"count": 6, "programs": 2, "heartbeat_s": 0.0},
        "workload": {"launch": "constant", "launch_interval_s": launch_interval_s},
    }
    return Shard(validate(scenario), shard=shard, shards=shards, keep_journal=True)


@pytest.mark.parametrize(("shard", "shards"), [(0, 1), (1, 2)])
def test_a_second_timer_of_a_slot_is_an_event(shard, shards):
    world = world_of(1e6, 1e5, shard, shards).world
    assert (world.slots["timer"] == kinds.LAUNCH).all()
    before = world.slots.copy()
    set_slot_timer(world, kinds.END, 1, 1, 5 * SECOND, 7, 8)
    assert (world.slots == before).all()
    (row,) = world.events[world.events["kind"] == kinds.END]
    agent = world.config[0].first + 1
    assert (row.time, row.source, row.target, row.slot) == (5 * SECOND, agent, agent, 1)
    assert (row.program, row.attempt, row.serial) == (7, 8, world.clients[1].serial)


@pytest.mark.parametrize(("shard", "shards"), [(0, 1), (1, 2)])
def test_the_order_of_a_client_s_timers_does_not_depend_on_where_they_lie(shard, shards):
    """All at one instant: in order of their setting."""
    part = world_of(10.0, 1e9, shard, shards)
    world = part.world
    for j in (1, 0, 0, 1):
        set_slot_timer(world, kinds.LAUNCH, 1, j, 5 * SECOND, 0, 0)
    assert world.slots["timer"][2:4].tolist() == [kinds.LAUNCH] * 2
    assert (world.events["kind"] == kinds.LAUNCH).sum() == 2
    part.run(6 * SECOND)
    rows = world.journal[: world.control[0].journaled]
    rows = rows[rows["kind"] == kinds.LAUNCH]
    assert rows["slot"].tolist() == [1, 0, 0, 1]
    assert rows["serial"].tolist() == [1, 2, 3, 4]


def cpu_s(folder, gap_s):
    """What 300 launches take that come at such a distance; the ring of buckets spans a millisecond."""
    trace = folder / f"{gap_s}.csv"
    rows = [f"{gap_s * k},{k % 6},{gap_s / 10}" for k in range(1, 301)]
    trace.write_text("\n".join(["time_s,client,run_time_s", *rows]))
    scenario = {
        "title": "a launch now and then",
        "run": {"duration_s": 301 * gap_s, "warmup_s": 0.0, "sample_s": 301 * gap_s},
        "clients": {"count": 6, "heartbeat_s": 0.0},
        "servers": {"scan_s": 1e9},
        "workload": {"arrivals": "trace", "trace": str(trace), "launch_interval_s": 1e-5, "run_time_s": 1e-5},
        "policies": {"balancing": {"name": "static"}},
    }
    shard = Shard(validate(scenario))
    assert shard.world.buckets.size << shard.world.config[0].shift < 10**7
    began = time.process_time()
    shard.run(shard.end)
    spent = time.process_time() - began
    assert shard.tally().series.sum(axis=0)[counters.LAUNCHES] == 300
    return spent


def test_launches_far_apart_are_found_at_once(tmp_path):
    """A thousand times as far apart they take as long; if the ring were gone round, a thousand times as long."""
    near, far = (min(cpu_s(tmp_path, gap_s) for _ in range(3)) for gap_s in (0.1, 100.0))
    assert far < 30 * near
