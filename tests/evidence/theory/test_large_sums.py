"""Sums over time that no 64 bits hold: 20,000 users for 10^9 s are 2 * 10^19 us, and 2^63 is half of that."""

from pathlib import Path
from typing import Any

from meterstorm.actors.shards.simulate import simulate
from meterstorm.experiments.metrics.metrics import metrics
from meterstorm.experiments.scenario import validate

from support.lab import at_once, exactly, on_bare, recorded, run
from support.sharded import in_shards

USERS, SPAN = 20_000, 1e9  # s
START = 10.0
FOREVER: dict[str, Any] = {
    "run": {"duration_s": SPAN, "sample_s": SPAN},
    "network": {"latency_ms": 0.0},
    "servers": {"service_ms": 0.0, "scan_s": SPAN},
    "products": [{"name": "editor", "licenses": USERS}],
    "clients": {"count": USERS, "request_timeout_s": SPAN},
}
LAUNCHES = at_once(USERS, START, SPAN)
HELD = USERS * (SPAN - START)  # s


def test_licenses_in_use():
    assert run(LAUNCHES, FOREVER)["licenses_in_use_mean"] == exactly(HELD / SPAN)


def test_waiting_users():
    none = {
        "products": [{"name": "editor", "licenses": 0}],
        "policies": {"denial": {"name": "callback"}},
    }
    assert run(LAUNCHES, FOREVER | none)["waiting_users_mean"] == exactly(HELD / SPAN)


def test_unmetered_programs():
    away = {"name": "sms2-documented", "retries": 0.0, "offline_s": SPAN}
    refusing = [{"kind": "refusing", "start_s": 0.0, "duration_s": 20.0}]
    found = run(LAUNCHES, FOREVER, {"policies": {"failover": away}, "faults": refusing})
    assert found["unmetered_license_hours"] == exactly(HELD / 3600)


def test_ghosts():
    """Programs run for 10 s, and their releases are lost."""
    lost = [{"kind": "unreachable", "start_s": START + 5, "duration_s": 20.0}]
    found = run(at_once(USERS, START, 10.0), FOREVER, {"faults": lost})
    assert found["ghost_license_hours"] == exactly(USERS * (SPAN - START - 10) / 3600)


def test_waits_for_a_license():
    """All are refused, and served at the next try."""
    patient = {"name": "retry-then-failover", "retries": 9.0, "delay_s": 0.9 * SPAN}
    refusing = [{"kind": "refusing", "start_s": 0.0, "duration_s": 20.0}]
    found = run(LAUNCHES, FOREVER, {"policies": {"failover": patient}, "faults": refusing})
    assert found["wait_s_mean"] == found["wait_s_max"] == exactly(0.9 * SPAN)


def test_waits_in_a_queue(tmp_path: Path):
    """Request k waits for k services of 1000 s: 10^3 (n - 1) / 2 s on average; and the sum is 2 * 10^20 ns."""
    layers = FOREVER | {"servers": FOREVER["servers"] | {"service_ms": 1e6}}
    scenario = validate(on_bare(layers, recorded(at_once(USERS, START), tmp_path)))
    tally = simulate(scenario)
    assert metrics(scenario, tally)["queue_s_mean"] == exactly(1000 * (USERS - 1) / 2)


def test_shards_add_up(tmp_path: Path):
    """Each of two shards has more than half of 2^63 in each sum."""
    slow = {"network": {"latency_ms": 1.0}, "servers": FOREVER["servers"] | {"service_ms": 1e6}}
    scenario = validate(on_bare(FOREVER | slow, recorded(LAUNCHES, tmp_path)))
    alone, together = metrics(scenario, simulate(scenario)), metrics(scenario, in_shards(scenario, 2))
    assert alone == together
    assert together["wait_s_mean"] == exactly(1000 * (USERS + 1) / 2 + 0.002)
