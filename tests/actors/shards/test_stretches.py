"""How far shards with clients run ahead of servers that owe them nothing: by CPU time, no less than a latency."""

from types import SimpleNamespace
from typing import Any

import pytest
from meterstorm.actors.shards import windows
from meterstorm.actors.shards.windows import STRETCH_S, Windows

LATENCY = 5_000_000  # ns


def learned(cpu_s: list[float]) -> list[int]:
    """The stretches that follow from what each took."""
    made: Any = Windows.__new__(Windows)
    made.shard, made._stretch = SimpleNamespace(latency=LATENCY), LATENCY
    found = []
    for seconds in cpu_s:
        made._learn(seconds)
        found.append(made._stretch)
    return found


def test_stretches_grow_no_more_than_twofold():
    found = learned([0.0, STRETCH_S / 1e6, STRETCH_S / 2])
    assert [round(stretch / LATENCY, 3) for stretch in found] == [2, 4, 8]


@pytest.mark.parametrize("seconds", [STRETCH_S * 2, STRETCH_S * 1e6])
def test_stretches_shrink_no_more_than_to_a_half_and_never_below_a_latency(seconds):
    found = learned([0.0] * 4 + [seconds] * 10)
    assert [round(stretch / LATENCY, 3) for stretch in found[3:8]] == [16, 8, 4, 2, 1]
    assert min(found) >= LATENCY and found[-1] <= LATENCY + 1


def test_waiting_for_a_core_does_not_shorten_a_stretch(monkeypatch):
    """Each stretch takes a second of the wall, most of it waiting, as where shards outnumber cores."""
    wall = iter(range(1000))
    monkeypatch.setattr(windows.time, "perf_counter", lambda: float(next(wall)))
    monkeypatch.setattr(windows.time, "thread_time", lambda: 0.0)
    made: Any = Windows.__new__(Windows)
    made.shard = SimpleNamespace(latency=LATENCY, next_time=0, end=10**18, run=lambda horizon: None)
    made.shard.run = lambda horizon: setattr(made.shard, "next_time", horizon)
    made.bound, made._stretch, made._computing_s = 10**18, LATENCY, 0.0
    before = 0
    for _ in range(5):
        made._advance()
        assert made._stretch >= 2 * before
        before = made._stretch
    assert made._computing_s == 5.0
