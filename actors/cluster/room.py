"""What the processes of a run ask of a cluster: a CPU each, memory, and resources that only some nodes have."""

import logging
import math
import secrets
from collections.abc import Mapping
from typing import Any, NamedTuple

from .connection import ClusterError
from .failures import called

# How shards share nodes: as few nodes as possible, as many as there are, or a node each.
PLACEMENTS = {"pack": "PACK", "spread": "SPREAD", "strict-spread": "STRICT_SPREAD"}

CPU_WAIT_S = 60.0  # how long room may take to become free, or a node to join, unless another time is asked for
PARTS = 10_000  # of a CPU, or of whatever else, as Ray counts it
NOT_CUSTOM = ("CPU", "GPU", "memory", "object_store_memory")  # which Ray has names of its own for
TOKEN_BYTES = 4
GB = 1e9

_log = logging.getLogger("meterstorm")


def name_of_start() -> str:
    """Return what the names of all that is started together begin with, in Ray's lists and its dashboard.

    It is drawn for each start: Ray holds on to the name of an actor for a while after it was killed.
    """
    return f"meterstorm-{secrets.token_hex(TOKEN_BYTES)}"


class Room(NamedTuple):
    """What the shards of a run ask of a cluster."""

    placement: str = "pack"  # one of PLACEMENTS
    cpu_wait_s: float = CPU_WAIT_S  # for a CPU for each shard
    resources: Mapping[str, float] = {}  # Ray's custom ones, and how much of each every process takes
    memory: tuple[int, ...] = ()  # bytes that each shard may take; (): it is not asked for
    least: int = 0  # bytes that some shard takes for certain

    def memory_of(self, shard: int) -> dict[str, int]:
        """Return what Ray is told of a shard's memory: nothing where it is not asked for."""
        return {"memory": self.memory[shard]} if self.memory else {}

    def checked(self) -> "Room":
        """Return it; raises ValueError for what cannot be asked for."""
        if self.placement not in PLACEMENTS:
            raise ValueError(f"placement must be one of {', '.join(PLACEMENTS)}: {self.placement!r}")
        if not 0 < self.cpu_wait_s < math.inf:
            raise ValueError(f"cpu_wait_s must be more than 0, and finite: {self.cpu_wait_s!r}")
        for name, amount in self.resources.items():
            check_resource(name, amount)
        return self


def check_resource(name: str, amount: float) -> None:
    """Raise ValueError for what is no custom resource of Ray's, or no amount of one."""
    if not name.strip() or name in NOT_CUSTOM:
        raise ValueError(
            f"{name!r} is not allowed; it must be a custom resource, and none of {', '.join(NOT_CUSTOM)}"
        )
    if not 1 / PARTS <= amount < math.inf or (amount > 1 and amount % 1):
        raise ValueError(f"{name}={amount:g}: must be from {1 / PARTS:g} to 1, or a whole number")


def parse_resource(text: str) -> tuple[str, float]:
    """Return the name and the amount of NAME=AMOUNT; raises ValueError."""
    name, _, amount = text.rpartition("=")
    try:
        found = float(amount)
    except ValueError:
        raise ValueError(f"{text!r} is not allowed; it must be NAME=AMOUNT, as fast=1") from None
    check_resource(name, found)
    return name, found


def nodes_with(ray: Any, resources: Mapping[str, float]) -> list[dict[str, Any]]:
    """Return Ray's description of every node that is alive and has CPUs, and of each resource as much."""
    return [
        node
        for node in called(ray.nodes)
        if node["Alive"]
        and node["Resources"].get("CPU")
        and all(node["Resources"].get(name, 0) >= amount for name, amount in resources.items())
    ]


def share_of_cpu(sharing: int) -> float:
    """Return the share of a CPU that each of several processes takes, in the fractions that Ray counts."""
    return PARTS // sharing / PARTS


def fitted(ray: Any, room: Room, who: str) -> Room:
    """Return the room that a node can give each process of `who`, which asks for it.

    What it may take is more than it mostly does: where no node has so much, it asks for all that the largest node
    has, and a warning says so. Raises ClusterError where none has what is needed for certain.
    """
    nodes = nodes_with(ray, room.resources)
    if not nodes:
        raise ClusterError(f"the cluster has no node with a CPU{besides(room.resources)}")
    most, largest = max(room.memory, default=0), int(max(node["Resources"].get("memory", 0) for node in nodes))
    has = f"the largest node of the cluster that may run it has {largest / GB:.3g} GB for all that is placed there"
    if room.least > largest:
        raise ClusterError(f"{who} takes more than {room.least / GB:.3g} GB of memory, and {has}")
    if most <= largest:
        return room
    _log.warning("%s may take up to %.3g GB of memory, and %s: it runs, as it may need less", who, most / GB, has)
    return room._replace(memory=tuple(min(memory, largest) for memory in room.memory))


def besides(amounts: Mapping[str, float]) -> str:
    """Return in words which resources there are, to follow the number of CPUs."""
    return "".join(
        f", {amount / GB:.3g} GB of memory" if name == "memory" else f", {name}={amount:g}"
        for name, amount in amounts.items()
    )
