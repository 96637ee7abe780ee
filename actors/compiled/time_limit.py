"""A limit on the time that a user's own policy may take in plain Python, where its rounds are not counted.

It is CPU time, so a slow machine or a debugger does not end an honest policy.
"""

import ctypes
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

ANSWER_S = 10.0  # of CPU time; far more than any honest answer takes


class NoAnswer(BaseException):
    """A policy does not answer. Not an Exception, which a policy might handle itself."""

    def __str__(self) -> str:
        return f"no answer in {ANSWER_S:g} s of CPU time"


@contextmanager
def answer_in_time() -> Iterator[None]:
    """Raise NoAnswer in this thread's Python code, by the end of a block that takes more than ANSWER_S.

    It is never taken back: CPython 3.11 would then believe for ever that an exception is due, and hang as soon as
    a debugger traces it (Python/ceval.c: `DO_TRACING` looks at `eval_breaker` again and again).
    """
    thread, answered = threading.get_ident(), threading.Event()
    watch = threading.Thread(target=_end_late_answer, args=(thread, answered), daemon=True)
    watch.start()
    try:
        yield
    finally:
        answered.set()
        watch.join()


def _end_late_answer(thread: int, answered: threading.Event) -> None:
    clock = _clock_of(thread)
    end_s = time.clock_gettime(clock) + ANSWER_S
    while (left_s := end_s - time.clock_gettime(clock)) > 0:
        if answered.wait(left_s):
            return
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(NoAnswer))


def _clock_of(thread: int) -> int:
    """Return the clock of a thread's CPU time; where the system has none (macOS), that of the wall."""
    return time.pthread_getcpuclockid(thread) if hasattr(time, "pthread_getcpuclockid") else time.CLOCK_MONOTONIC
