"""Admission policies: whether a server lets an arriving request wait.

To write one, define a NamedTuple whose fields are numbers, with a method `on_request(self, arrival, u)` that
returns `admit()` or `refuse(retry_after_s)`; `u` is uniform on [0, 1). A refused request is answered
OVERLOADED at once. `servers.queue_limit` of the scenario holds besides.
"""

from typing import NamedTuple

from .compilable import compilable


class Arrival(NamedTuple):
    """What a server knows when a request arrives."""

    now_s: float  # since the start of the simulation
    waiting: int  # requests that wait before this one, the one in service not counted
    busy: int  # 1 while a message is in service, else 0
    free: int  # free licenses of the product in this server's pool


class Verdict(NamedTuple):
    """Whether the request may wait; if not, when the client is asked to come back (0: not said)."""

    admitted: int
    retry_after_s: float


@compilable
def admit() -> Verdict:
    """Let the request join the queue."""
    return Verdict(1, 0.0)


@compilable
def refuse(retry_after_s: float = 0.0) -> Verdict:
    """Answer OVERLOADED at once."""
    return Verdict(0, float(retry_after_s))


class Fifo(NamedTuple):
    """Every request waits its turn: the control arm."""

    def on_request(self, arrival: Arrival, u: float) -> Verdict:
        """Admit."""
        return admit()


class Bounded(NamedTuple):
    """At most `limit` requests wait; the next is refused, with a hint when to come back."""

    limit: float = 25
    retry_after_s: float = 0.0

    def on_request(self, arrival: Arrival, u: float) -> Verdict:
        """Admit while fewer than `limit` wait or the worker is idle."""
        if arrival.busy == 1 and arrival.waiting >= self.limit:
            return refuse(self.retry_after_s)
        return admit()


class WhileFree(NamedTuple):
    """Refuse where no license is free: no denial but a link failure, so that the client may ask elsewhere."""

    def on_request(self, arrival: Arrival, u: float) -> Verdict:
        """Admit while a license is free."""
        return admit() if arrival.free > 0 else refuse()


POLICIES = {"fifo": Fifo, "bounded": Bounded, "while-free": WhileFree}
