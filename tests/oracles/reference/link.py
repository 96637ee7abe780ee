"""The link of a client: one message in flight to one server, and what waits behind it."""

from typing import TYPE_CHECKING

from oracles.reference.connections import Connection
from oracles.reference.failures import Failures
from oracles.reference.items import LAST, Item
from oracles.reference.messages import (
    CONNECTED,
    DENY,
    GRANT,
    HEARTBEAT,
    KEPT_ACK,
    OVERLOADED,
    PROBE_ACK,
    REFUSED,
    REQUEST,
    Message,
)

if TYPE_CHECKING:
    from oracles.reference.client import Client
    from oracles.reference.licenses import Lease
    from oracles.reference.program import Program
    from oracles.reference.server import Server


class Link:
    """Sends what is first in line, and hears the answers."""

    def __init__(self, client: "Client", server: "Server"):
        self.client, self.world, self.server = client, client.world, server
        self.failures, self.connection = Failures(self), Connection(self)
        self.beats = self.world.stream("heartbeat", client.number)
        self.waiting: list[Item] = []
        self.in_flight: Item | None = None
        self.flight_token = 0  # of what is in flight
        self.pausing = False  # before the same server is tried again
        self.pauses = 0  # so far: an earlier one does not end a later one
        self.offline = False
        self.spells = 0  # offline, so far: a crash ends one
        self.online = True

    @property
    def pending(self) -> list[Item]:
        """What is in flight, and what waits."""
        return [*self.waiting, self.in_flight] if self.in_flight else self.waiting

    def is_asking(self, program: "Program") -> bool:
        return any(item.program is program for item in self.pending)

    def line_up(self, program: "Program") -> None:
        self.waiting.append(Item(program.order, program))
        self.turn()

    def take_back(self, program: "Program") -> None:
        self.waiting = [item for item in self.waiting if item.program is not program]

    def turn(self) -> None:
        """Send what is first in line, unless something is in flight or the link is at rest."""
        while self.in_flight is None and not self.pausing and not self.offline:
            if not self.waiting:
                self.online = True
                return
            if not self.client.holds_a_lease and any(item.program for item in self.waiting):
                self.put_off_heartbeat()
            item = min(self.waiting, key=lambda item: (item.rank, item.order))
            self.waiting.remove(item)
            if self.connection.is_missing and (item.program is not None or self.client.holds_a_lease):
                self.connection.ask(item)
            elif item.program is not None:
                self.attempt(item, item.program)
            elif self.client.holds_a_lease:
                self.transmit(item, Message(HEARTBEAT, self.client, names=self.named()))

    def put_off_heartbeat(self) -> None:
        """CHOICE: one that is due waits for the first lease that there is."""
        for item in self.waiting:
            if item.program is None:
                item.rank = LAST

    def named(self) -> set[int] | None:
        """The slots that a heartbeat names."""
        return self.client.held_at(self.server) if self.client.settings["heartbeat_names_leases"] else None

    def attempt(self, item: Item, program: "Program") -> None:
        self.world.measures.count_attempt()
        if program.asked is self.server:
            self.world.measures.counts["retries"] += 1
        self.transmit(item, Message(REQUEST, self.client, program))
        program.asked, program.asked_token = self.server, self.flight_token

    def transmit(self, item: Item, message: Message) -> None:
        self.in_flight = item
        self.client.token += 1
        message.token = self.flight_token = self.client.token
        self.world.network.send(self.server, self.client, self.server.receive, message)
        self.world.after(self.client.settings["request_timeout_s"], self.timed_out, self.flight_token)

    def timed_out(self, token: int) -> None:
        if self.in_flight is not None and token == self.flight_token:
            self.failures.failed("timeouts")

    def pause(self, seconds: float) -> None:
        self.pausing = True
        self.pauses += 1
        self.world.after(seconds, self.resume, self.pauses)

    def resume(self, number: int) -> None:
        if number == self.pauses:
            self.stop_pausing()
            self.turn()

    def stop_pausing(self) -> None:
        self.pausing = False
        self.pauses += 1

    def heartbeat(self) -> None:
        settings = self.client.settings
        longer = 1 + settings["heartbeat_spread"] * self.beats.random() if settings["heartbeat_spread"] else 1
        self.world.after(settings["heartbeat_s"] * longer, self.heartbeat)
        none_pending = all(item.program is not None for item in self.pending)
        if not self.offline and self.client.holds_a_lease and none_pending:
            self.waiting.append(Item(self.world.number(), rank=LAST))
            self.turn()

    def forget(self) -> None:
        """A crash: nothing is in memory any more, and the first server is the current one again."""
        self.waiting, self.in_flight = [], None
        self.stop_pausing()
        self.spells += 1
        self.offline, self.online = False, True
        self.connection.close()
        self.server = self.client.failback.preferred
        self.failures.tries_here = 0

    def receive(self, kind: str, server: "Server", message: Message, lease: "Lease | None") -> None:
        if self.client.is_down:
            return
        if kind == KEPT_ACK:
            self.client.releases.settle(server, message.token)
        elif kind == PROBE_ACK:
            self.client.failback.answered(message.token)
        elif self.in_flight is None or message.token != self.flight_token:
            if kind == GRANT:
                self.late_grant(server, message.program, lease)
            elif kind == CONNECTED:
                self.connection.decline(server, message.token)
        elif kind == CONNECTED:
            self.connection.answered(message.token)
        elif kind in {REFUSED, OVERLOADED}:
            self.failures.failed(kind)
        else:
            self.answered(kind, lease)
            self.client.releases.hear_of_lost(server, message.unknown)
        self.turn()

    def answered(self, kind: str, lease: "Lease | None") -> None:
        item, self.in_flight = self.in_flight, None
        self.failures.tries_here = 0
        self.world.measures.note_answer(self.client)
        self.online = True
        if item.program is not None:
            item.program.asked = item.program.kept = None
        if kind == GRANT and item.wanted:
            self.client.user.granted(item.program, lease)
        elif kind == GRANT:
            self.client.releases.release(lease)
        elif kind == DENY and item.wanted:
            self.client.denials.denied(item.program)

    def late_grant(self, server: "Server", program: "Program", lease: "Lease") -> None:
        """Released, unless the program holds or awaits a lease at that very server."""
        holds = program.lease is not None and program.lease.server is server
        if program.ended or not (holds or program.asked is server):
            self.client.releases.release(lease)
        elif holds and lease.alive:
            program.lease = lease
            program.review()
        elif not holds:
            program.kept = lease
