"""A client's connection to its current server."""

from typing import TYPE_CHECKING

from oracles.reference.items import LAST, REPEATED, Item
from oracles.reference.messages import CONNECT, Message

if TYPE_CHECKING:
    from oracles.reference.link import Link
    from oracles.reference.server import Server


class Connection:
    """Asked for when there is something to send, and kept until the client moves or the server crashes."""

    def __init__(self, link: "Link"):
        self.link, self.client, self.world = link, link.client, link.world
        self.is_kept = self.client.settings["connection"] == "kept"
        self.token: int | None = None  # of the CONNECT that it came from; None: there is no connection
        self.asked = 0  # the token of the latest CONNECT, unless its connection has been closed
        self.lost: set[int] = set()  # tokens of those that were reset before they were here

    @property
    def is_missing(self) -> bool:
        return self.is_kept and self.token is None

    def ask(self, item: Item) -> None:
        """For what is to be sent; the network repeats it until the time-out."""
        message = Message(CONNECT, self.client, item.program)
        self.world.measures.counts["connects"] += 1
        self.link.transmit(item, message)
        self.asked = message.token
        self.repeat(message, 1.0, 1.0)

    def repeat(self, message: Message, wait_s: float, passed_s: float) -> None:
        """Once more when so much has passed, and again after twice the wait."""
        if passed_s < self.client.settings["request_timeout_s"]:
            self.world.after(wait_s, self.ask_again, message, wait_s, passed_s)

    def ask_again(self, message: Message, wait_s: float, passed_s: float) -> None:
        if self.link.in_flight is not None and self.link.flight_token == message.token:
            self.world.measures.counts["connects"] += 1
            self.world.network.send(self.link.server, self.client, self.link.server.receive, message)
            self.repeat(message, 2 * wait_s, passed_s + 2 * wait_s)

    def answered(self, token: int) -> None:
        """What it was asked for comes first, if it is still wanted."""
        item, self.link.in_flight = self.link.in_flight, None
        self.token = token
        if item.wanted:
            item.rank = REPEATED
            self.link.waiting.append(item)
        if token in self.lost:
            self.reset(self.link.server, token)
        self.keep_alive(token)
        self.link.server.peers.heard_of(self.client, token)

    def decline(self, server: "Server", token: int) -> None:
        """An answer that nobody waits for any more; a server that minds is told, but of the present connection."""
        if server.peers.is_minding and token != self.token:
            server.peers.heard_of(self.client, token)
            self.world.measures.counts["messages"] += 1
            self.tell(server, token)

    def reset(self, server: "Server", token: int) -> None:
        """A word of a crash. CHOICE: who is cut off hears it when that fault is over."""
        if self.token != token:
            self.lost.add(token)
        elif self.world.faults.separated(server, self.client):
            self.world.faults.unheard.append((self.reset, server, token))
        else:
            self.close()
            self.world.measures.counts["resets"] += 1
            self.fail("reset")

    def keep_alive(self, token: int) -> None:
        if pause_s := self.client.settings["keepalive_s"]:
            self.world.after(pause_s, self.ask_host, token, 0)

    def ask_host(self, token: int, missed: int) -> None:
        """CHOICE: the last one that is missed is waited for until the next one is due."""
        if self.token != token:
            return
        if missed == self.client.settings["keepalive_misses"]:
            self.close()
            self.world.measures.counts["silences"] += 1
            self.fail("timeouts")
            return
        missed = missed + 1 if self.world.faults.separated(self.link.server, self.client) else 0
        self.world.after(self.client.settings["keepalive_s"], self.ask_host, token, missed)

    def close(self) -> None:
        """No connection any more, nor a wish for one; a server that minds is told."""
        self.token = None
        if self.asked and self.link.server.peers.is_minding:
            self.world.measures.counts["messages"] += 1
            self.tell(self.link.server, self.asked)
        self.asked = 0

    def tell(self, server: "Server", token: int, is_there: bool = False) -> None:
        """CHOICE: what a fault loses on its way is sent again when that is over."""
        if self.world.faults.separated(server, self.client):
            self.world.faults.unheard.append((self.tell, server, token))
        elif is_there:
            server.peers.closed(self.client, token)
        else:
            just_after = self.world.network.latency_s + 1e-9  # CHOICE: the observer hears first
            self.world.after(just_after, self.tell, server, token, True)

    def fail(self, kind: str) -> None:
        """What is in flight fails; a client at rest that holds a lease goes on as if a heartbeat had."""
        link = self.link
        at_rest = not (link.in_flight or link.pausing or link.offline)
        if at_rest and self.client.holds_a_lease:
            link.in_flight = Item(self.world.number(), rank=LAST)
        if link.in_flight is not None:
            link.failures.failed(kind)
