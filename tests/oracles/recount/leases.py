"""Licenses in use, and the programs that are known to run under them."""

from dataclasses import dataclass

from oracles.recount.client import Client
from oracles.recount.holdings import GHOST, LIVE, ORPHAN, Holdings, Key
from oracles.recount.ledger import Ledger
from oracles.recount.record import Row


@dataclass
class Lease:
    """Licenses in use. `taken`: its program runs under it, as far as is known."""

    key: Key
    product: int
    licenses: int
    attempt: int  # the latest request that it answers
    heard: int = 0
    taken: bool = False
    ghost: bool = False
    orphan: bool = False  # a ghost whose client has crashed


class Leases:
    """All leases, in the order in which they were granted, and programs whose lease was taken away."""

    def __init__(self, ledger: Ledger, holdings: Holdings, clients: list[Client]) -> None:
        self.ledger, self.holdings, self.pools, self.clients = ledger, holdings, holdings.pools, clients
        self.by_key: dict[Key, Lease] = {}
        self.bereft: dict[Key, int] = {}  # programs that run on, as far as is known; their lease was taken away
        self.taken_at: dict[Key, int] = {}  # of these, those that took their grant up when the lease was gone
        self.released: dict[Key, int] = {}  # up to which attempt

    def at(self, s: int) -> list[Lease]:
        """The leases of a server, in the order in which they were granted."""
        return [lease for key, lease in self.by_key.items() if key.server == s]

    def open(self, key: Key, row: Row) -> Lease:
        """A new lease; its license may have been reserved."""
        slot = self.clients[key.client].slots[key.slot]
        self.ledger.work_for(key.client)
        is_held = slot.holds == key.server and slot.program == key.program
        lease = self.by_key[key] = Lease(key, row.product, wanted(row), row.attempt, taken=is_held)
        if self.bereft.pop(key, None) is not None:
            self.ledger.runs_unmetered(-1)
        self.holdings.put(key, row.product, LIVE, lease.licenses)
        return lease

    def free(self, lease: Lease, is_taken_away: bool = False) -> None:
        """A lease ends, and its license is free from this instant."""
        was_in_use = lease.taken and not lease.ghost
        del self.by_key[lease.key]
        self.holdings.drop(lease.key, lease.product)
        if is_taken_away and was_in_use:
            self.bereave(lease.key, lease.attempt)

    def mark(self, lease: Lease, is_ghost: bool) -> None:
        lease.ghost, lease.orphan = is_ghost, lease.orphan and is_ghost
        state = ORPHAN if lease.orphan else GHOST if is_ghost else LIVE
        self.holdings.put(lease.key, lease.product, state, lease.licenses)

    def bereave(self, key: Key, attempt: int) -> None:
        """The program runs on, and its lease is gone."""
        self.bereft[key] = attempt
        self.ledger.work_for(key.client)
        self.ledger.count("leases_lost")
        self.ledger.runs_unmetered(1)

    def take(self, key: Key, attempt: int) -> None:
        """A program runs under a grant; the lease may be gone already, and the program may have given it back."""
        if key in self.by_key:
            self.by_key[key].taken = True
        elif self.released.get(key, 0) < attempt:
            self.taken_at[key] = self.ledger.clock.now
            self.bereave(key, attempt)

    def forsake(self, key: Key, is_orphan: bool = False) -> None:
        """The program no longer runs under a lease there, maybe because its client has crashed."""
        self.ledger.work_for(key.client)
        if key in self.by_key:
            lease = self.by_key[key]
            lease.taken = False
            if is_orphan and not lease.ghost:
                lease.orphan = True
                self.ledger.count("leases_orphaned")
            self.mark(lease, is_ghost=True)
        if self.bereft.pop(key, None) is not None:
            self.ledger.runs_unmetered(-1)
            if self.taken_at.get(key) == self.ledger.clock.now:  # it was over as it began
                self.ledger.count("leases_lost", -1)

    def see_release(self, key: Key, attempt: int) -> None:
        """The observer sees a RELEASE arrive."""
        self.released[key] = attempt
        lease = self.by_key.get(key)
        last = lease.attempt if lease else self.bereft.get(key, 0)
        if last <= attempt:
            self.forsake(key)


def wanted(request: Row) -> int:
    """How many licenses a request is for."""
    return 1 + request.value
