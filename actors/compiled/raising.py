"""Exceptions that compiled policies raise: numba would print and ignore them; here they stop the engine."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def exceptions_kept(stop: Callable[[], None]) -> Iterator[list[BaseException]]:
    """Keep what this thread's compiled policies raise; `stop` is called at once each time.

    Numba hands them to `sys.unraisablehook` with the name of their place as a string. Others bring an object.
    """
    before, thread = sys.unraisablehook, threading.get_ident()
    kept: list[BaseException] = []

    def keep(unraisable: Any) -> None:
        if not isinstance(unraisable.object, str) or threading.get_ident() != thread:
            before(unraisable)
            return
        kept.append(unraisable.exc_value)
        stop()

    sys.unraisablehook = keep
    try:
        yield kept
    finally:
        sys.unraisablehook = before
