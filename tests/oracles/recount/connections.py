"""The books of connections: who has one, and when the loss of one is heard of, at either end."""

from typing import Any

from meterstorm.actors.state import kinds

from oracles.recount.client import Client
from oracles.recount.clock import ns
from oracles.recount.faults import Faults
from oracles.recount.ledger import Ledger
from oracles.recount.record import Contradiction, Row


class Connections:
    """All clients' connections to their servers."""

    def __init__(self, scenario: Any, ledger: Ledger, faults: Faults) -> None:
        self.ledger, self.faults = ledger, faults
        self.first_server = scenario.clients.count
        self.latency = ns(scenario.network.latency_ms / 1000)
        self.is_kept = scenario.clients.connection == "kept"
        self.is_told = scenario.servers.on_lost_connection == "free"
        self.keepalive_ns, self.misses = ns(scenario.clients.keepalive_s), scenario.clients.keepalive_misses
        self.changes: list[tuple[int, int, int]] = []  # when, to which server, and by how many there are more
        self.answered: dict[tuple[int, int], int] = {}  # when each answer was sent, by its sender and serial

    def note_answer(self, answer: Row) -> None:
        self.answered[answer.source, answer.serial] = self.ledger.clock.now

    def asked(self, client: Client, row: Row, event: Row) -> None:
        """A CONNECT: what waits for it is known now, and it comes at its time."""
        now = self.ledger.clock.now
        self.ledger.count("connects")
        if client.connected_at is not None:
            raise Contradiction(f"{row} asks for a connection that there is")
        client.known = row.target - self.first_server, row.attempt
        if event.kind == kinds.CONNECT_AGAIN:
            waited = now - client.connecting_since
            timeout_ns = ns(self.ledger.groups.settings(client.number).clients.request_timeout_s)
            if waited != (2**event.program - 1) * 10**9 or not waited < timeout_ns:
                raise Contradiction(f"{row} comes {waited} ns after the first one")
            return
        client.flight, client.server = row.attempt, row.target - self.first_server
        client.connecting_since, client.connects_for = now, (row.slot, row.program)
        if row.program:
            client.slots[row.slot].program = row.program

    def made(self, client: Client, event: Row) -> None:
        assert client.server is not None
        client.made += 1
        client.connected_at = self.answered[event.source, event.serial]
        client.connected_to = client.server, event.attempt
        self.changes.append((self.ledger.clock.now, client.server, 1))
        client.heard_from = self.ledger.clock.now
        client.silent_at = self.silence(client.server, client.number, client.heard_from)

    def must_be_there(self, client: Client, row: Row) -> None:
        if self.is_kept and client.connected_at is None:
            raise Contradiction(f"{row} is sent without a connection")

    def is_reset(self, client: Client, number: int) -> bool:
        """Whether the client hears now that connection `number` is lost; if so, it has none any more."""
        if client.connected_at is None or client.made != number or self._heard(client) != self.ledger.clock.now:
            return False
        self.lost(client)
        self.ledger.count("resets")
        return True

    def is_silent(self, client: Client, number: int) -> bool:
        """Whether the client loses its connection now for want of answers."""
        if client.connected_at is None or client.made != number or client.silent_at != self.ledger.clock.now:
            return False
        self.lost(client)
        self.ledger.count("silences")
        return True

    def silence(self, server: int, client: int, time: int) -> int | None:
        """When a connection made at a time has missed so many answers in a row, and the next one is due."""
        missed = 0
        while self.keepalive_ns and missed < self.misses and time < self.ledger.clock.end:
            time += self.keepalive_ns
            missed = missed + 1 if self._cut_off(server, client, time) else 0
        return time + self.keepalive_ns if self.keepalive_ns and missed == self.misses else None

    def lost(self, client: Client) -> None:
        """A client has no connection any more, or asks for none; its server is to hear of it."""
        if client.connected_to is not None:
            self.changes.append((self.ledger.clock.now, client.connected_to[0], -1))
        client.connected_at = client.connected_to = None
        client.must_close, client.known = client.known if self.is_told else None, None

    def came_late(self, client: Client, event: Row) -> None:
        """An answer to a CONNECT that nobody waits for: its server is to hear that there is no such connection."""
        named = event.source - self.first_server, event.attempt
        if self.is_told and client.connected_to != named:
            client.must_close = named

    def closed(self, client: Client, row: Row) -> None:
        """A DISCONNECT: the word of that."""
        if (row.target - self.first_server, row.attempt) != client.must_close:
            raise Contradiction(f"{row} closes no connection")
        if row.time != self._arrival(client):
            raise Contradiction(f"{row} should arrive at {self._arrival(client)} ns")
        client.must_close = None

    def _arrival(self, client: Client) -> int | None:
        """When the server hears what the client's host says from now on, and again when it was lost."""
        sent, (server, _) = self.ledger.clock.now, client.must_close or (0, 0)
        while sent < self.ledger.clock.end:
            ends = self._cut_off(server, client.number, sent)
            ends = ends or self._cut_off(server, client.number, sent + self.latency)
            if not ends:
                return sent + self.latency + 1  # just after the observer
            sent = max(ends)
        return None

    def check(self, client: Client) -> None:
        """No loss of a connection is missed, nor is a server left in the dark about one."""
        if client.must_close and self._arrival(client) is not None:
            raise Contradiction(f"client {client.number} has not told of connection {client.must_close}")
        client.must_close = None
        if client.connected_at is None:
            return
        if client.silent_at is not None and client.silent_at < self.ledger.clock.now:
            raise Contradiction(f"client {client.number} has not missed an answer at {client.silent_at} ns")
        if self._heard(client) < self.ledger.clock.now:
            raise Contradiction(f"client {client.number} has not heard of a crash at {self._heard(client)} ns")

    def _heard(self, client: Client) -> float:
        """When the client hears of the first crash of its server since it was answered; when it is not cut off."""
        assert client.server is not None and client.connected_at is not None
        spells = self.faults.spells[client.server]
        crashes = (begin for begin, _, fault in spells if fault.kind == "crash" and begin > client.connected_at)
        heard = max(min(crashes, default=float("inf")) + self.latency, client.heard_from)
        while heard < self.ledger.clock.end and (away := self._cut_off(client.server, client.number, heard)):
            heard = max(away)
        return heard

    def _cut_off(self, server: int, client: int, time: int) -> list[int]:
        """The ends of the faults that cut a client off."""
        return [
            end
            for begin, end, fault in self.faults.spells[server]
            if begin <= time < end and (fault.kind == "unreachable" or self.faults.cuts_off(fault, client))
        ]
