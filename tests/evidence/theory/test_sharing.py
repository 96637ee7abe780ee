"""Licenses that a client's programs share: a replay, launch by launch, and the law of clients that run any."""

import heapq
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from meterstorm.actors.records import journal
from meterstorm.actors.shards.simulate import simulate
from meterstorm.actors.state import kinds
from meterstorm.experiments.metrics.metrics import metrics

from support.lab import INSTANT, on_bare
from support.trials import LOSS_SYSTEM, check, scenario

SHARED = {"sharing": "client"}
DENIALS = [{"name": "give-up"}, {"name": "retry"}, {"name": "callback", "poll_s": 200.0}]


@pytest.mark.parametrize("programs", [1, 2, 5])
@pytest.mark.parametrize("tokens", [1, 3])
def test_as_many_licenses_are_in_use_as_clients_run_any(programs: int, tokens: int):
    """Each slot runs for a share p of the time, on its own: N (1 - (1 - p)^k) clients run one of k at least."""
    count, run_s, think_s = 40, 30.0, 90.0
    idle = (think_s / (run_s + think_s)) ** programs
    closed = {
        "run": {"duration_s": 20_000.0, "warmup_s": 1000.0, "sample_s": 20_000.0},
        "products": [{"licenses": tokens * count, "tokens": tokens, **SHARED}],
        "clients": {"count": count, "programs": programs},
        "workload": {"arrivals": "closed", "launch_interval_s": think_s, "run_time_s": run_s},
    }
    check({"licenses_in_use_mean": tokens * count * (1 - idle)}, LOSS_SYSTEM, closed, within=0.02)


Launch = tuple[int, float, float]  # client, time, run time


def replayed(launches: list[Launch], capacity: int) -> list[bool]:
    """Whether each launch is denied, of launches in order of time: who runs one already is not, nor takes any."""
    ends: list[tuple[float, int]] = []
    running: Counter[int] = Counter()
    denied = []
    for client, time, run_time in launches:
        while ends and ends[0][0] <= time:
            running[heapq.heappop(ends)[1]] -= 1
        in_use = sum(programs > 0 for programs in running.values())
        denied.append(running[client] == 0 and in_use == capacity)
        if not denied[-1]:
            running[client] += 1
            heapq.heappush(ends, (time + run_time, client))
    return denied


@pytest.mark.parametrize("number", range(4))
def test_every_launch_is_decided_as_a_replay_decides_it(number: int, tmp_path: Path):
    random = Random(number)
    launches: list[Launch] = [
        (random.randrange(30), time, random.expovariate(1 / 40))
        for time in sorted(random.uniform(0.0, 900.0) for _ in range(600))
    ]
    rows = ["time_s,client,run_time_s", *(f"{time!r},{client},{run!r}" for client, time, run in launches)]
    (tmp_path / "trace.csv").write_text("\n".join(rows) + "\n")
    traced = {"workload": {"arrivals": "trace", "trace": str(tmp_path / "trace.csv")}}
    some = {"clients": {"count": 30, "programs": 32}, "products": [{"licenses": 15, **SHARED}]}
    rows = simulate(scenario(on_bare(INSTANT, traced, some)), 0, keep_journal=True).journal
    answers = rows[(rows["what"] == journal.SENT) & np.isin(rows["kind"], (kinds.GRANT, kinds.DENY))]
    denied = replayed(launches, 15)
    assert (answers["kind"] == kinds.DENY).tolist() == denied
    assert 0.02 < sum(denied) / len(denied) < 0.5


BUSY: dict[str, Any] = {
    "title": "busy",
    "run": {"duration_s": 3000.0, "warmup_s": 300.0},
    "servers": {"count": 3, "reclaim_after_s": 400.0, "scan_s": 100.0},
    "products": [{"licenses": 12, **SHARED}],
    "clients": {"count": 30, "programs": 2, "heartbeat_s": 60.0},
    "workload": {"launch_interval_s": 60.0, "run_time_s": 60.0},
    "policies": {"failover": {"name": "immediate"}, "balancing": {"name": "static"}},
    "faults": [{"kind": "unreachable", "start_s": 500.0, "duration_s": 300.0, "repeat_s": 900.0, "repeats": 2}],
}
OF_LICENSES = ("licenses_in_use_mean", "ghost_license_hours")


@pytest.mark.parametrize("denial", DENIALS)
def test_five_of_five_times_as_many_licenses_are_shared_as_one_is(denial: dict[str, Any]):
    """Everything happens as before, and five times as many licenses are in use."""
    five_of_sixty = {"products": [{"licenses": 60, "tokens": 5, **SHARED}]}
    one, five = (
        metrics(made, simulate(made))
        for made in (scenario(BUSY, {"policies": {"denial": denial}}, layer) for layer in ({}, five_of_sixty))
    )
    assert one["denials"] > 0 and one["denials_misplaced"] > 0 and one["ghost_license_hours"] > 0
    assert five == one | {name: pytest.approx(5 * one[name]) for name in OF_LICENSES}


@pytest.mark.parametrize("denial", DENIALS)
def test_clients_with_one_program_and_no_ghosts_share_nothing(denial: dict[str, Any]):
    """Nothing happens otherwise, to the last event."""
    layers = {"faults": [], "clients": {"programs": 1}, "policies": {"denial": denial}}
    alone, shared = (
        simulate(scenario(BUSY, layers, {"products": [{"licenses": 12, "sharing": sharing}]}))
        for sharing in ("none", "client")
    )
    assert alone.series.sum() > 0 and alone.digest == shared.digest
