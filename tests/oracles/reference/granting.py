"""What a server decides about licenses."""

from typing import TYPE_CHECKING

from oracles.reference.licenses import Lease
from oracles.reference.messages import (
    ACK,
    DENY,
    GRANT,
    HEARTBEAT,
    KEPT_ACK,
    PROBE,
    PROBE_ACK,
    RELEASE,
    REQUEST,
    Message,
)

if TYPE_CHECKING:
    from oracles.reference.program import Program
    from oracles.reference.server import Server


class Granting:
    """Decisions are taken, and licenses change hands, when the service ends."""

    def __init__(self, server: "Server"):
        self.server, self.world = server, server.world

    @property
    def leases(self) -> list[Lease]:
        return [lease for leases in self.server.leases.values() for lease in leases.values()]

    def handle(self, message: Message) -> None:
        leases = self.server.leases.setdefault(message.client, {})
        if message.kind == REQUEST:
            self.decide(message, leases.get(message.program))
        elif message.kind == RELEASE:
            lease = self.released(message)
            if lease is not None:
                lease.end()
        elif message.kind == PROBE:
            self.server.answer(PROBE_ACK, message)
        else:
            self.hear(message, leases)
            self.server.answer(ACK if message.kind == HEARTBEAT else KEPT_ACK, message)

    def decide(self, message: Message, lease: Lease | None) -> None:
        program = message.program
        if lease is None:
            # CHOICE: a repeated request is no further demand
            self.server.demand[program.product] += self.server.shares.further(program)
            if not self.take(program):
                self.deny(message)
                return
            lease = Lease(self.world, self.server, program)
        self.server.callbacks.leave(program, message.token)
        lease.heard = self.world.now
        lease.token = max(lease.token, message.token)
        lease.left = lease.token <= program.abandoned
        lease.share.review()
        self.server.answer(GRANT, message, lease)

    def take(self, program: "Program") -> bool:
        """Whether there are licenses for the program: reserved ones, shared ones, or free ones."""
        further = self.server.shares.further(program)
        room = self.server.pools[program.product].rights.room(program.client)
        return self.server.callbacks.claim(program) or further == 0 or further <= room

    def deny(self, message: Message) -> None:
        self.world.measures.count_denial(message.program, self.server)
        if message.awaits_callback:
            self.server.callbacks.line_up(message.program, message.token)
        self.server.answer(DENY, message)

    def hear(self, message: Message, leases: "dict[Program, Lease]") -> None:
        """A client is alive; what it does not name is free."""
        named = set(message.names or ())  # of a slot's leases, the newest is meant
        for lease in reversed(list(leases.values())):
            asked_since = lease.token > message.token
            if lease.token <= message.started:  # from before a crash of the client
                if message.names is not None:
                    lease.end()
            elif message.names is None or lease.program.slot in named or asked_since:
                lease.heard = self.world.now
                named.discard(lease.program.slot)
            else:
                lease.end()
        message.unknown = named

    def released(self, message: Message) -> Lease | None:
        """The lease that a RELEASE means: its program's, unless asked for since."""
        lease = self.server.leases.get(message.client, {}).get(message.program)
        return lease if lease is not None and lease.token <= message.token else None

    def forsaken(self, message: Message) -> None:
        """The observer learns of a RELEASE: at its arrival, or when it is lost."""
        lease = self.released(message)
        if lease is not None:
            lease.leave()

    def scan(self) -> None:
        if self.server.puts_off(self.scan):
            return
        settings = self.world.scenario["servers"]
        self.world.after(settings["scan_s"], self.scan)
        is_there = "crash" not in self.world.faults.kinds(self.server)
        if is_there and self.world.now - self.server.back_at >= settings["failover_ttl_s"]:
            for lease in self.leases:
                if self.world.now - lease.heard >= settings["reclaim_after_s"]:
                    lease.lose()

    def forget(self) -> None:
        for lease in self.leases:
            lease.lose()
