"""A server whose decisions come from an external license service: what it is asked, and the books that check it.

The service is asked in one batch about all arrivals that are due, in the order in which they are handled
(queue/order.py). Then this process's own server, which here keeps the observer's books, handles the same arrivals,
so that causes, counters and metrics are those of any other run. An answer leaves once the service has given it,
and must match the books: one that they cannot explain ends the run, and so does a lease that only one of the two
has, checked after each restart and at the end.
"""

import time
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np

from ..engine.invariants import InvariantViolation
from ..setup.scenario import Scenario
from ..shards.tally import Tally
from ..shards.transport.frames import PeerLost
from ..state import kinds
from ..state.events import EVENT
from ..state.rows import NEVER
from ..state.servers import GHOST, LIVE
from .backends.backend import Backend, Gone, Step
from .backends.process import folder_of
from .slice import Slice, emptied
from .strikes import KILL, Strike, stretches, strikes

WHAT = {
    kinds.REQUEST: "request",
    kinds.RELEASE: "release",
    kinds.HEARTBEAT: "renew",
    kinds.KEPT_RELEASE: "renew",
    kinds.PROBE: "probe",
}
BACK_S = 30.0  # how long after its fault a service may take to answer
CPU_EVERY_S = 0.1
SHOWN = 3

Rows = tuple[Any, Any]  # rows of EVENT, and the node that each has come from


