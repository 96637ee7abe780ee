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
from meterstorm.actors.wall.clock import Clock
from meterstorm.actors.wall.node import Node, Outcome, Place
from meterstorm.actors.wall.outcome import world_of
from meterstorm.actors.wall.redis_process import KEEPS, RedisMissing, RedisProcess, server_path, start_all
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

# What makes of it a world whose servers are redis-servers, and the other way round.
REDIS: dict[str, Any] = {"run": {"clock": "wall"}, "servers": {"backend": "redis", "service_ms": 0.0}}
OWN: dict[str, Any] = {"run": {"clock": "virtual"}, "servers": {"backend": "own", "service_ms": 0.0}}


def _missing() -> str:
    try:
        server_path()
    except RedisMissing as error:
        return str(error)
    return ""


needs_redis = pytest.mark.skipif(bool(_missing()), reason=_missing() or "it is there")


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
        places = [
            Place(node, client_shards, folder, KEY) for node in range(scenario.servers.count + client_shards)
        ]
        nodes = [Node(scenario, 0, place) for place in places]
        with services(scenario, folder):
            at_once(Node.meet, nodes)
            clock = Clock(time.monotonic_ns() + 20_000_000, pace)
            return at_once(lambda node: node.run(clock), nodes)


@contextmanager
def services(scenario: Scenario, folder: str) -> Iterator[list[RedisProcess]]:
    """The redis-servers of a scenario, if it has some, while the block lasts."""
    numbers = range(scenario.servers.count if scenario.servers.backend == "redis" else 0)
    found = [RedisProcess(folder, server, KEEPS[scenario.servers.durable]) for server in numbers]
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
