"""Clients that crash: alternating renewal, and Little's law for the leases that they leave behind."""

import math
from itertools import pairwise
from statistics import median
from typing import Any

import numpy as np
import pytest
from meterstorm.actors.randomness.streams import stream_keys
from meterstorm.actors.records.journal import HANDLED
from meterstorm.actors.setup import crashes
from meterstorm.actors.shards.simulate import simulate
from meterstorm.actors.state import kinds
from meterstorm.experiments.metrics.metrics import metrics
from meterstorm.experiments.scenario import load, validate

from support.trials import LOSS_SYSTEM, hold, replicate

COUNT, DURATION_S = 100, 20_000.0
RECLAIM_S, SCAN_S = 150.0, 20.0

# Programs run until their client crashes, and are started again as soon as it is back.
ALWAYS: dict[str, Any] = {
    "run": {"duration_s": DURATION_S, "warmup_s": 500.0, "sample_s": DURATION_S},
    "servers": {"reclaim_after_s": RECLAIM_S, "scan_s": SCAN_S},
    "products": [{"licenses": 100 * COUNT}],
    "clients": {"count": COUNT},
    "workload": {"arrivals": "closed", "launch_interval_s": 1.0, "run_time_s": 1e9, "run_time": "constant"},
}


def up_s(mtbf_s: float, mttr_s: float) -> float:
    """How long a client is up that begins so: the integral of the chance that it is."""
    share, relaxing_s = mtbf_s / (mtbf_s + mttr_s), mtbf_s * mttr_s / (mtbf_s + mttr_s)
    return share * DURATION_S + (1 - share) * relaxing_s * -math.expm1(-DURATION_S / relaxing_s)


def age_s(heartbeat_s: float, mtbf_s: float) -> float:
    """Mean time since a lease was heard of: since its grant, or a heartbeat at any phase, if that came later."""
    return mtbf_s + mtbf_s**2 / heartbeat_s * math.expm1(-heartbeat_s / mtbf_s)


@pytest.mark.parametrize(("mtbf_s", "mttr_s"), [(1000.0, 500.0), (2000.0, 100.0)])
@pytest.mark.parametrize("heartbeat_s", [30.0, 100.0])
def test_ghosts_are_crashes_times_the_time_until_they_are_noticed(mtbf_s, mttr_s, heartbeat_s):
    """Little's law: of what crashes, at the rate at which clients that are up do."""
    fault = {"kind": "client-crash", "start_s": 0.0, "mtbf_s": mtbf_s, "mttr_s": mttr_s, "restart": "all"}
    layers = {"faults": [fault]}, {"clients": {"heartbeat_s": heartbeat_s}}
    results = replicate(LOSS_SYSTEM, ALWAYS, *layers)
    up = up_s(mtbf_s, mttr_s)
    hold("crashes", [r["client_crashes"] for r in results], COUNT * up / mtbf_s)
    noticed_s = RECLAIM_S + SCAN_S / 2 - age_s(heartbeat_s, mtbf_s)
    ghosts = COUNT * up / mtbf_s * noticed_s / DURATION_S
    hold("ghosts", [r["orphan_license_hours"] * 3600 / DURATION_S for r in results], ghosts)
    running = [r["licenses_in_use_mean"] - r["ghost_license_hours"] * 3600 / DURATION_S for r in results]
    hold("programs that run", running, COUNT * up / DURATION_S)


def test_clients_crash_on_their_own():
    """Each has its own times, and so have two faults of the list, and two replications."""
    drawn = {"kind": "client-crash", "start_s": 0.0, "mtbf_s": 900.0, "mttr_s": 60.0}
    scenario = validate({"title": "drawn", "clients": {"count": 50}, "faults": 2 * [drawn]})
    times = [row[2:] for n in (0, 1) for row in crashes.lay_out(scenario, stream_keys(1, n))]
    assert len(set(times)) == len(times) > 2 * 2 * 50 * 25
    ups = [b[2] - a[3] for a, b in pairwise(crashes.lay_out(scenario, stream_keys(1, 0))) if a[:2] == b[:2]]
    hold("time between crashes", [up / 1e9 for up in ups], 900.0, within=0.1)


def test_lost_clients_are_back_as_was_seen():
    """After 43 to 315 s, with a median near 90 s; as the tails of a distribution have no end, 98 of 100 are."""
    scenario = load("crashed-clients", {"cases": [], "arms": []})
    rows = simulate(scenario, keep_journal=True).journal
    rows = rows[rows["what"] == HANDLED]
    crashed: dict[int, int] = {}
    back_s = []
    for row in rows[np.isin(rows["kind"], (kinds.CLIENT_CRASH, kinds.RELAUNCH))]:
        if row["kind"] == kinds.CLIENT_CRASH:
            crashed[row["target"]] = row["time"]
        else:
            back_s.append((row["time"] - crashed[row["target"]]) / 1e9)
    assert len(back_s) > 100
    assert 80 < median(back_s) < 100
    low, high = np.percentile(back_s, [1, 99])
    assert 35 < low < 55 and 200 < high < 430
    assert np.mean([43 <= time <= 315 for time in back_s]) > 0.93


@pytest.mark.parametrize("reclaim_after_s", [3600.0, 120.0])
def test_orphans_of_render_nodes_last_as_long_as_the_time_out(reclaim_after_s: float):
    """From their last heartbeat, half a minute ago, to a scan; those of the run's end are cut off by it."""
    scenario = load("crashed-clients", {"servers.reclaim_after_s": reclaim_after_s, "cases": [], "arms": []})
    results = [metrics(scenario, simulate(scenario, r)) for r in range(8)]
    noticed_s = reclaim_after_s + scenario.servers.scan_s / 2 - scenario.clients.heartbeat_s / 2
    law = noticed_s * (1 - noticed_s / (2 * scenario.run.duration_s))
    hold("s", [3600 * r["orphan_license_hours"] / r["leases_orphaned"] for r in results], law)
