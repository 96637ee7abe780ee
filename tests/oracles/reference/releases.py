"""How a client gives licenses back: by a release, or later, when their server answers again."""

from typing import TYPE_CHECKING

from oracles.reference.items import ELSEWHERE, Item
from oracles.reference.messages import KEPT_RELEASE, RELEASE, Message

if TYPE_CHECKING:
    from oracles.reference.client import Client
    from oracles.reference.licenses import Lease
    from oracles.reference.program import Program
    from oracles.reference.server import Server


class Releases:
    """Releases of a client, and the servers to which one is owed."""

    def __init__(self, client: "Client"):
        self.client, self.world = client, client.world
        self.is_deferred = client.settings["release_old"] == "deferred"
        self.pause_s = client.settings["deferred_retry_s"]
        self.debts: dict[Server, int] = {}  # servers to which a kept release is owed; newer offers settle it
        self.offering = False

    def give_back(self, program: "Program") -> None:
        """Its lease, by a release; kept for later if the lease's server seems to be away."""
        lease, program.lease = program.lease, None
        if lease is None:
            return
        link = self.client.link
        if self.is_deferred and not (link.online and lease.server is link.server):
            self.leave(lease)
        else:
            self.release(lease)

    def release(self, lease: "Lease") -> None:
        """To the lease's server, wherever the client is now (CHOICE)."""
        message, network = Message(RELEASE, self.client, lease.program), self.world.network
        lost = (network.notice, lease.server.granting.forsaken, message)
        network.send(lease.server, self.client, lease.server.receive, message, lost=lost)

    def hear_of_lost(self, server: "Server", slots: set[int]) -> None:
        """A heartbeat's answer: there are no leases of these slots."""
        way = self.client.settings["on_lost_lease"]
        for program in self.client.programs:
            if way == "run-on" or program.slot not in slots:
                continue
            if program.lease is None or program.lease.server is not server:
                continue
            if way == "request":
                if not self.client.link.is_asking(program):
                    self.client.link.waiting.append(Item(program.order, program, ELSEWHERE))
            else:
                self.world.measures.counts["evictions"] += 1
                program.lease = None
                self.client.user.end(program)

    def leave(self, lease: "Lease") -> None:
        """The program has no more use for it, and its server is not told now."""
        self.world.network.notice(lease.leave)
        self.owe(lease.server)

    def abandon(self, program: "Program") -> None:
        """No longer wait for the answer to what the program asked."""
        server, program.asked = program.asked, None
        if server is None:
            return
        if program.lease is None or program.lease.server is not server:
            self.world.network.notice(program.abandon, server, program.asked_token)
            if program.kept is not None:
                self.release(program.kept)
        program.kept = None
        if server is not self.client.link.server:
            self.owe(server)

    def owe(self, server: "Server") -> None:
        """CHOICE: one timer for all debts of a client, so that a later debt waits less for its first offer."""
        if self.is_deferred:
            self.debts[server] = self.client.token
            if not self.offering:
                self.offer_later()

    def offer_later(self) -> None:
        self.offering = True
        self.world.after(self.pause_s, self.offer)

    def forsake(self, program: "Program") -> None:
        """The client has crashed: only the observer learns of it."""
        lease, program.lease = program.lease, None
        if lease is not None:
            self.world.network.notice(lease.orphan)
        if program.asked is not None:
            self.world.network.notice(program.abandon, program.asked, program.asked_token)
        program.asked = program.kept = None

    def offer(self) -> None:
        """Name to each server the slots that hold or await a lease there, so that it frees the rest."""
        if self.client.is_down:
            self.offering = False
            return
        self.offering = bool(self.debts)
        for server in sorted(self.debts, key=lambda server: server.number):
            self.client.token += 1
            message = Message(KEPT_RELEASE, self.client, names=self.client.held_at(server))
            message.token = self.client.token
            self.world.network.send(server, self.client, server.receive, message)
            if self.client.awaits_at(server):
                self.debts[server] = self.client.token
        if self.offering:
            self.world.after(self.pause_s, self.offer)

    def settle(self, server: "Server", token: int) -> None:
        """The server has answered an offer."""
        if token > self.debts.get(server, token):
            del self.debts[server]
