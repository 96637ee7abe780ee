"""What a real server in place of the model's bears, and what it keeps when it is killed (servers.backend)."""

import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from meterstorm.actors.shards.transport.frames import PeerLost
from meterstorm.actors.wall.redis_leases import Gone, RedisLeases, Step
from meterstorm.actors.wall.redis_process import KEEPS, STARTS_IN_S, RedisProcess
from rich.console import Console
from rich.table import Table

MODES: Mapping[str, Mapping[str, str]] = {
    "nothing": KEEPS[False],
    "fsync each second": {"appendonly": "yes", "appendfsync": "everysec"},
    "fsync always": KEEPS[True],
}
TOGETHER = 100  # steps in one go: half as many checkouts, each with its return
LICENSES = 10**9
LOOK_S = 0.001
FIGURES = "1 by 1/s", f"{TOGETHER // 2} at once/s", "CPU, us", "granted", "kept", "unheard of", "back, ms"


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
    """Measure each mode, so many seconds for each figure; raises RedisMissing, PeerLost."""
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
    process.wait()
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
    timer = threading.Timer(seconds, process.kill)
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


def _granted_until_gone(service: RedisLeases) -> int:
    granted = 0
    while True:
        try:
            granted += sum(service.carry_out([_step("request", granted + k) for k in range(TOGETHER)]))
        except Gone:
            return granted


def _back_s(service: RedisLeases) -> float:
    """Return how long it takes until another process answers; raises PeerLost where none does in time."""
    began_s = time.monotonic()
    while not service.is_another():
        if time.monotonic() > began_s + STARTS_IN_S:
            raise PeerLost(f"redis-server has not started again in {STARTS_IN_S:g} s after it was killed")
        time.sleep(LOOK_S)
    return time.monotonic() - began_s


def _step(what: str, client: int) -> Step:
    return Step(what, client, 0, 1, 1, time.monotonic_ns(), 0, 0)


def show(console: Console, found: list[Found]) -> None:
    """Print a row for each mode; CPU time, of client + server, is that of a checkout of many at once."""
    table = Table()
    table.add_column("Redis keeps", overflow="fold")
    for name in FIGURES:
        table.add_column(name, justify="right", overflow="fold")
    for one in found:
        table.add_row(
            one.keeps,
            f"{one.singly.per_s:,.0f}",
            f"{one.together.per_s:,.0f}",
            f"{one.together.client_us:.0f} + {one.together.server_us:.0f}",
            f"{one.kill.granted:,}",
            f"{one.kill.kept:,}",
            f"{one.kill.unheard:,}",
            f"{one.kill.back_s * 1e3:,.0f}",
        )
    console.print(table)
