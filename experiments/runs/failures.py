"""Failures of a process, a node, Ray, memory or the disk: neither the input's fault nor the model's."""

from meterstorm.actors.cluster.connection import ClusterError
from meterstorm.actors.setup.origin import OriginError
from meterstorm.actors.shards.sealed import CheckpointError
from meterstorm.actors.shards.transport.frames import TransportError

ENVIRONMENT_FAILURES = (ClusterError, OriginError, TransportError, CheckpointError, MemoryError)


def reason(error: BaseException) -> str:
    """Return what an error says; a MemoryError says nothing."""
    return str(error) or "out of memory"
