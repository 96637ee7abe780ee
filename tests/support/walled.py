"""Worlds on the wall clock in threads of this process: nothing can be killed, but all else is as in processes."""

import secrets
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from meterstorm.actors.shards.tally import Tally
from meterstorm.actors.wall.backends.backend import Missing
from meterstorm.actors.wall.backends.process import ServiceProcess, start_all
from meterstorm.actors.wall.backends.registry import BACKENDS, processes
from meterstorm.actors.wall.clock import Clock
from meterstorm.actors.wall.node import Node, Outcome, Position
from meterstorm.actors.wall.outcome import world_of
from meterstorm.experiments.scenario import Scenario, validate

from support.layers import layered

KEY = secrets.token_bytes(32)
# Real messages take far less than this latency, so that none comes late, even on a busy machine.
CALM: dict[str, Any] = {
    "title": "a small world in real time",
    "run": {"duration_s": 3.0, "warmup_s": 0.5, "sample_s": 0.5},
    "network": {"latency_ms": 300.0, "jitter_ms": 20.0, "loss": 0.02},
    "servers": {"count": 1, "service_ms": 2.0, "reclaim_after_s": 2.0, "scan_s": 0.5},
    "clients": {"count": 60, "heartbeat_s": 1.0, "request_timeout_s": 1.0},
    "products": [{"name": "editor", "licenses": 25}],
    "workload": {"launch_interval_s": 1.0, "run_time_s": 0.5},
    "policies": {"balancing": {"name": "static"}},
}

# At the time of a fault many programs run; without loss, so that what a fault takes is all that is lost.
BUSY: dict[str, Any] = {
    "run": {"duration_s": 8.0, "warmup_s": 1.0, "sample_s": 1.0},
    "network": {"latency_ms": 100.0, "jitter_ms": 0.0, "loss": 0.0},
    "servers": {"count": 2, "service_ms": 1.0, "reclaim_after_s": 0.0},
    "clients": {"count": 300},
    "products": [{"name": "editor", "licenses": 150}],
    "workload": {"launch_interval_s": 2.0, "run_time_s": 1.0},
    "policies": {"failover": {"name": "retry-then-failover", "retries": 1, "delay_s": 0.5}},
}
FAULT: dict[str, Any] = {"servers": [0], "start_s": 2.0, "duration_s": 2.0}

# What makes of it a world whose servers are those of the model, on no clock.
OWN: dict[str, Any] = {"run": {"clock": "virtual"}, "servers": {"backend": "own", "service_ms": 0.0}}

# With this option PostgreSQL is back before long: else it first brings each of its files to the disk.
SOON = "recovery_init_sync_method", "syncfs"


def real(backend: str) -> dict[str, Any]:
    """What makes of it a world whose servers are real ones."""
    return {"run": {"clock": "wall"}, "servers": {"backend": backend, "service_ms": 0.0}}


def _missing(backend: str) -> str:
    try:
        BACKENDS[backend].find()
    except Missing as error:
        return str(error)
    return ""


def needs(backend: str) -> pytest.MarkDecorator:
    """Skip a test where a backend is not there, and say so."""
    return pytest.mark.skipif(bool(_missing(backend)), reason=_missing(backend) or "it is there")


needs_redis = needs("redis")
each_backend = pytest.mark.parametrize("backend", [pytest.param(name, marks=needs(name)) for name in BACKENDS])


def world(*layers: dict[str, Any]) -> Scenario:
    """CALM with layers on top."""
    return validate(layered(CALM, *layers))


def at_once(work: Callable[[Any], Any], subjects: list[Any]) -> list[Any]:
    """What a function returns for each subject, all in threads of their own; raises the first error."""
    found: list[Any] = [None] * len(subjects)
    errors: list[BaseException] = []

    def do(number: int) -> None:
        try:
            found[number] = work(subjects[number])
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=do, args=(number,)) for number in range(len(subjects))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return found


def outcomes(scenario: Scenario, client_shards: int = 1, pace: float = 1.0) -> list[Outcome]:
    """What the processes of a world give, servers first."""
    with tempfile.TemporaryDirectory(prefix="w-", dir="/tmp") as folder:
        count = scenario.servers.count + client_shards
        nodes = [Node(scenario, 0, Position(node, client_shards, folder, KEY)) for node in range(count)]
        with services(scenario, folder):
            at_once(Node.meet, nodes)
            clock = Clock(time.monotonic_ns() + 20_000_000, pace)
            return at_once(lambda node: node.run(clock), nodes)


@contextmanager
def services(scenario: Scenario, folder: str) -> Iterator[list[ServiceProcess]]:
    """The services of a scenario, if it has some, while the block lasts."""
    found = processes(scenario, folder)
    try:
        start_all(found)
        yield found
    finally:
        for one in found:
            one.close()


def undisturbed(scenario: Scenario, client_shards: int = 1, pace: float = 1.0) -> tuple[Tally, list[Outcome]]:
    """A world in which no message came late: on a busy machine that may take several tries."""
    for _ in range(5):
        found = outcomes(scenario, client_shards, pace)
        if not any(one.measures.late_messages for one in found):
            return world_of(found), found
    raise AssertionError("in five tries some message always took longer than the latency")
