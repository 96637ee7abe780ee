"""The shards of a world as Ray actors: placed, started, watched, started again, ended.

License messages do not pass through Ray: shards exchange them over sockets of their own (`shards/transport/`).
"""

import logging
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from ..setup.origin import check, of_world
from ..setup.scenario import Scenario
from ..shards.checkpoints import Checkpoints
from ..shards.tally import Tally, conserved, merge
from ..shards.transport.frames import PeerLost
from .connection import joined_cluster, loss, sockets_folder, start_ray
from .cpus import cpus
from .failures import RAY_POLL_S, ShardLost, cause_of, check_ray, first_line
from .host import ShardHost
from .placement import PLACEMENTS, Group

CHUNK_S = 0.5  # work of one Ray call: often enough for progress and Ctrl-C, too seldom to cost anything
DIAGNOSIS_S = 5.0  # grace period in which Ray may report why a shard died, after its peers have noticed
SHUTDOWN_S = 2.0  # seconds an actor gets to clean up before it is killed
RESTARTS = 5  # of all shards, without a new checkpoint in between, before the run gives up

_log = logging.getLogger("meterstorm")


class ShardSet:
    """The Ray actors of a world of several shards; they are reused for one world after another."""

    def __init__(self, shards: int, address: str | None = None, placement: str = "pack") -> None:
        if placement not in PLACEMENTS:
            raise ValueError(f"placement must be one of {', '.join(PLACEMENTS)}: {placement!r}")
        self.ray = start_ray(max(shards, cpus()), address)
        self.shards = shards
        self.placement = placement
        self.hosts: list[Any] = []
        self.group: Group | None = None
        self.addresses: list[Any] = []
        self._start()

    def simulate(
        self,
        scenario: Scenario,
        replication: int,
        on_progress: Callable[[float], None] = lambda share: None,
        keep_journal: bool = False,
        checkpoints: Checkpoints | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> Tally:
        """Run one replication on the shards; `on_progress` is told the share of simulated time done.

        With `tags` its figures are metrics of Ray's that carry these.

        With checkpoints the world goes on from the last one; when a shard is lost, all are started again.
        Without, or when that happens again and again, raises ShardLost. Raises ValueError where the network has
        no latency: shards would wait for each other forever; OriginError for a shard of other code or files.
        """
        if scenario.network.latency_ms == 0:
            raise ValueError("shards need network.latency_ms > 0")
        world = (scenario, replication, keep_journal, tags)
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
                start = "the last checkpoint" if checkpoints.exist() else "the beginning of their world"
                _log.warning("%s; all shards are started again, from %s", error, start)

    def close(self) -> None:
        """End the actors, and give their places back."""
        for host in self.hosts if loss() is None else ():  # which end with it
            self.ray.kill(host)
        self.hosts, self.addresses = [], []
        if self.group is not None and loss() is None:
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
                self._create()
                self.addresses = self._all("listen", sockets_folder())
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
                self.ray.wait(leaving, num_returns=len(leaving), timeout=SHUTDOWN_S)

    def _create(self) -> None:
        """Create the actors: in a cluster each on a CPU of its own; here on none, so that cores may be shared."""
        key = secrets.token_bytes(32)
        if joined_cluster():
            self.group = Group(self.ray, self.shards, self.placement)
        for shard in range(self.shards):
            options = {"num_cpus": 1, **self.group.options(shard)} if self.group else {"num_cpus": 0}
            actor = self.ray.remote(max_restarts=0, **options)(ShardHost)
            self.hosts.append(actor.remote(shard, self.shards, key))

    def _begin(self, world: tuple[Any, ...], checkpoints: Checkpoints | None) -> None:
        if checkpoints:
            with checkpoints.probe() as file:
                self._all("look_at", file)
        restored = checkpoints and checkpoints.restore(lambda *saved: self._all("begin", *world, saved))
        here = of_world(world[0])
        for shard, origin in enumerate(restored or self._all("begin", *world)):
            check(origin, here, self._name(shard))

    def _run(
        self, scenario: Scenario, on_progress: Callable[[float], None], checkpoints: Checkpoints | None
    ) -> Tally:
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

        A peer that is lost is only an echo: its own call tells why, and gets DIAGNOSIS_S to do so.
        """
        calls = [getattr(host, method).remote(*arguments) for host in self.hosts]
        pending, echo = calls, None
        while pending:
            ready, pending = self.ray.wait(pending, timeout=DIAGNOSIS_S if echo else RAY_POLL_S)
            check_ray()
            if not ready:
                if echo:
                    break
                continue
            name = self._name(calls.index(ready[0]))
            try:
                self.ray.get(ready[0])
            except self.ray.exceptions.RayTaskError as error:
                cause = cause_of(error)
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
