"""Ray: it places, starts, watches and ends the shards of a world, and the workers that each run whole worlds.

License messages do not pass through Ray: shards exchange them over sockets of their own (`transport.py`).
"""

import logging
import os
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from . import checkpoint
from .checkpoint import CheckpointError, Checkpoints
from .shard import Shard, Tally, merge
from .transport import Mesh, TransportError
from .windows import Windows

# A local Ray listens on loopback only, sends no statistics, and does not start workers through `uv run`.
RAY_ENVIRONMENT = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "RAY_AUTH_MODE": "token",
    "RAY_DEDUP_LOGS": "0",
    "RAY_IGNORE_UNHANDLED_ERRORS": "1",  # of calls that are given up with the shards that they were made to
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
OBJECT_STORE_BYTES = 80 << 20  # Ray asks for at least 75 MiB; results are small

# One Ray call covers so much work: often enough for progress and Ctrl-C, too seldom to cost anything.
CHUNK_S = 0.5

# A shard whose peer has failed says so at once; the peer's own failure, which tells why, comes at about that time.
ECHO_S = 2.0

# How often shards are started again without a new checkpoint in between, before the run gives up.
RESTARTS = 5

_log = logging.getLogger("meterstorm")


class ShardLost(Exception):
    """A process of a run has ended, was killed, or cannot be reached; the message says which."""


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
            except ray.exceptions.RayError as error:
                raise ShardLost(
                    f"a worker is lost, and again when its world was begun anew: {_first_line(error)}"
                ) from None
            yield running.pop(reference), result


def _cause(error: Any) -> Exception:
    """Return what a task or actor raised, without Ray's wrapping."""
    return error.cause if isinstance(error.cause, Exception) else error


def _first_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"


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

    def begin(
        self, scenario: Any, replication: int, keep_journal: bool, saved: tuple[Path, list[bytes]] | None = None
    ) -> None:
        """Build this shard of a new world, or of a checkpoint's: its folder and seals."""
        self.cpu_started = time.process_time()
        try:
            shard = Shard(scenario, replication, self.mesh.shard, self.mesh.shards, keep_journal)
            others_next = None if saved is None else self._restore(shard, *saved)
            self.windows = Windows(shard, self.mesh, self.window, others_next)
        except CheckpointError:  # nobody waits for a frame
            raise
        except BaseException:
            self.mesh.close()  # lets the peers fail at once instead of waiting for a frame
            raise

    def _restore(self, shard: Shard, folder: Path, seals: list[bytes]) -> int:
        numbers, tables = checkpoint.load(folder, self.mesh.shard, seals)
        shard.restore(tables)
        self.cpu_started -= numbers["cpu_s"]
        return int(numbers["others_next"])

    def save(self, folder: Path) -> bytes:
        """Write this shard's file of a checkpoint, after an exchange; return its seal."""
        assert self.windows is not None
        numbers = {
            "others_next": self.windows.others_next,
            "cpu_s": time.process_time() - self.cpu_started,
        }
        return checkpoint.save(folder, self.mesh.shard, self.windows.shard.world, numbers)

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
        self.shards = shards
        self.hosts: list[Any] = []
        self._start()

    def simulate(
        self,
        scenario: Any,
        replication: int,
        on_progress: Callable[[float], None] = lambda share: None,
        keep_journal: bool = False,
        checkpoints: Checkpoints | None = None,
    ) -> Tally:
        """Run one replication on the shards; `on_progress` is told the share of simulated time done.

        With checkpoints the world goes on from the last one; when a shard is lost, all are started again.
        Without, or when that happens again and again, raises ShardLost.
        """
        world = (scenario, replication, keep_journal)
        restarts = 0
        while True:
            written = checkpoints.written if checkpoints else 0
            try:
                self._begin(world, checkpoints)
                return self._run(scenario, on_progress, checkpoints)
            except ShardLost as error:
                self.close()
                if checkpoints is None:
                    raise
                restarts = 1 if checkpoints.written > written else restarts + 1
                if restarts > RESTARTS:
                    reason = f"{error}; gave up after {RESTARTS} restarts without a new checkpoint in between"
                    raise ShardLost(reason) from None
                _log.warning("%s; all shards are started again, from the last checkpoint", error)
                self._start()

    def close(self) -> None:
        """End the actors."""
        for host in self.hosts:
            self.ray.kill(host)
        self.hosts = []

    def __enter__(self) -> "ShardSet":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _start(self) -> None:
        """Start the actors, three times when one is lost at that: nothing else is lost then."""
        for retries in (2, 1, 0):
            key = secrets.token_bytes(32)
            # No CPU is claimed, so that more shards than cores are placed, too.
            actor = self.ray.remote(num_cpus=0, max_restarts=0)(ShardHost)
            self.hosts = [actor.remote(shard, self.shards, key) for shard in range(self.shards)]
            try:
                self._all("connect", self._all("listen"))
                return
            except ShardLost:
                self.close()
                if not retries:
                    raise

    def _begin(self, world: tuple[Any, ...], checkpoints: Checkpoints | None) -> None:
        restored = checkpoints and checkpoints.restore(lambda *saved: self._all("begin", *world, saved))
        if not restored:
            self._all("begin", *world)

    def _run(self, scenario: Any, on_progress: Callable[[float], None], checkpoints: Checkpoints | None) -> Tally:
        end_s = scenario.run.warmup_s + scenario.run.duration_s
        chunk_s = min(CHUNK_S, checkpoints.every_s) if checkpoints else CHUNK_S
        done = False
        while not done:
            states = self._all("run", chunk_s)
            done = states[0][1]
            on_progress(states[0][0] / 1e9 / end_s)
            if checkpoints and checkpoints.is_due() and not done:
                checkpoints.save(lambda folder: self._all("save", folder))
        return merge(self._all("tally"))

    def _all(self, method: str, *arguments: Any) -> list[Any]:
        """Call a method of all shards at once; return their results in order, or raise the first error.

        An error that only echoes another shard's gives way to that one's, for which it waits a moment.
        """
        calls = [getattr(host, method).remote(*arguments) for host in self.hosts]
        pending, echo = calls, None
        while pending:
            ready, pending = self.ray.wait(pending, timeout=ECHO_S if echo else None)
            if not ready:
                break
            who = f"shard {calls.index(ready[0])} of {self.shards}"
            try:
                self.ray.get(ready[0])
            except self.ray.exceptions.RayTaskError as error:
                cause = _cause(error)
                if not isinstance(cause, TransportError):
                    raise cause from None
                echo = echo or ShardLost(f"{who} has lost another: {cause}")
            except self.ray.exceptions.RayError as error:
                raise ShardLost(f"{who} is lost: {_first_line(error)}") from None
        if echo:
            raise echo
        return list(self.ray.get(calls))
