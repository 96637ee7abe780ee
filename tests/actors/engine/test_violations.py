"""What is said of an invariant that does not hold, or of time that stands still."""

import pytest
from meterstorm.actors.engine import invariants
from meterstorm.actors.shards.shard import Shard
from meterstorm.experiments.scenario import validate

from support.lab import BARE
from support.layers import layered

WARMUP_S = 300.0


@pytest.mark.parametrize("when_s", [-300.0, -0.5, 0.0, 1234.5])
def test_it_happens_at_a_time_from_the_end_of_the_warm_up(when_s):
    """As all outputs have it: in the warm-up times are negative."""
    shard = Shard(validate(layered(BARE, {"run": {"warmup_s": WARMUP_S, "duration_s": 2000.0}})))
    shard.world.control[0].now = round((WARMUP_S + when_s) * 1e9)
    shard.world.pools[0].leased += 1
    with pytest.raises(invariants.InvariantViolation, match=f"; at {when_s:.9f} s, agent 4, value 0"):
        invariants.recount(shard.world)
