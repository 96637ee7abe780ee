"""Ray: it places, starts, watches and ends the shards of a world, and the workers that each run whole worlds.

License messages do not pass through Ray: shards exchange them over sockets of their own (`transport.py`).
"""

import logging
import os
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .shard import Shard, Tally, merge
from .transport import Mesh
from .windows import Windows

# A local Ray listens on loopback only, sends no statistics, and does not start workers through `uv run`.
RAY_ENVIRONMENT = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "RAY_AUTH_MODE": "token",
    "RAY_DEDUP_LOGS": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
OBJECT_STORE_BYTES = 80 << 20  # Ray asks for at least 75 MiB; results are small

# One Ray call covers so much work: often enough for progress and Ctrl-C, too seldom to cost anything.
CHUNK_S = 0.5


def start_ray(cpus: int) -> Any:
    """Start a Ray of this machine's own, once per process, and return the module."""
    for name, value in RAY_ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    import ray  # noqa: PLC0415 - half a second, and most runs do not need it

    if not ray.is_initialized():
        ray.init(
            address="local",
            num_cpus=cpus,
            include_dashboard=False,
            object_store_memory=OBJECT_STORE_BYTES,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    return ray


def spread(
    function: Callable[..., Any], jobs: Sequence[tuple[Any, ...]], workers: int
) -> Iterator[tuple[int, Any]]:
    """Run function(*job) for every job on Ray workers; yield (index of the job, result) as they finish."""
    ray = start_ray(workers)
    task = ray.remote(num_cpus=1, max_retries=2)(function)
    todo = iter(enumerate(jobs))
    running: dict[Any, int] = {}
    while True:
        while len(running) < 2 * workers and (following := next(todo, None)) is not None:
            index, job = following
            running[task.remote(*job)] = index
        if not running:
            return
        done, _ = ray.wait(list(running))
        for reference in done:
            try:
                result = ray.get(reference)
            except ray.exceptions.RayTaskError as error:
                for other in running:
                    ray.cancel(other)
                raise _cause(error) from None
            yield running.pop(reference), result


def _cause(error: Any) -> Exception:
    """Return what a task or actor raised, without Ray's wrapping."""
    return error.cause if isinstance(error.cause, Exception) else error


class ShardHost:
    """What runs inside a Ray actor: one shard of one world after another, on one mesh of sockets."""

    def __init__(self, shard: int, shards: int, key: bytes) -> None:
        self.mesh = Mesh(shard, shards, key)
        self.window = 0
        self.cpu_started = 0.0
        self.windows: Windows | None = None

    def listen(self) -> dict[str, Any]:
        """Open the sockets and return their address."""
        return dict(self.mesh.listen())

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

    def __init__(self, shards: int) -> None:
        self.ray = start_ray(max(shards, os.cpu_count() or 1))
        key = secrets.token_bytes(32)
        # No CPU is claimed, so that more shards than cores are placed, too.
        actor = self.ray.remote(num_cpus=0, max_restarts=0)(ShardHost)
        self.hosts = [actor.remote(shard, shards, key) for shard in range(shards)]
        addresses = self._all("listen")
        self._all("connect", addresses)

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
        """End the actors."""
        for host in self.hosts:
            self.ray.kill(host)
        self.hosts = []

    def __enter__(self) -> "ShardSet":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _all(self, method: str, *arguments: Any) -> list[Any]:
        """Call a method of all shards at once; of several errors, raise the one that is not an echo."""
        calls = [getattr(host, method).remote(*arguments) for host in self.hosts]
        errors: list[BaseException] = []
        results = []
        for call in calls:
            try:
                results.append(self.ray.get(call))
            except self.ray.exceptions.RayTaskError as error:
                errors.append(_cause(error))
            except self.ray.exceptions.RayError as error:
                errors.append(error)
        if errors:
            errors.sort(key=lambda error: type(error).__name__ == "TransportError")
            raise errors[0] from None
        return results
