"""Where shards go in a Ray cluster, and a check that every node runs the same code."""

import logging
import math
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from typing import Any

from ..setup.memory import least_bytes, shards_bytes
from ..setup.origin import CODE, Origin, check
from ..setup.scenario import Scenario
from ..shards.storage import Location, way
from .connection import ClusterError
from .failures import ShardLost, called, first_line
from .room import PLACEMENTS, Room, besides, fitted, name_of_start, nodes_with, share_of_cpu
from .said import Line, Teller

SAID_AFTER_S = 3.0  # of waiting for room: a restart gets its own CPUs back sooner
SHARED_S = 5.0  # how long Ray may take to make a reservation that fits
START_S = 60.0  # how long a node may take to start a worker

_log = logging.getLogger("meterstorm")


def room_for(scenarios: Collection[Scenario], room: Room, shards: int) -> Room:
    """Return what processes that run all these worlds, each on `shards` shards, ask of a cluster."""
    memory = zip(*(shards_bytes(scenario, shards) for scenario in scenarios), strict=True)
    least = max(least_bytes(scenario, shards) for scenario in scenarios)
    return room._replace(memory=tuple(map(max, memory)), least=least)


class PlacementGroup:
    """Room for each shard, reserved in a cluster by a placement group until `close`: a CPU, or a part of one.

    Shards that `may_share` CPUs do so when `room.cpu_wait_s` is over: as few of them on one as the free CPUs
    allow, else twice as many, and so on; a warning says so. Raises ClusterError where there is no room; ShardLost
    where a node cannot start a worker.
    """

    def __init__(self, ray: Any, shards: int, room: Room, may_share: bool = False) -> None:
        self.ray = ray
        self.name = ""
        self._shards, self._room = shards, room
        self._group: Any = None
        self._cpus = 1.0  # of a shard
        try:
            self._find_room(may_share)
            check_versions(ray, [self._place(shard) for shard in range(shards)])
        except BaseException:
            self.close()
            raise

    def options(self, shard: int) -> dict[str, Any]:
        """Return the options that put an actor into the shard's room, and have it take all of that."""
        return {
            "num_cpus": self._cpus,
            "resources": self._room.resources,
            **self._room.memory_of(shard),
            **self._place(shard),
        }

    def _place(self, shard: int) -> dict[str, Any]:
        strategies = self.ray.util.scheduling_strategies
        return {
            "scheduling_strategy": strategies.PlacementGroupSchedulingStrategy(
                self._group, placement_group_bundle_index=shard
            )
        }

    def close(self) -> None:
        """Give the room back."""
        with suppress(ClusterError, self.ray.exceptions.RayError):  # the cluster may be gone
            if self._group is not None:
                called(self.ray.util.remove_placement_group, self._group)

    def _find_room(self, may_share: bool) -> None:
        cpu_wait_s = self._room.cpu_wait_s
        if not may_share and nodes_with(self.ray, self._room.resources):  # else they may come, or come back
            self._fit()
        if self._reserve(1, min(SAID_AFTER_S, cpu_wait_s)):
            return
        if cpu_wait_s > SAID_AFTER_S:
            _log.warning("%s; waiting for up to %g s", self._need(), cpu_wait_s)
            if self._wait(cpu_wait_s - SAID_AFTER_S):
                return
        need = self._need()
        self._fit()
        apart = self._room.placement == "strict-spread"  # a node each, for the memory: no CPU can be shared
        tries = self._numbers_on_a_cpu() if may_share and not apart else []
        for sharing in tries:
            if self._reserve(sharing, SHARED_S):
                _log.warning("%s; going on with fewer: up to %d shards share a CPU", need, sharing)
                return
        raise ClusterError(f"no room in {cpu_wait_s + SHARED_S * len(tries):g} s: {need}")

    def _fit(self) -> None:
        self._room = fitted(self.ray, self._room, "a shard of this world")

    def _reserve(self, sharing: int, wait_s: float) -> bool:
        """Whether there is room in time with this many shards on a CPU, in place of what was asked for before."""
        self.close()
        self.name = name_of_start()
        self._cpus = share_of_cpu(sharing)
        self._group = called(
            self.ray.util.placement_group,
            [self._bundle(shard) for shard in range(self._shards)],
            strategy=PLACEMENTS[self._room.placement],
            name=self.name,
        )
        return self._wait(wait_s)

    def _bundle(self, shard: int) -> dict[str, float]:
        return {"CPU": self._cpus, **self._room.memory_of(shard), **self._room.resources}

    def _wait(self, seconds: float) -> bool:
        deadline_s = time.monotonic() + seconds
        while not called(self._group.wait, 0.5):
            if time.monotonic() > deadline_s:
                return False
        return True

    def _numbers_on_a_cpu(self) -> list[int]:
        """Return how many shards may share a CPU, to be tried in order: what Ray says is free may not be, yet."""
        free = int(called(self.ray.available_resources).get("CPU", 0))
        numbers = [min(self._shards, max(2, math.ceil(self._shards / max(1, free))))]
        while numbers[-1] < self._shards:
            numbers.append(min(self._shards, 2 * numbers[-1]))
        return numbers

    def _need(self) -> str:
        """Return in words what is asked for, and what there is, both in all."""
        shards, placement = self._shards, self._room.placement
        where = " on as many nodes" if placement == "strict-spread" else ""
        nodes, free = nodes_with(self.ray, {}), called(self.ray.available_resources)
        cpus = sum(node["Resources"]["CPU"] for node in nodes)
        asked = self._in_all()
        return (
            f"{shards} shards ({placement}) need {shards} free CPUs{where}{besides(asked)}; "
            f"the cluster has {len(nodes)} nodes with {cpus:g} CPUs in all, "
            f"{free.get('CPU', 0):g} of them free{besides({name: free.get(name, 0.0) for name in asked})}"
        )

    def _in_all(self) -> dict[str, float]:
        """Return what the shards ask for besides CPUs."""
        memory = {"memory": sum(self._room.memory)} if self._room.memory else {}
        return {**memory, **{name: amount * self._shards for name, amount in self._room.resources.items()}}


