"""Ray: it places, starts, watches and ends the shards of a world, and the workers that each run whole worlds.

License messages do not pass through Ray: shards exchange them over sockets of their own (`transport.py`).
"""

import logging
import os
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from . import checkpoint
from .checkpoint import Checkpoints
from .placement import PLACEMENTS, Group, check_every_node, first_line
from .ray_start import ClusterError, has_joined, lost_process, start_ray
from .shard import Shard, Tally, conserved, merge
from .transport import Mesh, PeerLost
from .windows import Windows

# One Ray call covers so much work: often enough for progress and Ctrl-C, too seldom to cost anything.
CHUNK_S = 0.5

# When a shard is lost, its peers notice at once, and Ray soon: so long we wait to be told why.
REASON_S = 5.0

# How often we look whether Ray is still there, while we wait for it.
LOOK_S = 1.0

# So long actors that are not needed may take to clear up.
LEAVE_S = 2.0

# How often shards are started again without a new checkpoint in between, before the run gives up.
RESTARTS = 5

_log = logging.getLogger("meterstorm")


class ShardLost(ClusterError):
    """A process of a run, or its node, has ended or cannot be reached; the message says which."""


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
            done, _ = ray.wait(list(running), timeout=LOOK_S)
            check_ray()
            for reference in done:
                yield running.pop(reference), ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        raise _cause(error) from None
    except ray.exceptions.RayError as error:
        check_ray()
        raise ShardLost(
            f"a worker is lost, and again when its world was begun anew: {first_line(error)}"
        ) from error
    finally:  # an error, or whoever asked wants no more
        for reference in running if lost_process() is None else ():
            ray.cancel(reference, force=True)


def check_ray() -> None:
    """Raise ClusterError if this process's own Ray has lost a process that it cannot go on without."""
    if name := lost_process():
        raise ClusterError(f"this run's Ray is lost: its process {name} has ended")


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
        self.begun: tuple[Shard, int | None] | None = None
        self.windows: Windows | None = None

    def listen(self) -> dict[str, Any]:
        """Open the sockets, where shards on other nodes can reach them, and return their address."""
        import ray  # noqa: PLC0415 - it has placed this actor

        if not ray.is_initialized():  # no actor: asking Ray would start one
            return dict(self.mesh.listen())
        node = ray.get_runtime_context().get_node_id()
        return dict(self.mesh.listen(host=ray.util.get_node_ip_address(), node=node))

    def connect(self, addresses: list[Any]) -> None:
        """Join the mesh."""
        self.mesh.connect(addresses)

    def leave(self) -> None:
        """Close the sockets and remove their files, if the mesh has not been joined."""
        self.mesh.close()

    def begin(
        self, scenario: Any, replication: int, keep_journal: bool, saved: tuple[Path, list[bytes]] | None = None
    ) -> None:
        """Build this shard of a new world, or of a checkpoint's: its folder and seals.

        Nobody waits for a frame of it yet: on a node where nothing is compiled that takes half a minute.
        """
        self.cpu_started = time.process_time()
        shard = Shard(scenario, replication, self.mesh.shard, self.mesh.shards, keep_journal)
        self.begun = shard, None if saved is None else self._restore(shard, *saved)

    def _restore(self, shard: Shard, folder: Path, seals: list[bytes]) -> int:
        numbers, tables = checkpoint.load(folder, self.mesh.shard, seals)
        shard.restore(tables)
        self.cpu_started -= numbers["cpu_s"]
        return int(numbers["bound"])

    def save(self, folder: Path) -> bytes:
        """Write this shard's file of a checkpoint, after an exchange; return its seal."""
        assert self.windows is not None
        numbers = {
            "bound": self.windows.bound,
            "cpu_s": time.process_time() - self.cpu_started,
        }
        return checkpoint.save(folder, self.mesh.shard, self.windows.shard.world, numbers)

    def run(self, seconds: float) -> tuple[int, bool]:
        """Advance for about so long; return the time reached, ns, and whether it is the end."""
        try:
            if self.begun is not None:
                shard, bound = self.begun
                self.begun, self.windows = None, Windows(shard, self.mesh, self.window, bound)
            assert self.windows is not None
            reached = self.windows.run(seconds)
        except BaseException:
            self.mesh.close()  # lets the peers fail at once instead of waiting for a frame
            raise
        self.window = self.windows.window
        return reached, self.windows.done

    def tally(self) -> Tally:
        """Return what this shard has counted."""
        assert self.windows is not None
        tally = self.windows.shard.tally()
        tally.pace = self.windows.pace
        self.windows = None
        tally.cpu_s = time.process_time() - self.cpu_started
        return tally


