"""What real servers refuse."""

from typing import Any

import pytest
from meterstorm.actors.wall.backends.registry import BACKENDS
from meterstorm.experiments.scenario import validate

from support.layers import layered
from support.scenario_file import errors

REAL: dict[str, Any] = {
    "title": "t",
    "run": {"clock": "wall", "duration_s": 3000.0, "warmup_s": 0.0},
    "servers": {"backend": "redis", "service_ms": 0.0},
    "policies": {"balancing": {"name": "static"}},
}
WHILE = 'while servers.backend = "redis"'


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"run": {"clock": "virtual"}},
            f'run.clock: "virtual" is not allowed; it must be "wall" {WHILE}: a real server takes real time',
        ),
        (
            {"servers": {"service_ms": 1.0}},
            f"servers.service_ms: 1.0 is not allowed; it must be 0.0 {WHILE}: it takes the time that it takes",
        ),
        (
            {"servers": {"queue_limit": 5}},
            f"servers.queue_limit: 5 is not allowed; it must be 0 {WHILE}: it turns nobody away",
        ),
        (
            {"clients": {"connection": "kept"}},
            f'clients.connection: "kept" is not allowed; it must be "none" {WHILE}: its clients share one '
            "connection",
        ),
        (
            {"products": [{"max_per_client": 2}]},
            f"products[0].max_per_client: 2 is not allowed; it must be 0 {WHILE}: it knows no shares",
        ),
        (
            {"products": [{"reserve": {"licenses": 1, "clients": [0, 1]}}]},
            f"must be left out {WHILE}: it knows no shares",
        ),
        (
            {"faults": [{"kind": "crash"}, {"kind": "slow", "factor": 2.0}]},
            f'faults[1].kind: "slow" is not allowed; it must be "unreachable", "refusing", "crash", "stall", '
            f'"loss", "cut" or "client-crash" {WHILE}: it is as fast as it is',
        ),
        (
            {"policies": {"admission": {"name": "rate-limit"}}},
            f'policies.admission.name: "rate-limit" is not allowed; it must be "fifo" {WHILE}: it serves in '
            "order and turns nobody away",
        ),
        (
            {"policies": {"denial": {"name": "callback"}}},
            'policies.denial.name: "callback" is not allowed; it must be one that awaits no callback '
            f"{WHILE}: it calls nobody",
        ),
        (
            {"run": {"duration_s": 3600.0, "warmup_s": 1e8, "sample_s": 3600.0}},
            f"run.warmup_s: 100000000.0 is not allowed; it must be less than 9007199 {WHILE}: it keeps times as "
            "doubles of ns",
        ),
        (
            {"run": {"duration_s": 9007198.0, "warmup_s": 2.0, "sample_s": 3600.0}},
            "run.duration_s: 9007198.0 is not allowed; it must be at most 9007197.0 "
            f"{WHILE}: it keeps times as doubles of ns",
        ),
    ],
)
def test_what_real_servers_cannot_do_is_refused(changes, line):
    found = errors(layered(REAL, changes))
    assert any(line in one for one in found), found
    assert validate(layered(REAL, changes, {"servers": {"backend": "own"}}))


def test_only_redis_has_times_as_doubles():
    long = {"run": {"duration_s": 3600.0, "warmup_s": 1e8, "sample_s": 3600.0}}
    assert validate(layered(REAL, long, {"servers": {"backend": "etcd"}}))


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_they_can_do_is_welcome(backend):
    faults = [{"kind": kind} for kind in ("unreachable", "refusing", "crash", "stall")]
    assert validate(layered(REAL, {"servers": {"backend": backend}, "faults": faults})).servers.backend == backend
