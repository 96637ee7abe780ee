"""Every slot has a row of events of its own."""

import pytest
from meterstorm.actors import calendar, kinds
from meterstorm.actors.shard import Shard
from meterstorm.experiments.scenario import validate

IDLE = {
    "title": "nobody launches anything for long",
    "run": {"duration_s": 1e6, "warmup_s": 0.0},
    "clients": {"count": 6, "programs": 2, "heartbeat_s": 0.0},
    "workload": {"launch": "constant", "launch_interval_s": 1e5},
}


@pytest.mark.parametrize(("shard", "shards"), [(0, 1), (1, 2)])
def test_a_second_timer_of_a_slot_has_another_row(shard, shards):
    world = Shard(validate(IDLE), shard=shard, shards=shards).world
    own = world.events[: world.slots.size]
    assert (own["kind"] == kinds.LAUNCH).all()
    assert calendar.own_row(world, 3) >= world.slots.size
    calendar.free(world, 3)
    assert calendar.own_row(world, 3) == 3
