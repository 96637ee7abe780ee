"""Interrupts while something starts that cannot be ended half-way."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def interrupts_later() -> Iterator[None]:
    """Hold back the first Ctrl-C or SIGTERM until Ray and its guard have started: half a Ray cannot be ended.

    A second one comes through at once. What the program does not handle itself is left alone.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    found = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    handlers = {number: handler for number, handler in found.items() if callable(handler)}
    kept: list[int] = []

    def keep(number: int, frame: Any) -> None:
        kept.append(number)
        if len(kept) > 1:
            handlers[signal.Signals(number)](number, frame)

    for number in handlers:
        signal.signal(number, keep)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if kept:
            handlers[signal.Signals(kept[0])](kept[0], None)  # not raised again: that would be a second one
