"""The limit to an answer in plain Python is CPU time of the thread that answers."""

import subprocess
import sys
import threading
import time

import pytest
from meterstorm.actors.compiled import time_limit

from support.processes import PATIENCE_S

BUSY = "import time\nwhile time.process_time() < 0.5: pass"


@pytest.fixture(autouse=True)
def impatience(monkeypatch):
    monkeypatch.setattr(time_limit, "ANSWER_S", 0.2)


def compute(seconds: float) -> None:
    end_s = time.thread_time() + seconds
    while time.thread_time() < end_s:
        pass


def test_a_late_answer_is_ended():
    with pytest.raises(time_limit.NoAnswer), time_limit.answer_in_time():
        compute(float("inf"))


def test_time_that_others_take_does_not_count():
    busy = threading.Thread(target=compute, args=(0.3,))
    with time_limit.answer_in_time():
        subprocess.run([sys.executable, "-c", BUSY], check=True)
        busy.start()
        busy.join()


def test_nothing_is_left_of_a_limit():
    with time_limit.answer_in_time():
        pass
    compute(0.5)


TRACED = """
import sys
from meterstorm.actors.compiled import time_limit

time_limit.ANSWER_S = 0.2
for work in ["pass", "while True: pass"]:
    try:
        with time_limit.answer_in_time():
            exec(work)
    except time_limit.NoAnswer:
        print("no answer")
    sys.settrace(lambda *_: None)
    (lambda: None)()
    sys.settrace(None)
print("traced")
"""


def test_a_debugger_can_trace_what_comes_after_an_answer():
    done = subprocess.run(
        [sys.executable, "-c", TRACED], capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert (done.stdout, done.stderr) == ("no answer\ntraced\n", "")


def test_an_answer_that_comes_just_too_late_is_none():
    """The limit passes where no Python runs that could hear of it."""
    with pytest.raises(time_limit.NoAnswer), time_limit.answer_in_time():
        sum(range(60_000_000))
