"""The command line on shards leaves no process behind, however it ends; and it listens on loopback only."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

import pytest
from meterstorm.experiments.cli import console

from support.processes import ENDING_S, PATIENCE_S, eventually, in_session, listening

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.xdist_group("ray")]

SCENARIO = """
title = "two shards"
[run]
duration_s = {duration_s}
warmup_s = 0
sample_s = {duration_s}
[clients]
count = 40
[policies]
balancing = {{ name = "{policy}:Sign", interval_s = 1000.0 }}
"""
# Balancing is plain Python, so it can tell that the shards are at work, and fail.
SIGN = """
from pathlib import Path
from typing import NamedTuple


class Sign(NamedTuple):
    interval_s: float = 1000.0
    fails: float = 0.0

    def targets(self, report):
        Path(__file__).with_name("at work").touch()
        if self.fails:
            raise RuntimeError("no targets today")
        return report.allocated
"""

CODE = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    "from meterstorm.experiments.cli.main import main; main()"
)
ENDLESS, SHORT = 1e8, 2000.0


def lives(name: str) -> Callable[[int, Path], object]:
    """Whether a process of such a name lives in the run's session."""
    return lambda leader, _: any(name in line.lower() for line in in_session(leader).values())


def at_work(_: int, folder: Path) -> bool:
    return (folder / "at work").exists()


# When a run ends: as soon as it is at work; or earlier, while Ray and its shards are being started.
STARTING: dict[str, Callable[[int, Path], object]] = {
    "the head": lives("gcs_server"),
    "the node": lives("raylet/raylet"),
    "the agents": lives("agent"),
    "the shards": lives("ray::shardhost"),
    "the sockets": lambda _, folder: any(folder.glob("meterstorm-*/*")),
}


STATUS = {
    signal.SIGINT: console.INTERRUPTED,
    signal.SIGTERM: console.INTERRUPTED,
    signal.SIGKILL: -signal.SIGKILL,
}


class Ending(NamedTuple):
    """How a run ends: options or a signal, and when; and the exit status."""

    options: list[str]
    number: signal.Signals | None
    status: int
    moment: Callable[[int, Path], object] = at_work


ENDINGS = {
    "done": Ending([], None, 0),
    "error": Ending(["--set", "policies.balancing.fails=1"], None, console.WRONG_INPUT),
    **{number.name: Ending([], number, status) for number, status in STATUS.items()},
    **{
        f"{number.name} at {name}": Ending([], number, status, moment)
        for number, status in STATUS.items()
        for name, moment in STARTING.items()
    },
}


TRIES = 3
LEAVINGS = ("meterstorm-*", "ray/session_*")  # what a run has in the folder for temporary files


class Ended(NamedTuple):
    """How a run has ended: its output, where it listened before, and which processes and files it has left."""

    status: int
    output: str
    most: int  # processes at once
    listened: set[str]
    left: dict[int | str, str]


class TooEarly(Exception):
    """A run that was to be ended has ended by itself before that; its output."""


def end(folder: Path, ending: Ending) -> Ended:
    """End a run; begun again where its Ray does not come up among the others, on a machine that is busy."""
    folder.mkdir()
    for k in range(TRIES - 1):
        with suppress(TooEarly):
            return end_once(folder / str(k), ending)
    return end_once(folder / str(TRIES), ending)


def end_once(folder: Path, ending: Ending) -> Ended:
    """`meterstorm run` on two shards, in a session of its own, where RAY_ADDRESS points to nobody."""
    options, number, _, moment = ending
    folder.mkdir()
    (folder / "sign.py").write_text(SIGN)
    duration_s = ENDLESS if number else SHORT
    (folder / "two.toml").write_text(SCENARIO.format(duration_s=duration_s, policy=folder / "sign.py"))
    process = subprocess.Popen(
        [sys.executable, "-c", CODE, "run", "two.toml", "--shards", "2", "--out", "out", *options],
        env=os.environ | {"RAY_TMPDIR": str(folder), "TMPDIR": str(folder), "RAY_ADDRESS": "127.0.0.1:1"},
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        eventually(lambda: moment(process.pid, folder) or process.poll() is not None, PATIENCE_S, every_s=0.005)
        if number and process.poll() is not None:
            raise TooEarly(process.communicate()[0])
        running = in_session(process.pid)
        listened = listening(running)
        if number == signal.SIGINT:
            os.killpg(process.pid, number)  # as a terminal does
        elif number:
            os.kill(process.pid, number)
        output, _ = process.communicate(timeout=PATIENCE_S)
        eventually(lambda: not in_session(process.pid), ENDING_S)
        files = {path.name: str(path) for name in LEAVINGS for path in folder.glob(name)}
        return Ended(process.returncode, output, len(running), listened, {**in_session(process.pid), **files})
    finally:
        for pid in in_session(process.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def endings() -> Iterator[dict[str, "Future[Ended]"]]:
    """Some of them side by side, since each mostly waits. The folder is short: Ray puts sockets below it."""
    with (
        tempfile.TemporaryDirectory(prefix="ms-", dir="/tmp", ignore_cleanup_errors=True) as folder,
        ThreadPoolExecutor(2) as pool,
    ):
        yield {
            name: pool.submit(end, Path(folder) / str(k), ending)
            for k, (name, ending) in enumerate(ENDINGS.items())
        }


@pytest.mark.parametrize("name", ENDINGS)
def test_nothing_is_left_however_a_run_ends(name, endings):
    ended = endings[name].result(3 * PATIENCE_S)
    _, number, status, moment = ENDINGS[name]
    assert (ended.status, ended.left) == (status, {}), ended.output
    assert "Traceback" not in ended.output and "***" not in ended.output
    assert ("results in out" in ended.output) == (name == "done")
    assert ("no targets today" in ended.output) == (name == "error")
    assert ("interrupted" in ended.output) == (status == console.INTERRUPTED)
    if number and moment is at_work:
        assert ended.most >= 5  # this one, Ray's own, and two shards
        assert ended.listened
        assert all(ip_address(address.removeprefix("::ffff:")).is_loopback for address in ended.listened)