class ShardSet:
    """The Ray actors of a world of several shards; they are reused for one world after another."""

    def __init__(self, shards: int, address: str | None = None, placement: str = "pack") -> None:
        if placement not in PLACEMENTS:
            raise ValueError(f"placement must be one of {', '.join(PLACEMENTS)}: {placement!r}")
        self.ray = start_ray(max(shards, os.cpu_count() or 1), address)
        self.shards = shards
        self.placement = placement
        self.hosts: list[Any] = []
        self.group: Group | None = None
        self.addresses: list[Any] = []
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
        Without, or when that happens again and again, raises ShardLost. Raises ValueError where the network has
        no latency: shards would wait for each other for ever.
        """
        if scenario.network.latency_ms == 0:
            raise ValueError("shards need network.latency_ms > 0")
        world = (scenario, replication, keep_journal)
        restarts = 0
        while True:
            written = checkpoints.written if checkpoints else 0
            try:
                if not self.hosts:
                    self._start()
                self._begin(world, checkpoints)
                return self._run(scenario, on_progress, checkpoints)
            except ShardLost as error:
                check_ray()
                self.close()
                if checkpoints is None:
                    raise
                restarts = 1 if checkpoints.written > written else restarts + 1
                if restarts > RESTARTS:
                    reason = f"{error}; gave up after {RESTARTS} restarts without a new checkpoint in between"
                    raise ShardLost(reason) from None
                _log.warning("%s; all shards are started again, from the last checkpoint", error)

    def close(self) -> None:
        """End the actors, and give their places back."""
        for host in self.hosts if lost_process() is None else ():  # which end with it
            self.ray.kill(host)
        self.hosts, self.addresses = [], []
        if self.group is not None:
            self.group.close()
            self.group = None

    def __enter__(self) -> "ShardSet":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _start(self) -> None:
        """Start the actors, three times when one is lost at that: nothing else is lost then."""
        for retries in (2, 1, 0):
            try:
                self._place()
                self.addresses = self._all("listen")
                self._all("connect", self.addresses)
                return
            except BaseException as error:
                try:
                    self._leave()
                finally:
                    self.close()
                if not (retries and isinstance(error, ShardLost)):
                    raise

    def _leave(self) -> None:
        """Let actors that listen remove the files of their sockets, which they cannot once they are killed."""
        with suppress(self.ray.exceptions.RayError):
            leaving = [host.leave.remote() for host in self.hosts]
            if leaving:
                self.ray.wait(leaving, num_returns=len(leaving), timeout=LEAVE_S)

    def _place(self) -> None:
        """Create the actors: each on a CPU of its own in a cluster; here on none, so that cores may be shared."""
        key = secrets.token_bytes(32)
        if has_joined():
            self.group = Group(self.ray, self.shards, self.placement)
        for shard in range(self.shards):
            place = {"num_cpus": 1, **self.group.options(shard)} if self.group else {"num_cpus": 0}
            actor = self.ray.remote(max_restarts=0, **place)(ShardHost)
            self.hosts.append(actor.remote(shard, self.shards, key))

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
        return conserved(scenario, merge(self._all("tally")))

    def _all(self, method: str, *arguments: Any) -> list[Any]:
        """Call a method of all shards at once; return their results in order, or raise the first error at once.

        That a peer is lost is only an echo: why, its own call tells, for which it waits a moment.
        """
        calls = [getattr(host, method).remote(*arguments) for host in self.hosts]
        pending, echo = calls, None
        while pending:
            ready, pending = self.ray.wait(pending, timeout=REASON_S if echo else LOOK_S)
            check_ray()
            if not ready:
                if echo:
                    break
                continue
            name = self._name(calls.index(ready[0]))
            try:
                self.ray.get(ready[0])
            except self.ray.exceptions.RayTaskError as error:
                cause = _cause(error)
                if not isinstance(cause, PeerLost):
                    raise cause from None
                echo = echo or ShardLost(f"{name} has lost another: {cause}")
            except self.ray.exceptions.RayError as error:
                raise ShardLost(f"{name} is lost: {first_line(error)}") from None
        if echo:
            raise echo
        return list(self.ray.get(calls))

    def _name(self, shard: int) -> str:
        if not self.addresses:
            return f"shard {shard}"
        at = self.addresses[shard]
        return f"shard {shard} ({at['host']}:{at['port']}, node {at['node'][:12]})"
