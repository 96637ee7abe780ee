"""A world on the wall clock: a Ray actor for each server and each shard of clients, killed and stopped for real.

A server that will be killed has a stand-by: an actor that has built the same part of the world and takes over at
once from the server's arrivals (`wall/arrivals.py`), with its listener closed until the fault is over. So a
restart takes as long as the scenario says, not as long as Python takes to start. (If a server is killed often, its
later stand-bys start during the run: standbys.py.)
"""

import os
import secrets
import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from ..setup.scenario import Scenario
from ..shards.tally import Tally, conserved
from ..shards.transport.sockets import place_for_sockets
from ..wall.backends.backend import Missing
from ..wall.backends.process import ServiceProcess, start_all
from ..wall.backends.registry import processes
from ..wall.clock import Clock
from ..wall.node import Position
from ..wall.outcome import Measures, world_of
from ..wall.sights import Sight, seen
from ..wall.strikes import KILL, Strike, strikes
from .connection import ClusterError, sockets_folder, start_ray
from .cpus import cpus
from .failures import RAY_POLL_S, ShardLost, called, cause_of, first_line, kill
from .standbys import Standbys
from .wall_host import WallHost

BEGINS_IN_S = 0.2  # from when all are ready; the calls that begin the run must have come by then
POLL_S = 0.2  # between two looks at whether all processes are well

DIED = "A worker died or was killed while executing a task"  # how Ray begins to say so

Progress = Callable[[float], None]
See = Callable[[], list[Sight]]  # what the processes have left last, servers first; none before all have


class Act(NamedTuple):
    """What is done to a process at a time of the world, ns."""

    at: int
    number: signal.Signals | None  # None: it is started again
    server: int


