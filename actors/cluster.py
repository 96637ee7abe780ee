"""Ray: it places, starts, watches and ends the shards of a world, and the workers that each run whole worlds.

License messages do not pass through Ray: shards exchange them over sockets of their own (`transport.py`).
"""

import os
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .placement import PLACEMENTS, Group, check_every_node, first_line
from .ray_start import ClusterError, has_joined, start_ray
from .shard import Shard, Tally, merge
from .transport import Mesh, PeerLost
from .windows import Windows

# One Ray call covers so much work: often enough for progress and Ctrl-C, too seldom to cost anything.
CHUNK_S = 0.5

# When a shard is lost, its peers notice at once, and Ray soon: so long we wait to be told why.
REASON_S = 5.0


class ShardLost(ClusterError):
    """The process or the node of a shard has ended."""


def spread(
    function: Callable[..., Any], jobs: Sequence[tuple[Any, ...]], workers: int | None, address: str | None = None
) -> Iterator[tuple[int, Any]]:
    """Run function(*job) for every job on Ray workers; yield (index of the job, result) as they finish.

    `workers` None: as many as this machine, or the cluster at `address`, has CPUs. Raises what the function
    raises, and ClusterError.
    """
    ray = start_ray(workers or os.cpu_count() or 1, address)
    if has_joined():
        check_every_node(ray)
    workers = workers or int(ray.cluster_resources().get("CPU", 0))
    if workers == 0:
        raise ClusterError("the cluster has no node with a CPU")
    task = ray.remote(num_cpus=1, max_retries=2)(function)
    todo = iter(enumerate(jobs))
    running: dict[Any, int] = {}
    try:
        while True:
            while len(running) < 2 * workers and (following := next(todo, None)) is not None:
                index, job = following
                running[task.remote(*job)] = index
            if not running:
                return
            done, _ = ray.wait(list(running))
            for reference in done:
                yield running.pop(reference), ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        raise _cause(error) from None
    except ray.exceptions.RayError as error:
        raise ClusterError(f"a worker is lost: {first_line(error)}") from error
    finally:  # an error, or whoever asked wants no more
        for reference in running:
            ray.cancel(reference, force=True)


def _cause(error: Any) -> Exception:
    """Return what a task or actor raised, without Ray's wrapping."""
    from ray.exceptions import RayError  # noqa: PLC0415 - slow, and here it has been imported

    if isinstance(error.cause, RayError):
        return ClusterError(f"Ray has failed: {first_line(error.cause)}")
    return error.cause if isinstance(error.cause, Exception) else error


class ShardHost:
    """What runs inside a Ray actor: one shard of one world after another, on one mesh of sockets."""

    def __init__(self, shard: int, shards: int, key: bytes) -> None:
        self.mesh = Mesh(shard, shards, key)
        self.window = 0
        self.cpu_started = 0.0
        self.windows: Windows | None = None

    def listen(self) -> dict[str, Any]:
        """Open the sockets, where shards on other nodes can reach them, and return their address."""
        import ray  # noqa: PLC0415 - it has placed this actor

        node = ray.get_runtime_context().get_node_id()
        return dict(self.mesh.listen(host=ray.util.get_node_ip_address(), node=node))

    def connect(self, addresses: list[Any]) -> None:
        """Join the mesh."""
        self.mesh.connect(addresses)

    def begin(self, scenario: Any, replication: int, keep_journal: bool) -> None:
        """Build this shard of a new world."""
        self.cpu_started = time.process_time()
        try:
            shard = Shard(scenario, replication, self.mesh.shard, self.mesh.shards, keep_journal)
            self.windows = Windows(shard, self.mesh, self.window)
        except BaseException:
            self.mesh.close()  # lets the peers fail at once instead of waiting for a frame
            raise

    def run(self, seconds: float) -> tuple[int, bool]:
        """Advance for about so long; return the time reached, ns, and whether it is the end."""
        assert self.windows is not None
        try:
            reached = self.windows.run(seconds)
        except BaseException:
            self.mesh.close()
            raise
        self.window = self.windows.window
        return reached, self.windows.done

    def tally(self) -> Tally:
        """Return what this shard has counted."""
        assert self.windows is not None
        tally = self.windows.shard.tally()
        self.windows = None
        tally.cpu_s = time.process_time() - self.cpu_started
        return tally


class ShardSet:
    """The Ray actors of a world of several shards; they are reused for one world after another."""

    def __init__(self, shards: int, address: str | None = None, placement: str = "pack") -> None:
        if placement not in PLACEMENTS:
            raise ValueError(f"placement must be one of {', '.join(PLACEMENTS)}: {placement!r}")
        self.ray = start_ray(max(shards, os.cpu_count() or 1), address)
        self.hosts: list[Any] = []
        self.group: Group | None = None
        self.addresses: list[Any] = []
        try:
            self._place(shards, placement)
            self.addresses = self._all("listen")
            self._all("connect", self.addresses)
        except BaseException:
            self.close()
            raise

    def _place(self, shards: int, placement: str) -> None:
        """Start the actors: each on a CPU of its own in a cluster; here on none, so that cores may be shared."""
        key = secrets.token_bytes(32)
        if has_joined():
            self.group = Group(self.ray, shards, placement)
        for shard in range(shards):
            place = {"num_cpus": 1, **self.group.options(shard)} if self.group else {"num_cpus": 0}
            actor = self.ray.remote(max_restarts=0, **place)(ShardHost)
            self.hosts.append(actor.remote(shard, shards, key))

    def simulate(
        self,
        scenario: Any,
        replication: int,
        on_progress: Callable[[float], None] = lambda share: None,
        keep_journal: bool = False,
    ) -> Tally:
        """Run one replication on the shards; `on_progress` is told the share of simulated time done."""
        self._all("begin", scenario, replication, keep_journal)
        end_s = scenario.run.warmup_s + scenario.run.duration_s
        done = False
        while not done:
            states = self._all("run", CHUNK_S)
            done = states[0][1]
            on_progress(states[0][0] / 1e9 / end_s)
        return merge(self._all("tally"))

    def close(self) -> None:
        """End the actors, and give their places back."""
        for host in self.hosts:
            self.ray.kill(host)
        self.hosts = []
        if self.group is not None:
            self.group.close()
            self.group = None

    def __enter__(self) -> "ShardSet":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _all(self, method: str, *arguments: Any) -> list[Any]:
        """Call a method of all shards at once; the first error is raised at once, unless it is an echo of another.

        That a peer is lost is only an echo: why, its own call tells.
        """
        calls = [getattr(host, method).remote(*arguments) for host in self.hosts]
        results: dict[Any, Any] = {}
        echo: PeerLost | None = None
        while len(results) < len(calls):
            waiting = [call for call in calls if call not in results]
            done, _ = self.ray.wait(waiting, timeout=REASON_S if echo else None)
            if not done:
                break
            for call in done:
                try:
                    results[call] = self.ray.get(call)
                except self.ray.exceptions.RayTaskError as error:
                    results[call] = cause = _cause(error)
                    if not isinstance(cause, PeerLost):
                        raise cause from None
                    echo = echo or cause
                except self.ray.exceptions.RayError as error:
                    raise ShardLost(f"{self._name(calls.index(call))} is lost: {first_line(error)}") from error
        if echo:
            raise echo
        return [results[call] for call in calls]

    def _name(self, shard: int) -> str:
        if not self.addresses:
            return f"shard {shard}"
        at = self.addresses[shard]
        return f"shard {shard} ({at['host']}:{at['port']}, node {at['node'][:12]})"
