"""Ctrl-C and SIGTERM: the first keeps what is finished, the second ends the command at once."""

import os
import signal
import socket
import sys
import threading
import time
from functools import partial
from typing import Any

from .console import INTERRUPTED

# Two signals this near to each other are one interrupt: a terminal and a wrapper may each send one.
ONE_INTERRUPT_S = 0.3
# Between a KeyboardInterrupt that Python has swallowed and the next one: time to leave what has swallowed it.
AGAIN_S = 0.01
SWALLOWED = 0  # in the place of a signal's number


def handle_interrupts() -> None:
    """Raise KeyboardInterrupt at the first of SIGINT and SIGTERM; call it once, in the main thread.

    The second one is heard by a thread of its own, even while compiled code keeps the main thread from Python.
    A SIGINT that is ignored, as of a background job, stays so. Where Python swallows the exception, as in a
    callback of a weak reference or in `__del__`, it is raised again a moment later.
    """
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    threading.Thread(target=_listen, args=(reader, writer), daemon=True).start()
    heard: list[int] = []
    signal.signal(signal.SIGTERM, partial(_raise_once, heard))
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.getsignal(signal.SIGTERM))
    sys.unraisablehook = partial(_raise_again, heard, writer, sys.unraisablehook)


def _raise_once(heard: list[int], number: int, _: Any) -> None:
    heard.append(number)
    if len(heard) == 1:
        raise KeyboardInterrupt


def _raise_again(heard: list[int], writer: socket.socket, tell: Any, unraisable: Any) -> None:
    """Have the next signal raise, and the listener send one, if an interrupt is what was swallowed; else tell."""
    if issubclass(unraisable.exc_type, KeyboardInterrupt):
        heard.clear()
        writer.send(bytes([SWALLOWED]))
    else:
        tell(unraisable)


def _listen(reader: socket.socket, writer: socket.socket) -> None:
    """End the command at the second signal; read the numbers as they come. `writer` is kept open."""
    first_s: float | None = None
    ours = 0
    while True:
        number = reader.recv(1)[0]
        if number == SWALLOWED:
            time.sleep(AGAIN_S)
            ours += 1
            os.kill(os.getpid(), signal.SIGTERM)
        elif number == signal.SIGTERM and ours:
            ours -= 1
        elif number in {signal.SIGINT, signal.SIGTERM}:
            if first_s is None:
                first_s = time.monotonic()
            elif time.monotonic() - first_s > ONE_INTERRUPT_S:
                os._exit(INTERRUPTED)
