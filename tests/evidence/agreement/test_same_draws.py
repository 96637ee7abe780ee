"""Engine and reference with the same random numbers tell the same story: every count is equal, and every mean.

Two implementations agree here event by event, so that a fault shows in one small world, without statistics.
"""

import math
from random import Random
from typing import Any

import pytest
from meterstorm.actors.shards.simulate import simulate
from meterstorm.experiments.metrics.metrics import metrics
from meterstorm.experiments.scenario import to_toml, validate

from support import comparable, same_draws

WORLDS, PARTS = 200, 4
EXACT = 1e-6  # relative; the engine counts whole nanoseconds, and areas in microseconds
BIN = 1 / 32  # the engine's histograms are so coarse; percentiles are known no better
PERCENTILES = ("p50", "p95", "p99")
# What only the observer ends hears of an end one latency after it: at most one for each program.
LATE = {"unmetered_license_hours", "ghost_license_hours", "licenses_in_use_mean"}
NOT_IN_THE_REFERENCE = {"time_to_recover_s"}


def difference(ours: Any, theirs: Any, allowed: float) -> bool:
    if ours is None or theirs is None or math.inf in (ours, theirs):
        return bool(ours != theirs)
    return not abs(ours - theirs) <= allowed


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_both_tell_the_same_story(part: int) -> None:
    for number in range(part, WORLDS, PARTS):
        raw = comparable.scenario(Random(number))
        made = validate(raw)
        ours, theirs = metrics(made, simulate(made)), same_draws.measured(made, raw, 0)
        late = {name: ours["launches"] * raw["network"]["latency_ms"] / 3.6e6 for name in LATE}
        found = {
            name: (ours[name], theirs[name])
            for name in ours.keys() - NOT_IN_THE_REFERENCE
            if not name.endswith(PERCENTILES)
            and difference(ours[name], theirs[name], EXACT * max(1.0, abs(theirs[name] or 0)) + late.get(name, 0))
        }
        assert not found, f"world {number}, engine and reference: {found}\n{to_toml(made)}"
