"""A process of a wall-clock run: a server alone, or a shard of clients, whose events are handled when it is time.

Its loop: wait for messages, at most until the next event is due; queue those that have come; handle what is due;
send the results. A message carries the time at which it is to arrive, one latency after it was sent: until then it
waits in the queue, and one that comes later than that arrives when it is read.
"""

import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..setup.scenario import Scenario
from ..shards.glance import glance
from ..shards.tally import Tally
from ..shards.transport.frames import Frame, TransportError
from ..state import counters
from ..state.events import EVENT
from . import measures
from .absent import Absent
from .arrivals import Account, Arrivals, Arrived
from .backed import BackedSlice
from .backends.registry import backend_of
from .books import Books, books
from .clock import Clock
from .exchange import Exchange
from .sights import Sight, Sights
from .slice import Slice
from .standing import Standing

# Kinds of frames: messages; what a server's process tells the others of its licenses; that a client's process has
# told the observer all that it has missed; that a node has come to the end of the run.
ROWS, LICENSES, ALL_TOLD, ENDED = 1, 2, 3, 4
GONE = 5  # not of a frame, but among arrivals: the connection to a node has ended

# A turn of the loop lasts a millisecond at least, or an eighth of the latency: what comes of it leaves together,
# and a turn for each message would cost far more.
TURN_S, TURNS_A_LATENCY = 1e-3, 8
LONGEST_WAIT_S = 0.05
CALLS_NS = 500_000_000  # of the world's time, in which clients call again when a listener opens
MEET_S = 60.0  # how long the others may take to be there before a run


class Position(NamedTuple):
    """Where a node stands among the others: servers come first, then shards of clients."""

    node: int
    client_shards: int
    folder: str  # of sockets and of arrivals
    key: bytes
    is_watched: bool = False  # whether it leaves what it is (sights.py) for somebody


def slice_of(scenario: Scenario, replication: int, position: Position) -> Slice:
    """Return a node's part of a world."""
    backend = backend_of(scenario)
    if backend is None or position.node >= scenario.servers.count:
        return Slice(scenario, replication, position.node, position.client_shards)
    return BackedSlice(scenario, replication, position.node, position.client_shards, backend, position.folder)


class Outcome(NamedTuple):
    """What a node gives at the end."""

    tally: Tally
    measures: measures.NodeMeasures
    books: Books


