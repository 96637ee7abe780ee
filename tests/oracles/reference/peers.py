"""Connections as a server sees them: it frees what a client holds there when its connection is lost."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oracles.reference.client import Client
    from oracles.reference.server import Server


class Peers:
    """Each client's latest connection, told apart by the token of its CONNECT."""

    def __init__(self, server: "Server"):
        self.server, self.world = server, server.world
        self.settings = self.world.scenario["servers"]
        self.latest: dict[Client, int] = {}
        self.gone: dict[Client, int] = {}  # up to this token the client has none
        self.open: set[Client] = set()
        self.asking: dict[Client, int] = {}  # each row of keep-alives has a number of its own
        self.lost: dict[Client, int] = {}  # so has each loss
        self.lost_for_good: set[Client] = set()

    @property
    def is_minding(self) -> bool:
        return self.settings["on_lost_connection"] == "free"

    def opened(self, client: "Client", token: int) -> None:
        """CHOICE: by an answer that will be heard; one that was closed before it is here is never open."""
        if not self.is_minding or token < self.latest.get(client, 0) or token <= self.gone.get(client, 0):
            return
        if token > self.latest.get(client, 0):
            self.asking.pop(client, None)
        self.latest[client] = token
        self.open.add(client)
        self.lost.pop(client, None)
        self.lost_for_good.discard(client)

    def heard_of(self, client: "Client", token: int) -> None:
        """CHOICE: both hosts ask at the same times, from when the client has first heard of the connection."""
        pause_s = client.settings["keepalive_s"]
        if pause_s and client in self.open and self.latest[client] == token and client not in self.asking:
            self.asking[client] = self.world.number()
            self.world.after(pause_s, self.ask_host, client, self.asking[client], 0)

    def ask_host(self, client: "Client", number: int, missed: int) -> None:
        """As the client asks the server's."""
        if self.asking.get(client) != number:
            return
        if missed == client.settings["keepalive_misses"]:
            self.silent(client, number)
            return
        missed = missed + 1 if self.world.faults.separated(self.server, client) else 0
        self.world.after(client.settings["keepalive_s"], self.ask_host, client, number, missed)

    def silent(self, client: "Client", number: int) -> None:
        if not self.waits(self.silent, client, number) and self.asking.get(client) == number:
            self.lose(client)
            self.begin_grace({client: self.lost[client]})

    def closed(self, client: "Client", token: int) -> None:
        """A word that one is lost."""
        self.gone[client] = max(token, self.gone.get(client, 0))
        is_latest = token >= self.latest.get(client, 0)
        if not self.waits(self.closed, client, token) and is_latest and client in self.open:
            self.lose(client)
            self.begin_grace({client: self.lost[client]})

    def lose(self, client: "Client") -> None:
        self.open.remove(client)
        self.asking.pop(client, None)
        self.lost[client] = self.world.number()

    def crash(self) -> None:
        """CHOICE: only clients that hold a lease lose anything; their grace begins at the end of the crash."""
        clients = [client for client, leases in self.server.leases.items() if leases and client in self.open]
        for client in clients:
            self.lose(client)
        self.come_back({client: self.lost[client] for client in clients})

    def come_back(self, losses: "dict[Client, int]") -> None:
        if "crash" in self.world.faults.kinds(self.server):
            self.world.faults.unheard.append((self.come_back, losses))
        else:
            self.begin_grace(losses)

    def begin_grace(self, losses: "dict[Client, int]") -> None:
        if grace_s := self.settings["connection_grace_s"]:
            self.world.after(grace_s, self.end_grace, losses)
        else:
            self.end_grace(losses)

    def end_grace(self, losses: "dict[Client, int]") -> None:
        """CHOICE: nobody is called back for what another one held who is lost at the same time."""
        if self.waits(self.end_grace, losses):
            return
        gone = [client for client, loss in losses.items() if self.lost.get(client) == loss]
        self.lost_for_good.update(gone)
        for client in gone:
            self.server.callbacks.forget_client(client)
        for client in gone:
            self.free(client)

    def free(self, client: "Client") -> None:
        """What it holds, if its connection is lost for good; a request may have waited meanwhile."""
        if client in self.lost_for_good:
            callbacks, leases = self.server.callbacks, self.server.leases.get(client, {})
            callbacks.forget_client(client)
            for lease in list(leases.values()):
                lease.lose()
            for program in [program for program in callbacks.reserved if program.client is client]:
                callbacks.unreserve(program, callbacks.reserved[program])

    def waits(self, action, *arguments: object) -> bool:
        """Whether a server that stalls or has crashed can't act now; it does so when that is over."""
        stands_still = not self.world.faults.kinds(self.server).isdisjoint({"stall", "crash"})
        if stands_still:
            self.world.faults.unheard.append((action, *arguments))
        return stands_still
