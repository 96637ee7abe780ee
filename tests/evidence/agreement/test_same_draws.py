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
# The observer hears of an end one latency after it, which the reference knows at once: once a program at the most.
LATE = {"unmetered_license_hours", "ghost_license_hours"}
NOT_IN_THE_REFERENCE = {"time_to_recover_s"}


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_both_tell_the_same_story(part: int) -> None:
    for number in range(part, WORLDS, PARTS):
        raw = comparable.scenario(Random(number))
        made = validate(raw)
        ours, theirs = metrics(made, simulate(made)), same_draws.measured(made, raw, 0)
        late_h = ours["launches"] * raw["network"]["latency_ms"] / 3.6e6
        found = {
            name: (ours[name], theirs[name])
            for name in ours.keys() - NOT_IN_THE_REFERENCE
            if differ(ours[name], theirs[name], name, late_h)
        }
        assert not found, f"world {number}, engine and reference: {found}\n{to_toml(made)}"


def differ(ours: Any, theirs: Any, name: str, late_h: float) -> bool:
    if ours is None or theirs is None or math.inf in (ours, theirs):
        return bool(ours != theirs)
    part = BIN if name.endswith(PERCENTILES) else EXACT
    return not abs(ours - theirs) <= part * abs(theirs) + EXACT + (late_h if name in LATE else 0.0)