class Node:
    """One process's part of a world, ready to run."""

    def __init__(self, scenario: Scenario, replication: int, position: Position) -> None:
        self.slice = slice_of(scenario, replication, position)
        self._is_server = self.slice.server is not None
        self._servers = range(self.slice.servers)
        self._clients = range(self.slice.servers, self.slice.servers + position.client_shards)
        self._standing = Standing(scenario, replication, self.slice)
        self._arrivals: Arrivals | None = None
        is_own = type(self.slice) is Slice  # a service of others keeps its leases itself
        if self._is_server and is_own and (scenario.servers.durable or self._standing.is_killed):
            self._arrivals = Arrivals(Path(position.folder) / f"arrivals-{position.node}")
        self._sights = Sights(position.folder, position.node) if position.is_watched else None
        self._forgets = not scenario.servers.durable
        others = [*self._servers, *self._clients] if self._is_server else [*self._servers]
        peers = [node for node in others if node != position.node]
        self._exchange = Exchange(position.node, peers, self._clients.stop, position.folder, position.key)
        self._absent = Absent(self.slice)
        self._all_told: set[int] = set()  # clients' nodes
        self._tell_at_s = self._turn_at_s = 0.0  # not before
        config = self.slice.world.config[0]
        self._trips = measures.RoundTrips(int(config.first), int(config.local), self.slice.latency)
        self._lateness = measures.Lateness()
        self._unsent = self._messages = self._late_messages = self._late_ns = 0
        self._back_late_s = 0.0
        self._cpu = measures.Phases(
            scenario, self.slice.world.faults, lambda: self.slice.service_cpu_s, lambda: self.slice.attempts
        )

    def meet(self) -> None:
        """Return when the connections to all others are there; raises PeerLost."""
        self.slice.meet()
        self._exchange.meet(MEET_S)

    def take_over(self, until: int) -> None:
        """Become what the server was when its process was killed, `until`, from its arrivals; nothing is sent.

        It goes on from that process's last account, too: what it takes to become so is no work of the server's.
        """
        assert self._arrivals is not None
        for arrival in self._arrivals:
            self.slice.advance(arrival.reached)
            self.slice.take()
            self._file(arrival)
        self.slice.advance(until)
        self.slice.take()
        self._all_told.clear()
        self._go_on(self._arrivals.accounts(), until)

    def _go_on(self, accounts: list[Account], until: int) -> None:
        """Have spent and counted what the processes before this one had."""
        last = accounts[-1] if accounts else Account()
        self._messages, self._late_messages, self._late_ns = last.messages, last.late_messages, last.late_ns
        self._unsent, self._back_late_s = last.unsent, last.back_late_s
        self._cpu.go_on((account.reached, account.cpu_s) for account in accounts)
        self._cpu.turn(until)

    def run(self, clock: Clock) -> Outcome:
        """Go through the world as the clock does, to its end; raises TransportError."""
        self.slice.pace = clock.pace
        try:
            while self.slice.reached < self.slice.end:
                self._turn(clock)
            self._send()
            for peer in self._exchange.links:
                self._put(peer, ENDED, b"")
            return self._outcome()
        finally:
            self.close()

    def close(self) -> None:
        """End all connections, and close the arrivals."""
        self._exchange.close()
        if self._arrivals:
            self._arrivals.close()

    def _turn(self, clock: Clock) -> None:
        """Go once through the loop."""
        time.sleep(max(0.0, self._turn_at_s - time.monotonic()))
        self._turn_at_s = time.monotonic() + min(TURN_S, clock.real_s(self.slice.latency) / TURNS_A_LATENCY)
        self._mind_listener(clock)
        frames = self._exchange.wait(self._wait_s(clock))
        now, began_s = max(0, clock.now()), time.thread_time()
        self._receive(frames, now)
        self._mind_connections()
        self._answer_for_absent(now)
        self._advance(clock)
        self._send()
        self._standing.slow_down(now, time.thread_time() - began_s)
        if self._sights:
            self._sights.leave(lambda: Sight(glance(self.slice.world), self._measures()))

    def _wait_s(self, clock: Clock) -> float:
        """Return how long nothing is due."""
        now = max(0, clock.now())
        due = self.slice.end if self._horizon(now) < now else min(self.slice.next_time, self.slice.end)
        due = min(due, self._standing.next_change(now), self._absent.next_due)
        return min(clock.real_s(due - now), LONGEST_WAIT_S)

    def _horizon(self, now: int) -> int:
        """Return up to when events may be handled: while its listener is closed, nothing happens at a server.

        Then its observer first hears what it has missed, so that it counts from when it was so.
        """
        if not self.slice.is_there:
            return self.slice.reached if now < self.slice.end else self.slice.end
        patience = 0 if len(self._all_told) == len(self._clients) else CALLS_NS
        return self._standing.horizon(now, self.slice.reached, patience)

    def _mind_listener(self, clock: Clock) -> None:
        """Open the listener, or close it while a fault has the server refuse."""
        now = max(0, clock.now())
        if not self.slice.serves(now) or self._standing.refuses(now):
            self._exchange.refuse(self._clients)
        elif not self._exchange.is_open:
            self._exchange.open()
            since = self._standing.open_since(now)
            late_s = clock.real_s(clock.now() - since)  # since `now` it may have waited for a service to answer
            self._back_late_s = max(self._back_late_s, late_s if since > 0 else 0.0)

    def _receive(self, frames: list[Frame], now: int) -> None:
        """Put what has come in the queue."""
        reached = self.slice.reached
        for frame in frames:
            self._absent.heard(frame.source, frame.next_event_ns)
        self._take_in([Arrived(reached, f.source, f.flags, self._on_time(f, now)) for f in frames])

    def _take_in(self, arrivals: list[Arrived]) -> None:
        """File arrivals, which are on disk before, if the server's must not be lost."""
        if self._arrivals and arrivals:
            self._arrivals.keep(arrivals, self._account())
        for arrival in arrivals:
            self._file(arrival)

    def _account(self) -> Account:
        counted = self._messages, self._late_messages, self._late_ns, self._unsent, self._back_late_s
        return Account(self.slice.reached, self._cpu.spent_s, *counted)

    def _on_time(self, frame: Frame, now: int) -> bytes:
        """Return a frame's messages, none due before it is here.

        What has come to a server that stood still was at its host in time, and waits for it there. What would
        arrive when its listener will have closed is still on its way then: its sender sees to that (absent.py).
        """
        if frame.flags != ROWS or len(frame.messages) % EVENT.itemsize:
            return frame.messages
        rows, reached = np.frombuffer(frame.messages, EVENT).copy(), self.slice.reached
        self._messages += len(rows)
        is_there = not self._standing.stood_still(reached, now)
        if is_there:
            self._note_late(now - rows["time"])
        rows["time"] = np.maximum(rows["time"], max(reached, now) if is_there else reached)
        return rows[rows["time"] < self._standing.next_closure(reached)].tobytes()

    def _note_late(self, late: Any) -> None:
        """Note by how much messages came after their time, ns; less than 0 for those that did not."""
        late = late[late > 0]
        self._late_messages += len(late)
        self._late_ns += int(late.sum())

    def _file(self, arrival: Arrived) -> None:
        """Put what a node has sent in its place; raises TransportError, naming it."""
        _, source, kind, payload = arrival
        try:
            if kind == ROWS:
                self.slice.deliver(payload, source)
                if not self._is_server:
                    self._trips.answered(np.frombuffer(payload, EVENT))
            elif kind == LICENSES and self._is_server and source in self._servers:
                self.slice.hear(source, payload)
            elif kind == ALL_TOLD and self._is_server and source in self._clients:
                self._all_told.add(source)
            elif kind == GONE:
                self.slice.forget(source)
            elif kind != ENDED:  # its head says all
                raise ValueError(f"a frame of kind {kind}")
        except ValueError as error:
            raise TransportError(f"node {source}: sent {error}") from error

    def _mind_connections(self) -> None:
        """Handle what was not sent before a connection ended, and greet new peers."""
        gone = []
        for lost in self._exchange.lost:
            unsent = [np.frombuffer(payload, EVENT) for kind, payload in lost.unsent if kind == ROWS]
            self._unsent += sum(map(len, unsent))
            self._all_told.discard(lost.peer)
            if not self._is_server:
                self._absent.lose(lost.peer, unsent)
            elif self._forgets and lost.peer in self._servers:
                gone.append(Arrived(self.slice.reached, lost.peer, GONE, b""))
        self._take_in(gone)
        for peer in self._exchange.joined:
            self.slice.tell_again()
            if not self._is_server:
                for rows in self._absent.back(peer):
                    self._put(peer, ROWS, rows.tobytes())
                    self._absent.sent(peer, rows)
                self._put(peer, ALL_TOLD, b"")
        self._exchange.lost.clear()
        self._exchange.joined.clear()

    def _answer_for_absent(self, now: int) -> None:
        """Have closed listeners answer, and count their answers as messages, as those of servers are."""
        world = self.slice.world
        column = world.control[0].sample_index * counters.COLUMNS + counters.MESSAGES
        for server, rows in self._absent.refusals(max(now, self.slice.reached)).items():
            world.series[column] += len(rows)
            self._file(Arrived(now, server, ROWS, rows.tobytes()))

    def _advance(self, clock: Clock) -> None:
        """Handle what is due, and note how late that is."""
        now, reached = min(self._horizon(max(0, clock.now())), self.slice.end), self.slice.reached
        if now <= reached:
            return
        due = self.slice.next_time
        events = self.slice.advance(now)
        if events and not self._standing.stood_still(reached, now):
            self._lateness.add(max(0.0, clock.real_s(now - due) * 1e9), events)
        self._cpu.turn(now)

    def _send(self) -> None:
        """Send what came of a turn."""
        rows = self.slice.take()
        if not self._is_server and len(rows):
            self._trips.sent(rows)
        for node, some in self.slice.by_node(rows):
            is_there = self._put(node, ROWS, some.tobytes())
            if node in self._servers:
                (self._absent.sent if is_there else self._absent.knock)(node, some)
            elif not is_there:
                self._unsent += len(some)
        self._tell()

    def _put(self, node: int, kind: int, payload: bytes) -> bool:
        return self._exchange.put(node, kind, payload, self.slice.reached)

    def _tell(self) -> None:
        """Tell the other servers' processes about this one's licenses from time to time."""
        now_s = time.monotonic()
        if self._is_server and now_s >= self._tell_at_s:
            self._tell_at_s = now_s + TURN_S
            if said := self.slice.tell():
                for peer in self._servers:
                    self._put(peer, LICENSES, said)

    def _outcome(self) -> Outcome:
        for link in self._exchange.links.values():
            self._unsent += sum(len(rows) // EVENT.itemsize for kind, rows in link.unsent() if kind == ROWS)
        self._trips.close(self.slice.end)
        self.slice.look_at_service()
        self._cpu.turn(self.slice.end)
        found, on_books = self._measures(), books(self.slice)
        tally = self.slice.tally()
        tally.cpu_s = self._cpu.spent_s
        return Outcome(tally, found, on_books)

    def _measures(self) -> measures.NodeMeasures:
        """Return what has been measured so far."""
        return measures.NodeMeasures(
            self._lateness,
            self._trips.histogram,
            self._trips.unanswered,
            self._cpu.cpu_s(),
            self._cpu.attempts(),
            self._cpu.lengths_s,
            self._unsent,
            self._absent.refused,
            self._late_messages,
            self._late_ns,
            self._messages,
            self._back_late_s,
        )
