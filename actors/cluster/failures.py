"""Processes that are lost, and what Ray's errors say about them."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from .connection import ClusterError, loss_of, lost_process

RAY_POLL_S = 1.0  # how often a wait for Ray is interrupted to see whether Ray is still there


class ShardLost(ClusterError):
    """A process of a run, or its node, has ended or cannot be reached; the message says which."""


GRACE_S = 3.0  # how long a wait for Ray may take to see by itself that Ray is lost


def check_ray() -> None:
    """Raise ClusterError if this process's own Ray has lost a process that it cannot go on without."""
    if name := lost_process():
        raise ClusterError(loss_of(name))


@contextmanager
def watching_ray(end: Callable[[str], object]) -> Iterator[None]:
    """Within this context, have `end` called with the reason when Ray is lost while this process waits in Ray.

    A thread of its own calls it, and it must end the process: Ray, which is waiting, would do so a minute later
    with status 1 and words of its own.
    """
    over = threading.Event()

    def watch() -> None:
        while not over.wait(RAY_POLL_S):
            if (name := lost_process()) and not over.wait(GRACE_S):
                end(loss_of(name))
                return

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        over.set()


def cause_of(error: Any) -> Exception:
    """Return what a task or actor raised, without Ray's wrapping."""
    from ray.exceptions import RayError

    if isinstance(error.cause, RayError):
        return ClusterError(f"Ray has failed: {first_line(error.cause)}")
    return error.cause if isinstance(error.cause, Exception) else error


def first_line(error: Exception) -> str:
    """Return what one of Ray's long messages begins with."""
    return str(error).strip().partition("\n")[0].rstrip(".")
