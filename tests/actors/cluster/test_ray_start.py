"""Interrupts, and the loss of the head, while Ray starts."""

import os
import signal
import subprocess
import sys

import pytest
from meterstorm.actors.cluster import connection

from support.processes import PATIENCE_S

CODE = """
import signal
from meterstorm.actors.cluster.interrupts import interrupts_later

signal.signal({number}, signal.default_int_handler)
try:
    with interrupts_later():
        signal.raise_signal({number})
        print("held")
        {then}
        print("started")
except KeyboardInterrupt:
    print("interrupted")
assert signal.getsignal({number}) is signal.default_int_handler
"""
# What comes while Ray starts and a signal is held, and what is printed.
THEN = {
    "nothing": ("pass", ["held", "started", "interrupted"]),
    "a second signal": ("signal.raise_signal({number})", ["held", "interrupted"]),
    "an error": ("raise RuntimeError('no room')", ["held", "interrupted"]),
}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("name", THEN)
def test_a_signal_is_held_and_never_lost(name: str, number: int):
    then, printed = THEN[name]
    code = CODE.format(number=int(number), then=then.format(number=int(number)))
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert (ended.returncode, ended.stdout.split()) == (0, printed), ended.stderr


LOST = """
import os, signal
from ray._private import services
from meterstorm.actors.cluster import connection

start = services.start_gcs_server


def start_and_kill(*given, **named):
    started = start(*given, **named)
    os.kill(started.process.pid, signal.SIGKILL)
    return started


services.start_gcs_server = start_and_kill
try:
    connection.start_ray(1)
except connection.ClusterError as error:
    print(error)
"""


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.xdist_group("ray")
def test_a_head_lost_in_its_first_instant_is_seen(temporary: str):
    """However long Ray would wait for it."""
    command, patient = [sys.executable, "-c", LOST], {connection.PATIENCE: "1000000"}
    ended = subprocess.run(
        command, env=os.environ | patient, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert ended.stdout == "this run's Ray is lost: its process gcs_server has ended\n", ended.stderr


LATE = """
import time
from meterstorm.actors.cluster import connection


def init_late(*given, **named):
    while connection._given_up is None:
        time.sleep(0.01)
    raise RuntimeError("its processes have been killed")


limit, init = connection.STARTED_S, connection._init
connection.STARTED_S, connection._init = 0.01, init_late
try:
    connection.start_ray(1)
except connection.ClusterError as error:
    print(error)
connection.STARTED_S, connection._init = limit, init
connection.start_ray(1)
print("started")
connection.end_ray()
"""


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.xdist_group("ray")
def test_a_ray_that_is_late_does_not_keep_the_next_one_from_starting(temporary: str):
    ended = subprocess.run(
        [sys.executable, "-c", LATE], capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    late, started = ended.stdout.splitlines()
    assert late.startswith("Ray has not started in 0.01 s; ") and started == "started", ended.stderr
