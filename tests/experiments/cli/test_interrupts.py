"""Ctrl-C keeps what is finished."""

import json
import os
import signal
import subprocess
import sys

import pytest
from meterstorm.experiments.cli import console
from meterstorm.experiments.reports import summary
from meterstorm.experiments.runs import run
from meterstorm.experiments.scenario import validate

from support.processes import PATIENCE_S, eventually


def test_an_interrupt_keeps_what_is_finished():
    def interrupt(done: float) -> None:
        if done == 3:
            raise KeyboardInterrupt

    raw = {
        "title": "x",
        "run": {"duration_s": 600, "warmup_s": 0, "replications": 5},
        "clients": {"count": 10},
    }
    scenario = validate(raw | {"arms": [{"name": "a"}, {"name": "b"}]})
    results = run.run(scenario, workers=0, on_progress=interrupt)
    assert results.interrupted
    assert [[row.number for row in result.replications] for result in results.versions] == [[0, 1], [0]]
    content = summary.summary(results)
    assert [arm["replications"] for arm in content["arms"]] == [2, 1]
    whole = run.run(scenario, workers=0)
    assert not whole.interrupted
    assert [row.digest for row in whole.versions[0].replications[:2]] == [
        row.digest for row in results.versions[0].replications
    ]


# Balancing is plain Python, so it can tell how far a run has come: once a world here.
SIGN = """
from pathlib import Path
from typing import NamedTuple


class Sign(NamedTuple):
    interval_s: float = 1000.0

    def targets(self, report):
        with Path(__file__).with_name("worlds").open("a") as file:
            file.write(".")
        return report.allocated
"""


@pytest.mark.slow
def test_ctrl_c(here):
    (here / "sign.py").write_text(SIGN)
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from meterstorm.experiments.cli.main import main; main()"
    )
    options = ["--balancing", "sign.py:Sign", "--replications", "1000000", "--workers", "0", "--out", "out"]
    process = subprocess.Popen(
        [sys.executable, "-c", code, "run", "short.toml", *options, "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    signs = here / "worlds"

    def has_come_far() -> bool:
        return process.poll() is not None or (signs.exists() and signs.stat().st_size >= 3)

    try:
        assert eventually(has_come_far)
        assert process.poll() is None, "it has ended before it was interrupted"
        os.kill(process.pid, signal.SIGINT)
        stdout, stderr = process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == console.INTERRUPTED, stderr
    assert "Traceback" not in stderr
    content = json.loads(stdout)
    kept = content["arms"][0]["replications"]
    assert 2 <= kept < 1000000  # two signs ago, at least, a world was finished
    assert f"interrupted; kept {kept} of 1,000,000 worlds in out" in stderr
    assert json.loads((here / "out" / "summary.json").read_text()) == content
    assert json.loads((here / "out" / "provenance.json").read_text())["interrupted"] is True


CODE = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    "from meterstorm.experiments.cli.main import main; main()"
)
# The one world has no end that anybody would wait for.
ENDLESS = [
    "--set", "run.duration_s=1e9", "--set", "run.sample_s=1e9", "--set", "clients.count=1000",
    "--workers", "0", "--out", "out", "--balancing", "sign.py:Sign",
]  # fmt: skip


def ended_by(here, number, *options):
    """Interrupt a run in the middle of its first world; return its status and what it has said."""
    (here / "sign.py").write_text(SIGN)
    process = subprocess.Popen(
        [sys.executable, "-c", CODE, "run", "short.toml", *ENDLESS, *options],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert eventually(lambda: process.poll() is not None or (here / "worlds").exists())
        os.kill(process.pid, number)
        _, stderr = process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()
        process.wait()
    return process.returncode, stderr


@pytest.mark.slow
@pytest.mark.parametrize("options", [[], ["--checkpoint-every", "1s"]])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_the_world_that_runs(number, options, here):
    status, stderr = ended_by(here, number, *options)
    assert status == console.INTERRUPTED, stderr
    assert "interrupted; kept 0 of 1 world" in stderr and "Traceback" not in stderr
    assert ("meterstorm resume out goes on" in stderr) == bool(options)


DEAF = """
import ctypes, os, signal, threading
from meterstorm.experiments.cli.interrupts import ONE_INTERRUPT_S, handle_interrupts

signal.signal(signal.SIGINT, signal.default_int_handler)
handle_interrupts()


def interrupt_in(seconds):
    threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGINT)).start()


class Swallows:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)


try:
    os.write(1, b"at work ")
    {interrupt}
    while True:
        ctypes.CDLL(None).sleep(3600)
except KeyboardInterrupt:
    os.write(1, b"cleaning up ")
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT, signal.SIGTERM])
    deaf = ctypes.CDLL(None).sleep
    interrupt_in(2 * ONE_INTERRUPT_S)
    while True:
        deaf(3600)
"""


@pytest.mark.slow
@pytest.mark.parametrize("interrupt", ["interrupt_in(0.0)", "Swallows()"])
def test_a_second_interrupt_ends_at_once(interrupt):
    """Even while no Python runs in the main thread, and whatever became of the first one's exception."""
    done = subprocess.run(
        [sys.executable, "-c", DEAF.format(interrupt=interrupt)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert (done.returncode, done.stderr) == (console.INTERRUPTED, "")
    assert done.stdout == "at work cleaning up "