class BackedSlice(Slice):
    """The part of a server's node whose licenses a service has."""

    def __init__(
        self,
        scenario: Scenario,
        replication: int,
        node: int,
        client_shards: int,
        backend: Backend,
        folder: str | Path,
    ) -> None:
        super().__init__(scenario, replication, node, client_shards)
        struck = strikes(scenario, replication, self.end)
        self._crashes = deque(one for one in struck if one.server == node and one.what == KILL)
        self._down = [(one.start, one.end) for one in self._crashes]
        spells = self.world.spells[self.world.spells_from[node] : self.world.spells_from[node + 1]]
        self._stalls = [(start, end) for start, end, _ in stretches(spells, lambda one: bool(one.stalled))]
        self._name = f"the {backend.name} of server {node}"
        self._service = backend.connect(folder_of(folder, node))
        self._durable = scenario.servers.durable
        config = self.world.config[0]
        self._reclaim_after, self._scan = int(config.reclaim_after), int(config.scan)
        self._next_scan = self._scan if self._reclaim_after > 0 < self._scan else NEVER
        self._pending: Rows = _none()
        self._under_way: tuple[Rows, list[Step]] = _none(), []
        self._verdicts: dict[tuple[int, ...], int] = {}
        self._done = 0
        self._why_gone = ""
        self._delay_s = self._cpu_at_s = 0.0
        self._spent_before_s = self._spent_s = 0.0

    def meet(self) -> None:
        """Begin with all licenses free; raises PeerLost."""
        try:
            self._service.begin(self._pools(self._number)["free"].tolist())
        except Gone as error:
            raise self._lost(error) from error

    @property
    def service_cpu_s(self) -> float:
        """CPU time of the service, as it was a moment ago."""
        return self._spent_before_s + self._spent_s

    def look_at_service(self) -> None:
        """Have `service_cpu_s` as it is now, unless a fault has it away; raises PeerLost."""
        if self.is_there:
            try:
                self._look_at_cpu(self._cpu_at_s + CPU_EVERY_S)
            except Gone as error:
                raise self._lost(error) from error

    @property
    def next_time(self) -> int:
        """Time of the next event, or of the next message to ask the service about, ns."""
        return min(super().next_time, int(self._pending[0]["time"].min(initial=NEVER)))

    def deliver(self, messages: bytes, source: int) -> None:
        """File messages; those for the service wait here until they are due."""
        rows = np.frombuffer(messages, EVENT)
        is_asked = np.isin(rows["kind"], list(WHAT))
        super().deliver(rows[~is_asked].tobytes(), source)
        more = rows[is_asked], np.full(int(is_asked.sum()), source)
        self._pending = np.concatenate([self._pending[0], more[0]]), np.concatenate([self._pending[1], more[1]])

    def advance(self, now: int) -> int:
        """Ask the service about what is due before `now`, and handle it; return how many events that are."""
        rows, sources = self._due(now)
        if not self.is_there:  # and it will not be back before the end
            (asked, _), _ = self._under_way
            self.world.servers[self._number].dropped += len(rows) + len(asked)
            self._under_way = _none(), []
            return super().advance(now)
        steps = self._steps(rows, self._scans(now))
        began_s = time.monotonic()
        try:
            said = self._service.carry_out(steps)
            self._look_at_cpu(began_s)
        except Gone as error:
            self.is_there, self._under_way, self._why_gone = False, ((rows, sources), steps), str(error)
            return 0
        self._delay_s = time.monotonic() - began_s if steps else 0.0
        self._done += len(steps)
        self._verdicts |= {
            (step.client, step.slot, step.program, step.attempt): one
            for step, one in zip(steps, said, strict=True)
            if step.what == "request"
        }
        self._file_all((rows, sources))
        return super().advance(now)

    def take(self) -> Any:
        """Return the messages for other processes: answers leave when the service has given them."""
        rows = super().take()
        for row in rows[np.isin(rows["kind"], (kinds.GRANT, kinds.DENY))]:
            key = tuple(int(row[name]) for name in ("target", "slot", "program", "attempt"))
            if self._verdicts.get(key, row["kind"] == kinds.GRANT) != (row["kind"] == kinds.GRANT):
                said = "grants" if self._verdicts[key] else "denies"
                words = f"client {key[0]}, slot {key[1]}, program {key[2]}, attempt {key[3]}"
                raise InvariantViolation(f"{self._name} {said} a request that the books do not: {words}")
        if self._handled_at(self.reached - 1) < self.reached:  # else the books answer after the stall
            self._verdicts.clear()
        rows["time"] += round(self._delay_s * self.pace * 1e9)
        self._delay_s = 0.0
        return rows

    def serves(self, now: int) -> bool:
        """Whether the service is up, as far as we know; one that is back reports what it has kept.

        Raises PeerLost where it is gone without a fault, or not back in time, and InvariantViolation.
        """
        if self._crashes and self._crashes[0].start <= now:
            self.is_there = False
        if self.is_there:
            return True
        if not self._crashes or now < self._crashes[0].start:
            raise self._lost(f"it has ended, or does not answer: {self._why_gone}")
        crash = self._merge_crashes(now)
        if now < crash.end or self.reached >= self.end:
            return False
        if not self._service.is_another():
            if now > crash.end + BACK_S * self.pace * 1e9:
                raise self._lost(f"not back in {BACK_S:g} s")
            return False
        try:
            self._come_back(crash)
        except Gone as error:
            if len(self._crashes) == 1:
                raise self._lost(error) from error
            return False  # the next crash has come
        self._crashes.popleft()
        return True

    def tally(self) -> Tally:
        """Close the books at the end of the run, if they and the service have the same leases."""
        self.is_there = self.is_there and not self._crashes  # what is left of them has begun
        if self.is_there:
            try:
                self._compare()
            except Gone as error:
                raise self._lost(error) from error
        self._service.close()
        return super().tally()

    def _own_pools(self) -> Any:
        pools = super()._own_pools()
        return pools if self.is_there or self._durable else emptied(pools.copy())

    @property
    def _number(self) -> int:
        assert self.server is not None
        return self.server

    def _lost(self, why: object) -> PeerLost:
        return PeerLost(f"{self._name} is lost: {why}")

    def _due(self, now: int) -> Rows:
        """Take what is due before a time, in order."""
        rows, sources = self._pending
        is_due = rows["time"] < now
        self._pending = rows[~is_due], sources[~is_due]
        rows, sources = rows[is_due], sources[is_due]
        order = np.lexsort((rows["serial"], rows["source"], rows["time"]))
        return rows[order], sources[order]

    def _handled_at(self, when: int) -> int:
        """Return when what comes, or would be done, at a time is handled: not while the server stands still."""
        for start, end in self._stalls:
            when = end if start <= when < end else when
        return when

    def _scans(self, now: int) -> list[int]:
        """Return when leases are to be reclaimed before a time, since the last time that was asked."""
        found = []
        while (at := self._handled_at(self._next_scan)) < now:
            if not any(start <= at < end for start, end in self._down):
                found.append(at)
            self._next_scan = at + self._scan
        return found

    def _steps(self, rows: Any, scans: list[int]) -> list[Step]:
        """Return what to ask, in order: messages, and scans after the messages of their time."""
        steps = [self._step(row) for row in rows]
        steps += [Step("reclaim", 0, 0, 0, 0, at, at - self._reclaim_after, 0) for at in scans]
        return sorted(steps, key=lambda step: step.now)  # which leaves those of one time in order

    def _step(self, row: Any) -> Step:
        kind, client = int(row["kind"]), int(row["source"])
        more = int(row["product"])
        if kind in (kinds.HEARTBEAT, kinds.KEPT_RELEASE):
            more = int(kind == kinds.KEPT_RELEASE or self._names_leases(client))
        slot, program, attempt, value = (int(row[name]) for name in ("slot", "program", "attempt", "value"))
        return Step(WHAT[kind], client, slot, program, attempt, self._handled_at(int(row["time"])), value, more)

    def _names_leases(self, client: int) -> bool:
        groups = self.world.groups
        return bool(self.world.config[groups[client] if groups.size else 0].names_leases)

    def _file_all(self, found: Rows) -> None:
        rows, sources = found
        for source in np.unique(sources).tolist():
            super().deliver(rows[sources == source].tobytes(), source)

    def _merge_crashes(self, now: int) -> Strike:
        """Return the crash that it is to come back from: with those that began before it was seen to be back."""
        crash = self._crashes[0]
        while len(self._crashes) > 1 and self._crashes[1].start <= now:
            self._crashes.popleft()
            crash = self._crashes[0] = crash._replace(end=self._crashes[0].end)
        return crash

    def _come_back(self, crash: Strike) -> None:
        """Bring the books to the start of a crash, and see that the service has kept what it should have.

        Of what was under way it has carried out the first few steps; the rest died with its queue. Raises Gone
        where it goes again, which leaves what it has missed under way.
        """
        self._service.begin(self._pools(self._number)["allocated"].tolist())
        carried = self._service.done() - self._done if self._durable else 0
        (rows, sources), steps = self._under_way
        late, _ = self._due(crash.start)
        missed = [step for step in steps[carried:] if step.what == "reclaim"]
        missed += self._steps(rows[:0], self._scans(crash.start))
        kept = sum(step.what != "reclaim" for step in steps[:carried])
        self._file_all((rows[:kept], sources[:kept]))
        super().advance(crash.start)
        super().take()  # answers that have never left
        self.world.servers[self._number].dropped += len(rows) - kept + len(late)
        self._done += carried
        self._under_way = _none(), missed
        if self._durable:
            self._service.carry_out(missed)
            self._done += len(missed)
            self._compare()
        self._under_way, self.is_there = (_none(), []), True
        self._verdicts.clear()
        self._spent_before_s, self._spent_s = self.service_cpu_s, 0.0

    def _compare(self) -> None:
        """Raise InvariantViolation where the service has other leases than the books."""
        rows = self.world.leases.view(np.ndarray)
        rows = rows[np.isin(rows["state"], (LIVE, GHOST))]
        names = "client", "slot", "program", "product", "count"
        booked = {
            (a, b, c): (d, e) for a, b, c, d, e in zip(*(rows[name].tolist() for name in names), strict=True)
        }
        kept = self._service.leases()
        if kept != booked:
            lacks, has = (sorted(a.items() - b.items()) for a, b in ((booked, kept), (kept, booked)))
            words = f"lacks {len(lacks)} leases of the books, and has {len(has)} that are not there"
            raise InvariantViolation(f"{self._name} {words}: {[*lacks[:SHOWN], *has[:SHOWN]]}")

    def _look_at_cpu(self, now_s: float) -> None:
        if now_s >= self._cpu_at_s + CPU_EVERY_S:
            self._spent_s, self._cpu_at_s = self._service.cpu_s(), now_s


def _none() -> Rows:
    return np.zeros(0, EVENT), np.zeros(0, np.int64)
