"""The number of a site server cycle finds room, whatever the cycle and however long the run."""

import numpy as np
import pytest
from meterstorm.actors.agents.server import callbacks
from meterstorm.actors.queue import events
from meterstorm.actors.setup.scenario import ns
from meterstorm.actors.shards.shard import Shard
from meterstorm.actors.state import kinds
from meterstorm.experiments.scenario import validate
from meterstorm.experiments.scenario.values import VALUE_MAX

from support.lab import BARE
from support.layers import layered

CYCLE_S = 1e-9  # the shortest there can be
LAST = 2 * ns(VALUE_MAX)  # ns: the end of the longest run


def waiting_at(now: int):
    """A world where the first client's user has just been denied, and waits to be called back."""
    layer = {"policies": {"denial": {"name": "callback"}}, "servers": {"callback_cycle_s": CYCLE_S}}
    world = Shard(validate(layered(BARE, layer))).world
    world.control[0].now = now
    n = events.allocate(world)
    event = world.events[n]
    event.kind, event.target, event.program, event.attempt = kinds.REQUEST, world.config[0].clients, 1, 1
    event.source = event.slot = event.product = event.value = 0
    assert callbacks.enqueue(world, n, 0)
    return world


@pytest.mark.parametrize("now", [0, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**33 + 5, LAST])
def test_one_called_back_within_the_cycle_is_barred_for_the_rest_of_it(now):
    world = waiting_at(now)
    callbacks.licenses_freed(world, 0, 0, 1)
    assert callbacks.is_barred(world, 0, 0, 0, 1)
    for later in (1, 2**31, 2**32, 2**33):
        world.control[0].now = np.int64(now + later)
        assert not callbacks.is_barred(world, 0, 0, 0, 1)
