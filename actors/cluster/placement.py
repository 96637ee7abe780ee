"""Where shards go in a Ray cluster, and a check that every node runs the same code."""

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..setup.origin import CODE, Origin, check
from .connection import ClusterError
from .failures import first_line

# How shards share nodes: as few nodes as possible, as many as there are, or a node each.
PLACEMENTS = {"pack": "PACK", "spread": "SPREAD", "strict-spread": "STRICT_SPREAD"}

PLACEMENT_S = 60.0  # how long room may take to become free, or a node to join
START_S = 60.0  # how long a node may take to start a worker


class Group:
    """A CPU for each shard, reserved in a cluster by a placement group until `close`."""

    def __init__(self, ray: Any, shards: int, placement: str) -> None:
        self.ray = ray
        strategy = PLACEMENTS[placement]
        self._group = ray.util.placement_group([{"CPU": 1}] * shards, strategy=strategy)
        try:
            self._wait(shards, placement)
            check_versions(ray, [self.options(shard) for shard in range(shards)])
        except BaseException:
            self.close()
            raise

    def options(self, shard: int) -> dict[str, Any]:
        """Return the options that put a task or an actor where the shard's CPU is."""
        strategies = self.ray.util.scheduling_strategies
        return {
            "scheduling_strategy": strategies.PlacementGroupSchedulingStrategy(
                self._group, placement_group_bundle_index=shard
            )
        }

    def close(self) -> None:
        """Give the CPUs back."""
        with suppress(self.ray.exceptions.RayError):  # the cluster may be gone
            self.ray.util.remove_placement_group(self._group)

    def _wait(self, shards: int, placement: str) -> None:
        deadline_s = time.monotonic() + PLACEMENT_S
        while not self._group.wait(0.5):  # short, so that Ctrl-C is heard
            if time.monotonic() > deadline_s:
                raise ClusterError(_no_room(self.ray, shards, placement))


def _no_room(ray: Any, shards: int, placement: str) -> str:
    where = " on as many nodes" if placement == "strict-spread" else ""
    nodes = nodes_with_cpus(ray)
    cpus = sum(node["Resources"]["CPU"] for node in nodes)
    free = ray.available_resources().get("CPU", 0)
    return (
        f"no room in {PLACEMENT_S:g} s: {shards} shards ({placement}) need {shards} free CPUs{where}; the cluster "
        f"has {len(nodes)} nodes with {cpus:g} CPUs in all, {free:g} of them free"
    )


def nodes_with_cpus(ray: Any) -> list[dict[str, Any]]:
    """Return Ray's description of every node that is alive and has CPUs."""
    return [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]


def check_every_node(ray: Any, probe: Path | None = None) -> None:
    """Check the code on every node where a worker may run, and that each sees a file, if one is given."""
    affinity = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy
    check_versions(
        ray,
        [{"scheduling_strategy": affinity(node["NodeID"], soft=False)} for node in nodes_with_cpus(ray)],
        probe,
    )


def check_versions(ray: Any, places: Iterable[dict[str, Any]], probe: Path | None = None) -> None:
    """Raise ClusterError, or OriginError for the first of the places (task options) with other code than here."""
    task = ray.remote(num_cpus=0, max_retries=0)(located(lambda: probe is None or probe.exists()))
    try:
        found = ray.get([task.options(**place).remote() for place in places], timeout=START_S)
    except ray.exceptions.GetTimeoutError:
        raise ClusterError(f"a node of the cluster has not started a worker in {START_S:g} s") from None
    except ray.exceptions.RayError as error:
        raise ClusterError(f"a node of the cluster cannot start a worker: {first_line(error)}") from error
    for node, code, sees in found:
        check(code, CODE, node)
        if not sees:
            raise ClusterError(f"{node} does not see {probe}: all nodes must share its file system")


def located(function: Callable[..., Any]) -> Callable[..., tuple[str, Origin, Any]]:
    """Return what a worker runs: a function that returns the node, its code, and what `function` returns.

    Being nested, it travels whole, with `function` packed: a node may lack this package, or have another version,
    and must be able to say so.
    """
    from ray import cloudpickle

    packed = cloudpickle.dumps(function)

    def run(*arguments: Any) -> tuple[str, Origin, Any]:
        import ray

        node = f"node {ray.util.get_node_ip_address()} ({ray.get_runtime_context().get_node_id()[:12]})"
        try:
            from meterstorm.actors.setup.origin import CODE
        except ImportError as error:
            return node, {"meterstorm": f"not installed as here ({error})"}, None
        return node, CODE, cloudpickle.loads(packed)(*arguments)

    return run
