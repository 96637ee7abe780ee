"""How much load a real server in place of the model's takes, and what it keeps when killed (servers.backend)."""

import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from meterstorm.actors.shards.transport.frames import PeerLost
from meterstorm.actors.wall.backends.backend import Gone, Service, Step
from meterstorm.actors.wall.backends.process import STARTS_IN_S, ServiceProcess
from meterstorm.actors.wall.backends.registry import BACKENDS
from rich.console import Console

from ..reports.layout import Column, show_columns

MODES = [(name, keeps) for name, backend in BACKENDS.items() for keeps in backend.modes]
TOGETHER = 100  # steps in one go: half as many checkouts, each with its return
LICENSES = 10**9
LOOK_S = 0.001
NOT_BACK = f"it has not started again in {STARTS_IN_S:g} s after it was killed"
CROWD = 50  # clients, each with a connection of its own


class Pace(NamedTuple):
    """Checkouts, each with its return, for a while."""

    per_s: float
    client_us: float  # CPU time of each
    server_us: float


class Kill(NamedTuple):
    """What came of a SIGKILL while checkouts were under way."""

    granted: int  # leases that had been told of
    kept: int  # of these
    unheard: int  # leases that it has but told no one about
    back_s: float  # from the start of a process until it answers


class Storm(NamedTuple):
    """What came of a crowd that asks a service from its start on, again and again until all are answered."""

    served_s: float  # from the start until all are answered
    attempts: int  # of all


class Found(NamedTuple):
    """What came of one mode."""

    backend: str
    keeps: str
    singly: Pace
    together: Pace
    kill: Kill
    storm: Storm


def modes(seconds: float, on_progress: Callable[[float], None]) -> Iterator[Found]:
    """Measure each mode of each backend, `seconds` for each figure; raises Missing, PeerLost."""
    for done, (name, keeps) in enumerate(MODES):
        on_progress(done)
        with tempfile.TemporaryDirectory(prefix="real-", dir="/tmp") as folder:
            process = ServiceProcess(BACKENDS[name], folder, 0, keeps)
            try:
                yield _mode(name, keeps, process, seconds)
            finally:
                process.close()


def _mode(name: str, keeps: str, process: ServiceProcess, seconds: float) -> Found:
    process.start()
    process.wait()
    connect = BACKENDS[name].connect
    service = connect(process.folder)
    service.begin([LICENSES])
    singly, together = (_pace(service, checkouts, seconds) for checkouts in (1, TOGETHER // 2))
    kill = _kill(process, service, seconds)
    service.close()
    return Found(name, keeps, singly, together, kill, _storm(process, connect))


def _pace(service: Service, checkouts: int, seconds: float) -> Pace:
    """Check out and return for a while: one step after the other, or several at once."""
    began_s, own_s, its_s = time.monotonic(), time.process_time(), service.cpu_s()
    done = 0
    while time.monotonic() < began_s + seconds:
        steps = [_step(what, client) for client in range(checkouts) for what in ("request", "release")]
        for some in [steps] if checkouts > 1 else [[step] for step in steps]:
            service.carry_out(some)
        done += checkouts
    spent_s = time.monotonic() - began_s
    return Pace(done / spent_s, (time.process_time() - own_s) / done * 1e6, (service.cpu_s() - its_s) / done * 1e6)


def _kill(process: ServiceProcess, service: Service, seconds: float) -> Kill:
    """Kill it while leases are granted, start it again, and see what it has."""
    timer = threading.Timer(seconds, process.send, [signal.SIGKILL])
    timer.start()
    try:
        granted = _granted_until_gone(service)
    finally:
        timer.cancel()
    process.start()
    back_s = _back_s(service)
    clients = [client for client, _, _ in service.leases()]
    kept = sum(client < granted for client in clients)
    return Kill(granted, kept, len(clients) - kept, back_s)


def _granted_until_gone(service: Service) -> int:
    granted = 0
    while True:
        try:
            granted += sum(service.carry_out([_step("request", granted + k) for k in range(TOGETHER)]))
        except Gone:
            return granted


def _back_s(service: Service) -> float:
    """Return how long it takes until another process answers; raises PeerLost where none does in time."""
    began_s = time.monotonic()
    while not service.is_another():
        if time.monotonic() > began_s + STARTS_IN_S:
            raise PeerLost(NOT_BACK)
        time.sleep(LOOK_S)
    return time.monotonic() - began_s


def _storm(process: ServiceProcess, connect: Callable[[Path], Service]) -> Storm:
    """Kill it once more, and have a crowd ask it from its start on; raises PeerLost."""
    crowd = [connect(process.folder) for _ in range(CROWD)]
    process.send(signal.SIGKILL)
    process.start()
    began_s = time.monotonic()
    with ThreadPoolExecutor(CROWD) as threads:
        attempts = sum(threads.map(_attempts, crowd))
    served_s = time.monotonic() - began_s
    for service in crowd:
        service.close()
    return Storm(served_s, attempts)


def _attempts(service: Service) -> int:
    """Return how often it is asked until it answers; raises PeerLost where it does not in time."""
    until_s, attempts = time.monotonic() + STARTS_IN_S, 1
    while not service.answers():
        if time.monotonic() > until_s:
            raise PeerLost(NOT_BACK)
        time.sleep(LOOK_S)
        attempts += 1
    return attempts


def _step(what: str, client: int) -> Step:
    return Step(what, client, 0, 1, 1, time.monotonic_ns(), 0, 0)


def show(console: Console, found: list[Found]) -> None:
    """Print what each mode bears, and what came of its kills.

    CPU time, of client + server, is that of a checkout of many at once. `back` is when one client that asks each
    millisecond is answered, `crowd` when all of CROWD are, after `tries`.
    """
    labels = Column("service: keeps", [f"{one.backend}: {one.keeps}" for one in found])
    show_columns(console, labels, [Column(head, [cell(one) for one in found]) for head, cell in CELLS.items()])


CELLS: dict[str, Callable[[Found], str]] = {  # by what stands over them
    "1 by 1/s": lambda one: f"{one.singly.per_s:,.0f}",
    f"{TOGETHER // 2} at once/s": lambda one: f"{one.together.per_s:,.0f}",
    "CPU, us": lambda one: f"{one.together.client_us:.0f} + {one.together.server_us:.0f}",
    "granted": lambda one: f"{one.kill.granted:,}",
    "kept": lambda one: f"{one.kill.kept:,}",
    "unheard of": lambda one: f"{one.kill.unheard:,}",
    "back, ms": lambda one: f"{one.kill.back_s * 1e3:,.0f}",
    "crowd, ms": lambda one: f"{one.storm.served_s * 1e3:,.0f}",
    "tries": lambda one: f"{one.storm.attempts:,}",
}
