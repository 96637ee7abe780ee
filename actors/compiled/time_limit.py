"""A limit to the time that a user's own policy may take in plain Python, where nobody counts its rounds."""

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager

ANSWER_S = 10.0  # wall time; far more than any honest answer takes


class NoAnswer(BaseException):
    """A policy does not answer. Not an Exception, which a policy might handle itself."""

    def __str__(self) -> str:
        return f"no answer in {ANSWER_S:g} s"


@contextmanager
def answer_in_time() -> Iterator[None]:
    """Raise NoAnswer in this thread's Python code when the block takes longer than ANSWER_S."""
    thread = ctypes.c_ulong(threading.get_ident())
    raise_later = ctypes.pythonapi.PyThreadState_SetAsyncExc
    timer = threading.Timer(ANSWER_S, raise_later, (thread, ctypes.py_object(NoAnswer)))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        raise_later(thread, None)  # if it came too late
