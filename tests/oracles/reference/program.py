"""Programs: launches and what becomes of them."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oracles.reference.client import Client
    from oracles.reference.licenses import Lease
    from oracles.reference.server import Server


class Program:
    """One launch and what becomes of it."""

    def __init__(self, client: "Client", slot: int, order: int, product: int, run_time: float, licenses: int):
        self.client, self.slot, self.order = client, slot, order
        self.product, self.run_time, self.licenses = product, run_time, licenses
        self.launched = client.world.now
        self.running = self.ended = self.unmetered = self.decided = self.waiting = self.counted = False
        self.tells_old_server = False  # that it has moved, when it has: its client chose to
        self.runs = 0  # a new one after each kill: makes old run-out events void
        self.denied_since: float | None = None  # its user's wait, and the tries in it
        self.tries = self.asked_in_try = 0
        self.lease: Lease | None = None  # the one it runs under, as its client believes
        self.leases: list[Lease] = []  # all that exist in its name
        self.asked: Server | None = None  # where it waits for an answer, pauses between retries included
        self.asked_token = 0  # of its last request
        self.abandoned = 0  # the same, of the last one whose answer it has no more use for
        self.kept: Lease | None = None  # granted late by the server where it still waits for an answer

    def review(self) -> None:
        """Without a lease for whatever reason: also when the server has lost or reclaimed it."""
        without = self.running and not (self.lease is not None and self.lease.alive)
        if without != self.counted:
            self.counted = without
            self.client.world.measures.unmetered.add(1 if without else -1)

    def abandon(self, server: "Server", token: int) -> None:
        """The observer learns that nobody waits for answers up to `token` any more, from `server`."""
        self.abandoned = token
        for lease in self.leases:
            if lease.server is server:
                lease.leave()

    def wait(self, waiting: bool) -> None:
        if waiting != self.waiting:
            self.waiting = waiting
            self.client.world.measures.waiting_users.add(1 if waiting else -1)
