"""Launches that take several licenses: a replay, launch by launch, and the law of loss systems with classes."""

import heapq
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
from support.laws import kaufman_roberts
from support.trials import LOSS_SYSTEM, REPLICATIONS, hold, offered, scenario

Launch = tuple[int, float, float, int]  # client, time, run time, licenses


def decided(made: Any, replication: int = 0) -> Any:
    """The requests of a run in order of their decisions, with `denied` in the place of `flag`."""
    rows = simulate(made, replication, keep_journal=True).journal
    requests = rows[(rows["what"] == journal.HANDLED) & (rows["kind"] == kinds.REQUEST)]
    answers = rows[(rows["what"] == journal.SENT) & np.isin(rows["kind"], (kinds.GRANT, kinds.DENY))]
    assert (requests["source"] == answers["target"]).all() and (requests["attempt"] == answers["attempt"]).all()
    requests["flag"] = answers["kind"] == kinds.DENY
    return requests


def replayed(launches: list[Launch], capacity: int) -> list[bool]:
    """Whether each launch is denied, of launches in order of time: "in use + n <= capacity" decides."""
    ends: list[tuple[float, int]] = []
    in_use, denied = 0, []
    for _, time, run_time, count in launches:
        while ends and ends[0][0] <= time:
            in_use -= heapq.heappop(ends)[1]
        denied.append(in_use + count > capacity)
        if not denied[-1]:
            in_use += count
            heapq.heappush(ends, (time + run_time, count))
    return denied


@pytest.mark.parametrize("number", range(4))
def test_every_launch_is_decided_as_a_replay_decides_it(number: int, tmp_path: Path):
    random = Random(number)
    launches: list[Launch] = [
        (n % 50, time, random.expovariate(1 / 30), random.choice([1, 1, 2, 5, 40]))
        for n, time in enumerate(sorted(random.uniform(0.0, 900.0) for _ in range(400)))
    ]
    rows = ["time_s,client,run_time_s,count", *(f"{time!r},{c},{run!r},{n}" for c, time, run, n in launches)]
    (tmp_path / "trace.csv").write_text("\n".join(rows) + "\n")
    traced = {"workload": {"arrivals": "trace", "trace": str(tmp_path / "trace.csv")}}
    raw = on_bare(INSTANT, traced, {"clients": {"count": 50, "programs": 32}, "products": [{"licenses": 30}]})
    found = decided(scenario(raw))
    assert (1 + found["value"]).tolist() == [count for *_, count in launches]
    assert found["flag"].tolist() == replayed(launches, 30)


def test_classes_of_requests_are_denied_by_their_size():
    """1, 3 and 8 of 30 licenses, 8, 3 and 1 erlangs: the recursion of Kaufman (1981) and Roberts (1981)."""
    erlangs = {1: 8.0, 3: 3.0, 8: 1.0}
    law = kaufman_roberts(30, erlangs)
    made = scenario(LOSS_SYSTEM, offered(12.0, 30, 1.0, 10_000.0), {"products": [sized(30, erlangs)]})
    runs = [decided(made, r) for r in range(REPLICATIONS)]
    for count, blocking in law.items():
        denied = [float(rows["flag"][rows["value"] == count - 1].mean()) for rows in runs]
        hold(f"requests for {count}", denied, blocking, within=0.05)
        share = [float((rows["value"] == count - 1).mean()) for rows in runs]
        hold(f"share of requests for {count}", share, erlangs[count] / 12.0, within=0.03)


def sized(licenses: int, weights: dict[int, float]) -> dict[str, Any]:
    return {"licenses": licenses, "tokens": [[count, weight] for count, weight in weights.items()]}


def test_kaufman_and_roberts_know_erlang():
    assert kaufman_roberts(10, {1: 10.0})[1] == pytest.approx(0.214582, abs=5e-7)
    assert kaufman_roberts(30, {3: 10.0})[3] == pytest.approx(0.214582, abs=5e-7)


BUSY: dict[str, Any] = {
    "title": "busy",
    "run": {"duration_s": 3000.0, "warmup_s": 300.0},
    "servers": {"count": 3, "reclaim_after_s": 400.0, "scan_s": 100.0},
    "products": [{"licenses": 12}],
    "clients": {"count": 30, "programs": 2, "heartbeat_s": 60.0},
    "workload": {"launch_interval_s": 60.0, "run_time_s": 60.0},
    "policies": {"failover": {"name": "immediate"}, "balancing": {"name": "static"}},
    "faults": [{"kind": "unreachable", "start_s": 500.0, "duration_s": 300.0, "repeat_s": 900.0, "repeats": 2}],
}
OF_LICENSES = ("licenses_in_use_mean", "ghost_license_hours")


DENIALS = [{"name": "give-up"}, {"name": "retry"}, {"name": "callback", "poll_s": 200.0}]


@pytest.mark.parametrize("denial", DENIALS)
def test_launches_of_five_of_five_times_as_many_licenses_are_launches_of_one(denial: dict[str, Any]):
    """Everything happens as before, and five times as many licenses are in use."""
    five_of_sixty = {"products": [{"licenses": 60, "tokens": 5}]}
    one, five = (
        metrics(made, simulate(made))
        for made in (scenario(BUSY, {"policies": {"denial": denial}}, layer) for layer in ({}, five_of_sixty))
    )
    assert one["denials"] > 0 and one["denials_misplaced"] > 0 and one["ghost_license_hours"] > 0
    assert five == one | {name: pytest.approx(5 * one[name]) for name in OF_LICENSES}
