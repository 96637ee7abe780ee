"""One process's part of a world on the wall clock: a shard whose messages are routed to processes, not to shards.

A server's process has an observer of its own, for its server only. A denial's cause also depends on free licenses
and ghosts at the other servers; their processes report these (`tell`, `hear`).
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..setup import partition
from ..setup.scenario import Scenario
from ..shards.shard import EVENTS, OUTGOING, REACH, SENT_ACROSS, SENT_WITHIN, Shard
from ..state import counters, kinds
from ..state.events import EVENT
from ..state.rows import NEVER

# Whom a server may tell that it is not there; what else is sent to it is lost in silence, as in the model.
ANSWERED = (kinds.REQUEST, kinds.HEARTBEAT, kinds.KEPT_RELEASE, kinds.PROBE, kinds.CONNECT)


class Slice(Shard):
    """The part of node `node`: those of servers come first, then those of clients."""

    is_there = True  # whether what decides here is: this process itself, but see backed.py
    pace = 1.0

    def __init__(self, scenario: Scenario, replication: int, node: int, client_shards: int) -> None:
        hosted = partition.server_parts(scenario, client_shards)
        super().__init__(scenario, replication, node, len(hosted), hosted=hosted)
        self.servers = scenario.servers.count
        self.server = node if node < self.servers else None
        self._products = len(scenario.products)
        self._ghosts = np.zeros((self.servers, self._products), np.int64)  # as the other servers tell
        self._told = b""

    @property
    def service_cpu_s(self) -> float:
        """CPU time of another process that decides."""
        return 0.0

    def look_at_service(self) -> None:
        """Have `service_cpu_s` as it is now."""

    def meet(self) -> None:
        """Be ready for messages."""

    def serves(self, now: int) -> bool:
        """Whether what decides here is there."""
        return True

    @property
    def reached(self) -> int:
        """Return the time up to which events have been handled, ns."""
        return int(self._control[REACH])

    def advance(self, now: int) -> int:
        """Handle all events before `now`; return how many."""
        before = self.events
        self.run(now)
        while self.next_time < min(now, self.end):  # a message that left has cut it short
            self.run(now)
        return self.events - before

    @property
    def events(self) -> int:
        """Return how many have been handled."""
        return int(self._control[EVENTS])

    @property
    def attempts(self) -> int:
        """Return how many its clients have made since the start, warm-up included."""
        return int(self.world.series[counters.ATTEMPTS :: counters.COLUMNS].sum())

    def take(self) -> Any:
        """Return the messages for other processes, rows of EVENT, and forget them."""
        rows = self._outbox[: int(self._control[OUTGOING])].copy()
        self._control[OUTGOING] = 0
        self._control[SENT_WITHIN] = self._control[SENT_ACROSS] = NEVER
        return rows

    def by_node(self, rows: Any) -> Iterator[tuple[int, Any]]:
        """Yield the messages for each process; a notice goes to the observer of the server that it is about."""
        if not len(rows):
            return
        homes = self._owners[np.searchsorted(self._starts, rows["target"], side="right") - 1]
        about = is_notices(rows)
        homes[about] = rows["value"][about]
        for node in np.unique(homes).tolist():
            yield node, rows[homes == node]

    def refusals(self, rows: Any) -> Any:
        """Return the answers of a host whose listener is closed to messages for its server, and count them."""
        asked = rows[np.isin(rows["kind"], ANSWERED)]
        answers = np.zeros(len(asked), EVENT)
        for name in ("slot", "program", "product", "attempt"):
            answers[name] = asked[name]
        answers["target"], answers["source"] = asked["source"], asked["target"]
        answers["kind"], answers["serial"] = kinds.REFUSED, asked["serial"]
        answers["time"] = asked["time"] + self.latency
        return answers

    def tell(self) -> bytes | None:
        """Return what the other servers' processes should know about this one's licenses; None: nothing new."""
        if self.server is None:
            return None
        own = self.world.products["ghosts"] - self._ghosts.sum(axis=0)
        said = self._own_pools().tobytes() + own.astype(np.int64).tobytes()
        if said == self._told:
            return None
        self._told = said
        return said

    def tell_again(self) -> None:
        """Have `tell` say all: somebody new is there."""
        self._told = b""

    def hear(self, server: int, said: bytes) -> None:
        """Know of another server's licenses what its process has told; raises ValueError."""
        pools = self._pools(server)
        if len(said) != pools.nbytes + 8 * self._products:
            raise ValueError(f"{len(said)} bytes about its pools, not {pools.nbytes + 8 * self._products}")
        pools[:] = np.frombuffer(said[: pools.nbytes], pools.dtype)
        self._hear_ghosts(server, np.frombuffer(said[pools.nbytes :], np.int64))

    def forget(self, server: int) -> None:
        """Know that another server has lost its leases in a crash."""
        emptied(self._pools(server))
        self._hear_ghosts(server, np.zeros(self._products, np.int64))

    def _hear_ghosts(self, server: int, ghosts: Any) -> None:
        self.world.products["ghosts"] += ghosts - self._ghosts[server]
        self._ghosts[server] = ghosts

    def _own_pools(self) -> Any:
        """Return the pools of this process's server, as others should know them."""
        return self._pools(self.server or 0)

    def _pools(self, server: int) -> Any:
        begin = server * self._products
        return self.world.pools.view(np.ndarray)[begin : begin + self._products]


def emptied(pools: Any) -> Any:
    """Return pools (rows of POOL) after all their leases are lost."""
    pools["free"] = pools["allocated"]
    pools["leased"] = pools["reserved"] = pools["favored"] = 0
    return pools


def is_notices(rows: Any) -> Any:
    """Return for each row whether it is for an observer."""
    return (rows["kind"] >= kinds.NOTICE) & (rows["kind"] <= kinds.ORPHANED)
