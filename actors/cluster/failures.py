"""Calls of Ray, lost processes, and what Ray's errors say about them."""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, wait
from contextlib import suppress
from typing import Any, ParamSpec, TypeVar

from .connection import ClusterError, loss

RAY_POLL_S = 1.0  # how often a wait for Ray is interrupted to see whether Ray is still there
ENDING_S = 5.0  # for a call that an interrupt has come into; few take longer

P = ParamSpec("P")
T = TypeVar("T")


class ShardLost(ClusterError):
    """A process of a run, or its node, has ended or cannot be reached; the message says which."""


def check_ray() -> None:
    """Raise ClusterError if Ray is lost: a process of our own, or the head of a cluster."""
    if reason := loss():
        raise ClusterError(reason)


def called(function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """Return what a call of Ray's returns, or raise what it raises; ClusterError if Ray is lost by then.

    Where it is lost, a call may wait for minutes, and Ray then ends the process. So a thread makes it, and is left
    in it. After an interrupt the call gets ENDING_S to end: Ray may be about to be shut down.
    """
    check_ray()
    answer: Future[T] = Future()

    def make() -> None:
        try:
            answer.set_result(function(*arguments, **named))
        except BaseException as error:
            answer.set_exception(error)

    try:
        threading.Thread(target=make, daemon=True).start()
        while not wait([answer], RAY_POLL_S).done:
            check_ray()
    except KeyboardInterrupt:
        wait([answer], ENDING_S)
        raise
    check_ray()
    return answer.result()


def kill(ray: Any, actors: Iterable[Any]) -> None:
    """End actors; where Ray is lost, they end with it."""
    for actor in actors:
        with suppress(ClusterError, ray.exceptions.RayError):
            called(ray.kill, actor)


def cause_of(error: Any) -> Exception:
    """Return what a task or actor raised, without Ray's wrapping."""
    from ray.exceptions import RayError

    if isinstance(error.cause, RayError):
        return ClusterError(f"Ray has failed: {first_line(error.cause)}")
    return error.cause if isinstance(error.cause, Exception) else error


def first_line(error: Exception) -> str:
    """Return what one of Ray's long messages begins with."""
    return str(error).strip().partition("\n")[0].rstrip(".")
