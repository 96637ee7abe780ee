"""What a step does to leases, for a service that runs none of our code; laws as in agents/server/granting.py."""

from collections import defaultdict
from typing import NamedTuple

from .backend import Step

Seat = tuple[int, int]  # slot and program of a client


class Lease(NamedTuple):
    """What a lease holds."""

    product: int
    licenses: int
    attempt: int
    serial: int  # of the step that has granted it: a later one is newer
    heard: int  # of when it was last heard of, ns

    def heard_of(self, now: int, attempt: int = 0) -> "Lease":
        """Return what it holds after it was heard of, maybe in an attempt."""
        return self._replace(attempt=max(self.attempt, attempt), heard=now)


class Held:
    """Leases by client and seat, and free licenses by product, as steps find them and leave them."""

    def __init__(self, free: dict[int, int], done: int) -> None:
        self.clients: dict[int, dict[Seat, Lease]] = defaultdict(dict)
        self.free, self.done = free, done

    def carry_out(self, step: Step) -> int:
        """Do what a step says; return what it gives: 1, but 0 for a request that is denied."""
        self.done += 1
        carry_out = {"request": self._request, "release": self._release, "renew": self._renew}
        if step.what in carry_out:
            return carry_out[step.what](step)
        return self._reclaim(step) if step.what == "reclaim" else 1

    def _request(self, step: Step) -> int:
        """`value` more licenses than one, of product `more`."""
        own, seat, count = self.clients[step.client], (step.slot, step.program), step.value + 1
        if seat in own:
            own[seat] = own[seat].heard_of(step.now, step.attempt)
            return 1
        if self.free[step.more] < count:
            return 0
        self.free[step.more] -= count
        own[seat] = Lease(step.more, count, step.attempt, self.done, step.now)
        return 1

    def _release(self, step: Step) -> int:
        """Unless a newer request has asked for it again."""
        seat = step.slot, step.program
        lease = self.clients[step.client].get(seat)
        if lease and lease.attempt <= step.attempt:
            self._free(step.client, seat)
        return 1

    def _renew(self, step: Step) -> int:
        """`value` are the client's slots that hold or await a lease, as bits; it was last started after attempt
        `program`. If `more` is 1, what it does not name is free. Of a slot the newest lease is meant.
        """
        own, named = self.clients[step.client], step.value
        for seat, lease in sorted(own.items(), key=lambda one: -one[1].serial):
            bit = 1 << seat[0]
            if lease.attempt <= step.program:
                is_kept, is_heard = not step.more, False
            else:
                is_kept = is_heard = bool(not step.more or named & bit or lease.attempt > step.attempt)
            if not is_kept:
                self._free(step.client, seat)
            elif is_heard:
                own[seat] = lease.heard_of(step.now)
                named &= ~bit
        return 1

    def _reclaim(self, step: Step) -> int:
        """Take the leases back that were last heard of at `value` or before."""
        held = [(client, seat, lease) for client, own in self.clients.items() for seat, lease in own.items()]
        for client, seat, lease in held:
            if lease.heard <= step.value:
                self._free(client, seat)
        return 1

    def _free(self, client: int, seat: Seat) -> None:
        lease = self.clients[client].pop(seat)
        self.free[lease.product] += lease.licenses
