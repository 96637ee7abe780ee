"""What a real server in place of the model's bears, and what it keeps when it is killed (servers.backend)."""

import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from meterstorm.actors.wall.redis_leases import Gone, RedisLeases, Step
from meterstorm.actors.wall.redis_process import KEEPS, RedisProcess
from rich.console import Console
from rich.table import Table

MODES: Mapping[str, Mapping[str, str]] = {
    "nothing": KEEPS[False],
    "appendonly, fsync each second": {"appendonly": "yes", "appendfsync": "everysec"},
    "appendonly, fsync always": KEEPS[True],
}
TOGETHER = 100  # steps in one go: half as many checkouts, each with its return
LICENSES = 10**9
STARTS_IN_S = 60.0
LOOK_S = 0.001
FIGURES = "singly/s", f"{TOGETHER // 2} at once/s", "CPU", "granted", "kept", "unheard of", "back in"


class Pace(NamedTuple):
    """Checkouts, each with its return, for a while."""

    per_s: float
    client_us: float  # CPU time of each
    server_us: float


class Kill(NamedTuple):
    """What came of a SIGKILL while checkouts were under way."""

    granted: int  # leases that had been told of
    kept: int  # of these
    unheard: int  # leases that it has, and of which nobody was told
    back_s: float  # from the start of a process until it answers


class Found(NamedTuple):
    """What came of one mode."""

    keeps: str
    singly: Pace
    together: Pace
    kill: Kill


def modes(seconds: float, on_progress: Callable[[float], None]) -> Iterator[Found]:
    """Measure each mode, so many seconds for each figure; raises RedisMissing."""
    for done, (name, keeps) in enumerate(MODES.items()):
        on_progress(done)
        with tempfile.TemporaryDirectory(prefix="redis-", dir="/tmp") as folder:
            process = RedisProcess(folder, 0, keeps)
            try:
                yield _mode(name, process, seconds)
            finally:
                process.close()


def _mode(name: str, process: RedisProcess, seconds: float) -> Found:
    process.start()
    process.wait(STARTS_IN_S)
    service = RedisLeases(process.socket)
    service.begin([LICENSES])
    singly, together = (_pace(service, checkouts, seconds) for checkouts in (1, TOGETHER // 2))
    found = Found(name, singly, together, _kill(process, service, seconds))
    service.close()
    return found


def _pace(service: RedisLeases, checkouts: int, seconds: float) -> Pace:
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


def _kill(process: RedisProcess, service: RedisLeases, seconds: float) -> Kill:
    """Kill it while leases are granted, start it again, and see what it has."""
    timer = threading.Timer(seconds, os.kill, (process.pid, signal.SIGKILL))
    timer.start()
    granted = 0
    while True:
        try:
            granted += sum(service.carry_out([_step("request", granted + k) for k in range(TOGETHER)]))
        except Gone:
            break
    timer.join()
    process.start()
    began_s = time.monotonic()
    while not service.is_another():
        time.sleep(LOOK_S)
    back_s = time.monotonic() - began_s
    clients = [client for client, _, _ in service.leases()]
    kept = sum(client < granted for client in clients)
    return Kill(granted, kept, len(clients) - kept, back_s)


def _step(what: str, client: int) -> Step:
    return Step(what, client, 0, 1, 1, time.monotonic_ns(), 0, 0)


def show(console: Console, found: list[Found]) -> None:
    """Print a row for each mode; CPU time, of client + server, is that of a checkout of many at once."""
    table = Table()
    table.add_column("Redis keeps")
    for name in FIGURES:
        table.add_column(name, justify="right")
    for one in found:
        table.add_row(
            one.keeps,
            f"{one.singly.per_s:,.0f}",
            f"{one.together.per_s:,.0f}",
            f"{one.together.client_us:.0f} + {one.together.server_us:.0f} us",
            f"{one.kill.granted:,}",
            f"{one.kill.kept:,}",
            f"{one.kill.unheard:,}",
            f"{one.kill.back_s * 1e3:,.0f} ms",
        )
    console.print(table)
