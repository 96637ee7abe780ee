"""Interrupts while Ray starts."""

import signal
import subprocess
import sys

import pytest

CODE = """
import signal
from meterstorm.actors.cluster import connection

signal.signal({number}, signal.default_int_handler)
try:
    with connection._interrupts_later():
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
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout.split()) == (0, printed), ended.stderr
