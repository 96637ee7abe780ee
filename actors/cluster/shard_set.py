"""The shards of a world as Ray actors: placed, started, watched, started again, ended.

License messages do not pass through Ray: shards exchange them over sockets of their own (`shards/transport/`).
"""

import logging
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..records.merging import in_order
from ..setup.origin import check, of_world
from ..setup.scenario import Scenario
from ..shards.checkpoints import Checkpoints
from ..shards.tally import Tally, conserved, merge
from ..shards.transport.frames import PeerLost
from .connection import ClusterError, joined_cluster, sockets_folder, start_ray
from .cpus import cpus
from .failures import RAY_POLL_S, ShardLost, called, cause_of, check_ray, first_line, kill
from .host import ShardHost
from .journals import kept
from .placement import PlacementGroup
from .room import Room, name_of_start
from .said import Teller

CHUNK_S = 0.5  # work of one Ray call: often enough for progress and Ctrl-C, too seldom to cost anything
DIAGNOSIS_S = 5.0  # grace period in which Ray may report why a shard died, after its peers have noticed
SHUTDOWN_S = 2.0  # seconds an actor gets to clean up before it is killed
RESTARTS = 5  # of all shards, without a new checkpoint in between, before the run gives up

_log = logging.getLogger("meterstorm")


class ShardSet:
    """The Ray actors of a world of several shards; they are reused for one world after another.

    In a cluster they ask for `room`. Those of a run that `goes_on`, also after a loss, share CPUs where there are
    fewer than shards: a checkpoint is that of its number of shards.
    """

    def __init__(
        self, shards: int, address: str | None = None, room: Room | None = None, goes_on: bool = False
    ) -> None:
        self.room = (room or Room()).checked()
        self.ray = start_ray(max(shards, cpus()), address)
        self.shards = shards
        self.goes_on = goes_on
        self.hosts: list[Any] = []
        self.group: PlacementGroup | None = None
        self.addresses: list[Any] = []
        self.teller = Teller()
        self._start()

    def simulate(
        self,
        scenario: Scenario,
        replication: int,
        on_progress: Callable[[float], None] = lambda share: None,
        keep_journal: bool = False,
        checkpoints: Checkpoints | None = None,
        tags: Mapping[str, str] | None = None,
        scratch: Path | None = None,
    ) -> Tally:
        """Run one replication on the shards; `on_progress` is told the share of simulated time done.

        With `tags` its figures are metrics of Ray's that carry these. A journal that is large is in a file in
        `scratch`, and goes with the tally; None: in the system's folder for temporary files.

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
                tally = self._run(scenario, on_progress, checkpoints)
                if keep_journal:
                    tally.journal = kept(in_order([self._journal(shard) for shard in range(self.shards)]), scratch)
                return tally
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
        kill(self.ray, self.hosts)
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
                self._create()
                self.addresses = self._all("listen", sockets_folder())
                self._all("connect", self.addresses)
                self.goes_on = True
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
        with suppress(ClusterError, self.ray.exceptions.RayError):
            leaving = [host.leave.remote() for host in self.hosts]
            if leaving:
                called(self.ray.wait, leaving, num_returns=len(leaving), timeout=SHUTDOWN_S)

    def _create(self) -> None:
        """Create the actors: in a cluster each where its room is; here on no CPU, so that cores may be shared."""
        key = secrets.token_bytes(32)
        if joined_cluster():
            self.group = PlacementGroup(self.ray, self.shards, self.room, self.goes_on)
        name = self.group.name if self.group else name_of_start()
        for shard in range(self.shards):
            options = self.group.options(shard) if self.group else {"num_cpus": 0}
            actor = self.ray.remote(name=f"{name}-shard-{shard}", max_restarts=0, **options)(ShardHost)
            self.hosts.append(called(actor.remote, shard, self.shards, key))

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
            for shard, state in enumerate(states):
                self.teller.tell(self._name(shard), state[2])
            done = states[0][1]
            on_progress(states[0][0] / 1e9 / end_s)
            if checkpoints and checkpoints.is_due() and not done:
                checkpoints.save(lambda folder: self._all("save", folder))
        return conserved(scenario, merge(self._one(shard, "tally") for shard in range(self.shards)))

    def _journal(self, shard: int) -> Iterator[Any]:
        """Yield a shard's journal in pieces."""
        first = 0
        while len(piece := self._one(shard, "journal", first)):
            yield piece
            first += len(piece)

    def _one(self, shard: int, method: str, *arguments: Any) -> Any:
        """Call a method of one shard, and return its result."""
        return self._of([shard], method, *arguments)[0]

    def _all(self, method: str, *arguments: Any) -> list[Any]:
        """Call a method of all shards at once, and return their results in order."""
        return self._of(range(self.shards), method, *arguments)

    def _of(self, shards: Sequence[int], method: str, *arguments: Any) -> list[Any]:
        """Call a method of some shards at once; return their results in order, or raise the first error at once.

        A peer that is lost is only an echo: its own call tells why, and gets DIAGNOSIS_S to do so.
        """
        calls = [getattr(self.hosts[shard], method).remote(*arguments) for shard in shards]
        pending, echo = calls, None
        while pending:
            ready, pending = called(self.ray.wait, pending, timeout=DIAGNOSIS_S if echo else RAY_POLL_S)
            if not ready:
                if echo:
                    break
                continue
            name = self._name(shards[calls.index(ready[0])])
            try:
                called(self.ray.get, ready[0])
            except self.ray.exceptions.RayTaskError as error:
                cause = cause_of(error)
                if not isinstance(cause, PeerLost):
                    raise cause from None
                echo = echo or ShardLost(f"{name} has lost another: {cause}")
            except self.ray.exceptions.RayError as error:
                raise ShardLost(f"{name} is lost: {first_line(error)}") from None
        if echo:
            raise echo
        return list(called(self.ray.get, calls))

    def _name(self, shard: int) -> str:
        if not self.addresses:
            return f"shard {shard}"
        at = self.addresses[shard]
        return f"shard {shard} ({at['host']}:{at['port']}, node {at['node'][:12]})"
