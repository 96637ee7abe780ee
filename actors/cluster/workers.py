"""Ray workers, each of which runs whole worlds."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from ..setup.origin import CODE, check
from .connection import ClusterError, joined_cluster, loss, start_ray
from .cpus import cpus
from .failures import RAY_POLL_S, ShardLost, cause_of, check_ray, first_line
from .placement import check_every_node, located


def spread(
    function: Callable[..., Any],
    jobs: Iterable[tuple[Any, ...]],
    workers: int | None,
    address: str | None = None,
    probe: Path | None = None,
) -> Iterator[tuple[int, str, Any]]:
    """Run function(*job) for every job on Ray workers; yield (index of the job, its node, result) as they finish.

    `workers` None: as many as this machine, or the cluster at `address`, has CPUs. Every node of that must see the
    file `probe`, if there is one. Raises what the function
    raises, ClusterError, and OriginError where a node has other code: nodes may join, so each result is checked.
    """
    ray = start_ray(workers or cpus(), address)
    if joined_cluster():
        check_every_node(ray, probe)
    workers = workers or int(ray.cluster_resources().get("CPU", 0))
    if workers == 0:
        raise ClusterError("the cluster has no node with a CPU")
    task = ray.remote(num_cpus=1, max_retries=2)(located(function))
    todo = iter(enumerate(jobs))
    running: dict[Any, int] = {}
    try:
        while True:
            while len(running) < 2 * workers and (following := next(todo, None)) is not None:
                index, job = following
                running[task.remote(*job)] = index
            if not running:
                return
            done, _ = ray.wait(list(running), timeout=RAY_POLL_S)
            check_ray()
            for reference in done:
                node, code, result = ray.get(reference)
                check(code, CODE, node)
                yield running.pop(reference), node, result
    except ray.exceptions.RayTaskError as error:
        raise cause_of(error) from None
    except ray.exceptions.RayError as error:
        check_ray()
        raise ShardLost(
            f"a worker is lost, and again when its world was begun anew: {first_line(error)}"
        ) from error
    finally:  # after an error, or when the caller has enough
        for reference in running if loss() is None else ():
            ray.cancel(reference, force=True)
