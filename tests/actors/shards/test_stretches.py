"""How far shards with clients run ahead of servers that owe them nothing: by CPU time, no less than a latency."""

from types import SimpleNamespace
from typing import Any

import pytest
from meterstorm.actors.shards import windows
from meterstorm.actors.shards.simulate import simulate
from meterstorm.actors.shards.windows import STRETCH_S, Windows
from meterstorm.experiments.bench.tcp_server import raise_limit
from meterstorm.experiments.scenario import validate

from support.sharded import in_shards

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


STORM = validate({
    "title": "nearly all of it is an outage",
    "run": {"duration_s": 300.0, "warmup_s": 0.0},
    "clients": {"count": 400, "request_timeout_s": 5.0},
    "servers": {"count": 4, "service_ms": 1.0},
    "products": [{"name": "editor", "licenses": 10_000}],
    "network": {"latency_ms": 5.0, "jitter_ms": 1.0},
    "workload": {"launch_interval_s": 20.0, "run_time_s": 10.0},
    "policies": {"failover": {"name": "immediate"}},
    "faults": [{"kind": "unreachable", "servers": "all", "start_s": 5.0, "duration_s": 290.0}],
})  # fmt: skip


def test_windows_grow_no_more_than_in_proportion_to_shards():
    """Though some shards run ahead to the end of the outage, and what they send then awaits the others."""
    alone = simulate(STORM)
    windows_of = {}
    for shards in (2, 3, 4, 8):
        tally = in_shards(STORM, shards)
        assert tally.digest == alone.digest
        assert tally.timing is not None
        windows_of[shards] = tally.timing.windows // shards
        assert windows_of[shards] <= 1.5 * shards / 2 * windows_of[2], windows_of


def test_64_shards_go_through_hardly_more_windows_than_two():
    """Each window takes frames from each shard to each other one: more of them would pay twice."""
    if raise_limit() < 2 * 64 * 63:
        pytest.skip("this system lets a process open too few files for the ends of 64 shards' connections")
    brief = STORM.model_copy(update={"run": STORM.run.model_copy(update={"duration_s": 2.0})})
    faults = [STORM.faults[0].model_copy(update={"start_s": 0.5, "duration_s": 1.0})]
    for scenario in (brief.model_copy(update={"faults": []}), brief.model_copy(update={"faults": faults})):
        two, many = (in_shards(scenario, shards) for shards in (2, 64))
        assert two.digest == many.digest == simulate(scenario).digest
        assert two.timing is not None
        assert many.timing is not None
        assert 20 < many.timing.windows / 64 <= 2 * two.timing.windows / 2