class WallSet:
    """The Ray actors of one wall-clock run after another."""

    def __init__(self) -> None:
        self.ray = start_ray(cpus())
        self._actors: list[Any] = []
        self._pids: dict[int, int] = {}  # of nodes
        self._services: list[ServiceProcess] = []  # by server, where they have some
        self._folder = ""

    def simulate(
        self,
        scenario: Scenario,
        replication: int,
        client_shards: int,
        pace: float,
        on_progress: Progress,
        watcher: Callable[[See], None] | None = None,
    ) -> tuple[Tally, Measures]:
        """Run one replication in real time, `pace` of the world's seconds in one.

        `on_progress` is told the share of simulated time done, and then a watcher may see the processes.
        Raises ShardLost for a process that ends by itself, TransportError, InvariantViolation, and PolicyError.
        """
        self._folder = tempfile.mkdtemp(prefix="wall-", dir=sockets_folder() or place_for_sockets())
        try:
            with _deaths_expected(self.ray):
                return self._simulate(scenario, replication, client_shards, pace, on_progress, watcher)
        finally:
            self.close()

    def close(self) -> None:
        """End all actors, and remove their files."""
        for pid in self._pids.values():  # one that is stopped would not end
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        kill(self.ray, self._actors)
        for service in self._services:
            service.close()
        self._actors, self._pids, self._services = [], {}, []
        shutil.rmtree(self._folder, ignore_errors=True)

    def _simulate(
        self,
        scenario: Scenario,
        replication: int,
        client_shards: int,
        pace: float,
        on_progress: Progress,
        watcher: Callable[[See], None] | None,
    ) -> tuple[Tally, Measures]:
        end = round((scenario.run.warmup_s + scenario.run.duration_s) * 1e9)
        struck = strikes(scenario, replication, end)
        key = secrets.token_bytes(32)
        nodes = scenario.servers.count + client_shards
        where = [Position(node, client_shards, self._folder, key, watcher is not None) for node in range(nodes)]
        self._start_services(scenario)
        kills = Counter(one.server for one in struck if one.what == KILL and not self._services)
        actors = [self._actor() for _ in where]
        prepared = [one.prepare.remote(scenario, replication, at) for one, at in zip(actors, where, strict=True)]

        def begin(server: int) -> tuple[Any, Any]:
            actor = self._actor()
            return actor, actor.prepare.remote(scenario, replication, where[server])

        standbys = Standbys(kills, begin)
        self._pids = dict(enumerate(self._all([*prepared, *standbys.calls])[:nodes]))
        self._all([actor.meet.remote() for actor in actors])
        clock = Clock(time.monotonic_ns() + round(BEGINS_IN_S * 1e9), pace)
        calls = dict(enumerate(actor.run.remote(clock) for actor in actors))

        def tell() -> None:
            on_progress(_share(clock, end))
            if watcher:
                watcher(lambda: seen(self._folder, nodes))

        late_s = self._strike(_acts(struck, end, bool(self._services)), clock, calls, standbys, tell)
        self._watch(calls, tell)
        outcomes = self._all([calls[node] for node in range(nodes)])
        measures = Measures(
            pace,
            scenario.run.duration_s / pace,
            tuple(one.measures for one in outcomes),
            scenario.servers.count,
            len(struck),
            late_s,
        )
        return conserved(scenario, world_of(outcomes)), measures

    def _start_services(self, scenario: Scenario) -> None:
        """Start the services that decide for servers, if there are any; raises ClusterError, TransportError."""
        try:
            self._services = processes(scenario, self._folder)
        except Missing as error:
            raise ClusterError(f'servers.backend = "{scenario.servers.backend}": {error}') from None
        start_all(self._services)

    def _actor(self) -> Any:
        actor = called(self.ray.remote(max_restarts=0, num_cpus=0)(WallHost).remote)
        self._actors.append(actor)
        return actor

    def _strike(
        self,
        acts: list[Act],
        clock: Clock,
        calls: dict[int, Any],
        standbys: Standbys,
        tell: Callable[[], None],
    ) -> float:
        """Kill, stop and continue processes when it is time; return by how much the latest was late, s."""
        late_s = 0.0
        for act in acts:
            while (left_s := clock.real_s(act.at - clock.now())) > 0:
                self._look(calls, min(left_s, POLL_S))
                tell()
            late_s = max(late_s, -left_s)
            self._signal(act)
            if act.number == signal.SIGKILL and not self._services:
                actor, prepared = standbys.take(act.server)
                calls[act.server] = actor.take_over.remote(max(0, clock.now()), clock)
                standbys.begin_next(act.server)
                (self._pids[act.server],) = self._all([prepared])
        return late_s

    def _signal(self, act: Act) -> None:
        """Send a signal, or start a service again; raises ShardLost if there is no process to receive it."""
        if act.number is None:
            self._services[act.server].start()
            return
        try:
            if self._services:
                self._services[act.server].send(act.number)
            else:
                os.kill(self._pids[act.server], act.number)
        except ProcessLookupError:
            raise ShardLost(f"a process of the run is lost: that of server {act.server} has ended") from None

    def _watch(self, calls: dict[int, Any], tell: Callable[[], None]) -> None:
        """Return when all have ended."""
        while self._look(calls, POLL_S):
            tell()

    def _look(self, calls: dict[int, Any], seconds: float) -> int:
        """Wait, and return how many have not ended; raises what one of them raised."""
        began_s = time.monotonic()
        ready, pending = called(self.ray.wait, list(calls.values()), num_returns=len(calls), timeout=seconds)
        self._all(ready)
        if pending and ready:  # those that have ended must not make this a busy loop
            time.sleep(max(0.0, seconds - (time.monotonic() - began_s)))
        return len(pending)

    def _all(self, calls: list[Any]) -> list[Any]:
        """Return what calls gave, in order, or raise the first error at once."""
        pending = list(calls)
        while pending:
            ready, pending = called(self.ray.wait, pending, timeout=RAY_POLL_S)
            for call in ready:
                try:
                    called(self.ray.get, call)
                except self.ray.exceptions.RayTaskError as error:
                    raise cause_of(error) from None
                except self.ray.exceptions.RayError as error:
                    raise ShardLost(f"a process of the run is lost: {first_line(error)}") from None
        return list(called(self.ray.get, calls))


@contextmanager
def _deaths_expected(ray: Any) -> Iterator[None]:
    """Have Ray keep to itself that processes have died: those that should not have, the run's own error names."""
    module = ray._private.worker
    found = module.print_to_stdstream

    def say(data: Any, **others: Any) -> None:
        lines = [line for line in data["lines"] if not line.startswith(DIED)]
        if lines:
            found({**data, "lines": lines}, **others)

    module.print_to_stdstream = say
    try:
        yield
    finally:
        module.print_to_stdstream = found


def _acts(struck: list[Strike], end: int, starts_again: bool) -> list[Act]:
    """Return the signals that strikes mean, and maybe that who was killed is started again, in order of time."""
    acts = []
    for one in struck:
        if one.what == KILL:
            acts.append(Act(one.start, signal.SIGKILL, one.server))
            if starts_again and one.end < end:
                acts.append(Act(one.end, None, one.server))
        else:
            acts.append(Act(one.start, signal.SIGSTOP, one.server))
            acts.append(Act(min(one.end, end), signal.SIGCONT, one.server))
    return sorted(acts, key=lambda act: act.at)


def _share(clock: Clock, end: int) -> float:
    return min(1.0, max(0.0, clock.now() / end))
