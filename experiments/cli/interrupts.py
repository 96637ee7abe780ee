"""Ctrl-C and SIGTERM: the first keeps what is finished, the second ends the command at once."""

import os
import signal
import socket
import threading
import time
from typing import Any

from .console import INTERRUPTED

# Two signals this near to each other are one interrupt: a terminal and a wrapper may each send one.
ONE_INTERRUPT_S = 0.3


def handle_interrupts() -> None:
    """Raise KeyboardInterrupt at the first of SIGINT and SIGTERM; call it once, in the main thread.

    The second one is heard by a thread of its own, even while compiled code keeps the main thread from Python.
    A SIGINT that is ignored, as of a background job, stays so.
    """
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    threading.Thread(target=_end_at_the_second, args=(reader, writer), daemon=True).start()
    signal.signal(signal.SIGTERM, _raise_once())
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.getsignal(signal.SIGTERM))


def _raise_once() -> Any:
    heard: list[int] = []

    def handle(number: int, frame: Any) -> None:
        heard.append(number)
        if len(heard) == 1:
            raise KeyboardInterrupt

    return handle


def _end_at_the_second(reader: socket.socket, writer: socket.socket) -> None:
    """Read the numbers of signals as they come; `writer` is kept open."""
    first_s: float | None = None
    while True:
        if reader.recv(1)[0] not in {signal.SIGINT, signal.SIGTERM}:
            continue
        if first_s is None:
            first_s = time.monotonic()
        elif time.monotonic() - first_s > ONE_INTERRUPT_S:
            os._exit(INTERRUPTED)
