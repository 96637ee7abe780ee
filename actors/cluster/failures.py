"""Processes that are lost, and what Ray's errors say about them."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from .connection import ANSWER_S, ClusterError, give_up, host_and_port, joined_cluster, loss

RAY_POLL_S = 1.0  # how often a wait for Ray is interrupted to see whether Ray is still there


class ShardLost(ClusterError):
    """A process of a run, or its node, has ended or cannot be reached; the message says which."""


GRACE_S = 3.0  # how long a wait for Ray may take to see by itself that Ray is lost
LOOKS = 3  # in a row at which nobody answers at a cluster's address, before it counts as lost


def check_ray() -> None:
    """Raise ClusterError if Ray is lost: a process of one's own, or the head of a cluster (`watching_ray`)."""
    if reason := loss():
        raise ClusterError(reason)


@contextmanager
def watching_ray(end: Callable[[str], object]) -> Iterator[None]:
    """Within this context, have `end` called with the reason when Ray is lost while this process waits in Ray.

    A thread of its own calls it, and it must end the process: Ray, which is waiting, would do so a minute later
    with status 1 and words of its own. Where a cluster is lost, `check_ray` tells from then on.
    """
    over = threading.Event()

    def watch() -> None:
        silent = 0
        while not over.wait(RAY_POLL_S):
            cluster = joined_cluster()
            silent = silent + 1 if cluster and not _answers(cluster) else 0
            if silent == LOOKS:
                give_up(f"the Ray cluster at {cluster} is lost: nobody answers there any more")
            if (reason := loss()) and not over.wait(GRACE_S):
                end(reason)
                return

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        over.set()


def _answers(cluster: str) -> bool:
    """Whether somebody accepts connections at a cluster's address, where its head does."""
    try:
        socket.create_connection(host_and_port(cluster), ANSWER_S).close()
        return True
    except OSError:
        return False


def cause_of(error: Any) -> Exception:
    """Return what a task or actor raised, without Ray's wrapping."""
    from ray.exceptions import RayError

    if isinstance(error.cause, RayError):
        return ClusterError(f"Ray has failed: {first_line(error.cause)}")
    return error.cause if isinstance(error.cause, Exception) else error


def first_line(error: Exception) -> str:
    """Return what one of Ray's long messages begins with."""
    return str(error).strip().partition("\n")[0].rstrip(".")
