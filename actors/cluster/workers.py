"""Ray workers: each runs whole worlds, one after another.

They are actors because those can be killed at any time: `ray.cancel` may end the driver if the task is just ending
by itself ("Tried to complete task that was not pending", Ray 2.60; ray-project/ray#54798 fixed a race of that
kind).
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from typing import Any, NamedTuple

from ..setup.origin import CODE, check
from ..shards.storage import Location
from .connection import ClusterError, joined_cluster, start_ray
from .cpus import cpus
from .failures import RAY_POLL_S, ShardLost, called, cause_of, check_ray, first_line, kill
from .placement import check_every_node, located
from .room import Room, besides, fitted, name_of_start, nodes_with
from .said import Teller

TRIES = 3  # how often a job is begun whose worker is lost, or a worker that does not come to work


def spread(
    function: Callable[..., Any],
    jobs: Iterable[tuple[Any, ...]],
    workers: int | None,
    address: str | None = None,
    probe: Location | None = None,
    room: Room | None = None,
) -> Iterator[tuple[int, str, Any]]:
    """Run function(*job) for every job on Ray workers; yield (index of the job, its node, result) as they finish.

    `workers` None: as many as this machine, or the cluster at `address`, has CPUs at each moment. Every node of
    that must see the file `probe`, if there is one. There each asks for what `room` says of the
    first shard. Raises what the function raises, ClusterError, and OriginError where a node has other code: nodes
    may join, so each result is checked.
    """
    room = (room or Room()).checked()
    ray = start_ray(workers or cpus(), address)
    if joined_cluster():
        room = fitted(ray, room, "a world of this run")
        check_every_node(ray, room.resources, probe)
    else:
        room = Room()
    crew, teller = Crew(ray, function, jobs, workers, room), Teller()
    try:
        for job, (node, code, result, lines) in crew.work():
            teller.tell(node, lines)
            check(code, CODE, node)
            yield job.number, node, result
    finally:  # after an error, or when the caller has enough
        crew.dismiss()


class Job(NamedTuple):
    """One call of the function, begun for the `tries`-th time."""

    number: int
    arguments: tuple[Any, ...]
    tries: int = 1


class Crew:
    """Workers that start, each of them without a job, and workers at work."""

    def __init__(
        self,
        ray: Any,
        function: Callable[..., Any],
        jobs: Iterable[tuple[Any, ...]],
        size: int | None,
        room: Room | None = None,
    ) -> None:
        room = room or Room()
        self._ray, self._size, self._resources = ray, size, room.resources
        asked = {"num_cpus": 1, "resources": room.resources, **room.memory_of(0)}
        self._worker = ray.remote(max_restarts=0, max_task_retries=0, **asked)(_worker_of(function))
        self._name, self._numbers = name_of_start(), count()
        self._jobs = enumerate(jobs)
        self._waiting: deque[Job] = deque()  # each for a worker that starts, or begun before by one that is lost
        self._calls: dict[Any, tuple[Any, Job | None]] = {}
        self._lost_starts = 0

    def work(self) -> Iterator[tuple[Job, Any]]:
        """Yield jobs and what was returned for them, as they finish."""
        while self._is_at_work():
            self._engage()
            done, _ = called(self._ray.wait, list(self._calls), timeout=RAY_POLL_S)
            for call in done:
                yield from self._answer(call)

    def dismiss(self) -> None:
        """End all workers, whatever they do."""
        kill(self._ray, [worker for worker, _ in self._calls.values()])
        self._calls.clear()

    def _is_at_work(self) -> bool:
        return any(job for _, job in self._calls.values()) or bool(self._waiting) or self._one_more_waits()

    def _one_more_waits(self) -> bool:
        following = next(self._jobs, None)
        if following is not None:
            self._waiting.append(Job(*following))
        return following is not None

    def _engage(self) -> None:
        """Start workers for jobs, while there is room; a cluster's nodes come and go."""
        room = self._size or self._cpus()
        if room == 0 and not self._calls:
            raise ClusterError(f"the cluster has no node with a CPU{besides(self._resources)}")
        starting = sum(job is None for _, job in self._calls.values())
        while len(self._calls) < room and (len(self._waiting) > starting or self._one_more_waits()):
            worker = called(self._worker.options(name=f"{self._name}-worker-{next(self._numbers)}").remote)
            self._calls[worker.__ray_ready__.remote()] = worker, None
            starting += 1

    def _cpus(self) -> int:
        return int(sum(node["Resources"]["CPU"] for node in nodes_with(self._ray, self._resources)))

    def _answer(self, call: Any) -> Iterator[tuple[Job, Any]]:
        """Take what a call has come to, and give its worker another job."""
        worker, job = self._calls[call]
        try:
            answer = called(self._ray.get, call)
        except self._ray.exceptions.RayTaskError as error:
            raise cause_of(error) from None
        except self._ray.exceptions.RayError as error:
            del self._calls[call]
            kill(self._ray, [worker])
            self._begin_anew(job, error)
            return
        del self._calls[call]
        self._employ(worker)
        if job is None:
            self._lost_starts = 0
        else:
            yield job, answer

    def _employ(self, worker: Any) -> None:
        if self._waiting or self._one_more_waits():
            job = self._waiting.popleft()
            self._calls[worker.run.remote(*job.arguments)] = worker, job
        else:
            kill(self._ray, [worker])

    def _begin_anew(self, job: Job | None, error: Exception) -> None:
        check_ray()
        if job is None:
            self._lost_starts += 1
            if self._lost_starts == TRIES:
                raise ShardLost(f"no worker can be started: {first_line(error)}") from error
        elif job.tries == TRIES:
            raise ShardLost(
                f"a worker is lost, and again when its world was begun anew: {first_line(error)}"
            ) from error
        else:
            self._waiting.appendleft(job._replace(tries=job.tries + 1))


def _worker_of(function: Callable[..., Any]) -> type:
    """Return the class of actors that run a function; being nested, it travels whole."""
    run_located = located(function)

    class Worker:
        def run(self, *arguments: Any) -> Any:
            return run_located(*arguments)

    return Worker
