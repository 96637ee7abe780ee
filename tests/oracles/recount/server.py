"""The books of one server: its queue, and what it serves."""

import math
from collections import deque
from typing import Any

from meterstorm.actors.state import kinds
from meterstorm.actors.state.events import IN_SERVICE

from oracles.recount.balance import Balance
from oracles.recount.clock import Level, ns
from oracles.recount.connections import Connections
from oracles.recount.granting import Granting, key_of
from oracles.recount.leases import Key
from oracles.recount.peers import Peers
from oracles.recount.record import Contradiction, Outcome, Row, expect
from oracles.recount.tenures import Tenure

LOSSES = {kinds.DISCONNECT, kinds.PEER_LOST, kinds.PEER_GRACE_END, kinds.CRASH_GRACE_END}
LIFO_AFTER_S = {"lifo": 0.0, "adaptive-lifo": 0.1}  # where the scenario does not say it
TIMERS = {kinds.SCAN, kinds.GRACE_END, kinds.CALLBACK_CYCLE, kinds.DRAIN}


class Server:
    """One worker and its queue."""

    def __init__(
        self,
        number: int,
        scenario: Any,
        connections: Connections,
        granting: Granting,
        tenure: Tenure,
        balance: Balance,
    ) -> None:
        self.number, self.rules, self.clock = number, scenario.servers, granting.clock
        self.faults, self.granting, self.tenure, self.balance = connections.faults, granting, tenure, balance
        self.connections = connections
        self.peers = Peers(number, scenario, connections, granting)
        self.ledger, self.leases, self.callbacks = granting.leases.ledger, granting.leases, granting.callbacks
        self.queue: deque[tuple[int, Row]] = deque()
        self.standing, self.lifo_after = 0, _lifo_after(scenario.policies.admission)  # ns
        self.serving: Row | None = None
        self.busy = Level(self.clock)
        self.arrivals: list[int] = []  # ns since the end of the warm-up

    def handle(self, event: Row, outcome: Outcome) -> None:
        """Enter an event of this server, and what it sent then."""
        if event.kind <= kinds.CONNECT:
            (self._served if event.flag & IN_SERVICE else self._arrived)(event, outcome)
        elif event.kind == kinds.CRASH:
            self._crash()
        elif event.kind == kinds.STALL_END:
            self._resume(outcome)
        elif event.kind in LOSSES:
            self.peers.handle(event)
        elif event.kind in TIMERS and self.faults.is_stalled(self.number, self.clock.now):
            pass  # it is set again for when the stall ends
        elif event.kind == kinds.GRACE_END:
            self.callbacks.end_grace(Key(event.value, event.slot, event.program, self.number))
        elif event.kind == kinds.SCAN:
            self._scan()
        elif event.kind == kinds.DRAIN:
            self.balance.drain(self.number, outcome)
        else:
            self.tenure.handle(event, outcome)
        self.callbacks.call_back(outcome)
        self.peers.check()
        self._check(event, outcome)

    def _check(self, event: Row, outcome: Outcome) -> None:
        if outcome and event.kind != kinds.ASK_REPORT:
            raise Contradiction(f"server {self.number} has no reason to send {outcome[0]} after {event}")
        if any(pool.free < 0 for pool in self.leases.pools[self.number]):
            raise Contradiction(f"server {self.number} has less than no license free at {self.clock.now} ns")

    def _arrived(self, row: Row, outcome: Outcome) -> None:
        self.arrivals.append(self.clock.now - self.clock.start)
        if self.faults.refuses(self.number, self.clock.now):
            expect(outcome, row, kinds.REFUSED)
            return
        if row.kind == kinds.CONNECT and not self._connects(row, outcome):
            return
        if row.kind == kinds.RELEASE:
            self.leases.see_release(key_of(self.number, row), row.attempt)
        elif row.kind in {kinds.REQUEST, kinds.HEARTBEAT, kinds.PROBE, kinds.CONNECT}:
            self.balance.hear_from(row.source, self.number)
        if outcome and outcome[0].kind == kinds.OVERLOADED:
            expect(outcome, row, kinds.OVERLOADED)
            return
        if not self.queue:
            self.standing = self.clock.now
        goes_first = self.clock.now - self.standing >= self.lifo_after
        (self.queue.appendleft if goes_first else self.queue.append)((self.clock.now, row))
        if self.serving is None and len(self.queue) == 1:
            self._work(outcome)

    def _connects(self, row: Row, outcome: Outcome) -> bool:
        """Whether there was room for a connection to wait, and so an answer at once."""
        if 0 < self.rules.backlog <= sum(waiting.kind == kinds.CONNECT for _, waiting in self.queue):
            self.ledger.work_for(row.source)
            self.ledger.count("connects_dropped")
            return False
        answer = expect(outcome, row, kinds.CONNECTED)
        self.connections.note_answer(answer)
        self.peers.opened(row, answer)
        return True

    def _carry_out(self, row: Row, outcome: Outcome) -> None:
        if row.kind != kinds.CONNECT:
            self.granting.carry_out(self.number, row, outcome)
            if row.kind == kinds.REQUEST:
                self.peers.free(row.source)

    def _served(self, row: Row, outcome: Outcome) -> None:
        if self.serving is None or self.serving.attempt != row.attempt or self.serving.kind != row.kind:
            raise Contradiction(f"server {self.number} serves {self.serving}, not {row}")
        self.serving = None
        self.busy.set(0)
        self._carry_out(row, outcome)
        self._work(outcome)

    def _resume(self, outcome: Outcome) -> None:
        if self.serving is None:
            self._work(outcome)

    def _work(self, outcome: Outcome) -> None:
        """Start the next service, unless the server stalls; those that take no time are over at once."""
        while self.queue and not self.faults.is_stalled(self.number, self.clock.now):
            arrived, row = self.queue.popleft()
            if row.kind == kinds.REQUEST:
                self.ledger.queued_since(arrived)
            if self._takes_time(row.kind):
                self.serving = row
                self.busy.set(1)
                return
            self._carry_out(row, outcome)

    def _takes_time(self, kind: int) -> bool:
        small_talk = self.rules.heartbeat_cost
        costs = {kinds.REQUEST: 1.0, kinds.HEARTBEAT: small_talk, kinds.PROBE: small_talk}
        costs[kinds.CONNECT] = self.rules.connect_cost
        return bool(self.rules.service_ms * costs.get(kind, self.rules.release_cost) > 0)

    def _scan(self) -> None:
        is_crashed = self.faults.is_crashed(self.number, self.clock.now)
        spared = ns(self.rules.failover_ttl_s)
        if not is_crashed and self.faults.since_crash(self.number, self.clock.now) >= spared:
            self.granting.scan(self.number)

    def _crash(self) -> None:
        self.queue.clear()
        self.serving = None
        self.busy.set(0)
        if self.rules.durable:
            self.peers.crash()
        else:
            self.granting.forget(self.number)


def _lifo_after(admission: Any) -> float:
    """How long a queue must not have been empty for what comes then to be served first."""
    after_s = admission.parameters.get("lifo_after_s", LIFO_AFTER_S.get(admission.name, math.inf))
    return after_s if after_s == math.inf else ns(after_s)
