"""Processes that are lost, and what Ray's errors say about them."""

from typing import Any

from .connection import ClusterError, lost_process

RAY_POLL_S = 1.0  # how often a wait for Ray is interrupted to see whether Ray is still there


class ShardLost(ClusterError):
    """A process of a run, or its node, has ended or cannot be reached; the message says which."""


def check_ray() -> None:
    """Raise ClusterError if this process's own Ray has lost a process that it cannot go on without."""
    if name := lost_process():
        raise ClusterError(f"this run's Ray is lost: its process {name} has ended")


def cause_of(error: Any) -> Exception:
    """Return what a task or actor raised, without Ray's wrapping."""
    from ray.exceptions import RayError

    if isinstance(error.cause, RayError):
        return ClusterError(f"Ray has failed: {first_line(error.cause)}")
    return error.cause if isinstance(error.cause, Exception) else error


def first_line(error: Exception) -> str:
    """Return what one of Ray's long messages begins with."""
    return str(error).strip().partition("\n")[0].rstrip(".")