def check_every_node(ray: Any, resources: Mapping[str, float], probe: Location | None = None) -> None:
    """Check the code on every node where a worker may run, and that each sees a file, if one is given."""
    affinity = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy
    check_versions(
        ray,
        [{"scheduling_strategy": affinity(node["NodeID"], soft=False)} for node in nodes_with(ray, resources)],
        probe,
    )


def check_versions(ray: Any, places: Iterable[dict[str, Any]], probe: Location | None = None) -> None:
    """Raise OriginError for the first of the places (task options) with other code than here.

    Raises ShardLost where no worker starts, which is so when a node has just been lost; ClusterError for a file
    that a node does not see.
    """

    unseen = f"does not see {probe}: {way(probe)}" if probe else ""

    def look() -> str:
        """Return in words why the file is not seen."""
        try:
            return "" if probe is None or probe.exists() else unseen
        except OSError as error:
            return f"does not see {error.filename or probe}: {error.strerror or error}"

    task = ray.remote(num_cpus=0, max_retries=0)(located(look))
    try:
        found = called(ray.get, [task.options(**place).remote() for place in places], timeout=START_S)
    except ray.exceptions.GetTimeoutError:
        raise ShardLost(f"a node of the cluster has not started a worker in {START_S:g} s") from None
    except ray.exceptions.RayError as error:
        raise ShardLost(f"a node of the cluster cannot start a worker: {first_line(error)}") from error
    teller = Teller()
    for node, code, why, lines in found:
        teller.tell(node, lines)
        check(code, CODE, node)
        if why:
            raise ClusterError(f"{node} {why}")


def located(function: Callable[..., Any]) -> Callable[..., tuple[str, Origin, Any, list[Line]]]:
    """Return what a worker runs: a function that returns the node, its code, what `function` returns, warnings.

    Being nested, it travels whole, with `function` packed: a node may lack this package, or have another version,
    and must be able to say so.
    """
    from ray import cloudpickle

    packed = cloudpickle.dumps(function)

    def run(*arguments: Any) -> tuple[str, Origin, Any, list[Any]]:  # annotations travel, too
        from importlib import import_module

        import ray

        node = f"node {ray.util.get_node_ip_address()} ({ray.get_runtime_context().get_node_id()[:12]})"
        try:
            from meterstorm.actors.cluster.said import collected
        except ImportError as error:
            return node, {"meterstorm": f"not installed as here ({error})"}, None, []
        with collected() as said:
            import_module("meterstorm.actors.compiled.cache")  # which warns where compiled code cannot be kept
            from meterstorm.actors.setup.origin import CODE

            answer = cloudpickle.loads(packed)(*arguments)
        return node, CODE, answer, said.take()

    return run
