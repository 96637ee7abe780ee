"""Admission policies: whether a server queues an arriving request, and whether it still serves it later.

To write one, define a NamedTuple whose fields are numbers, with a method `on_request(self, arrival, u)` that
returns `admit()` or `refuse(retry_after_s)`; `u` is uniform on [0, 1). A refused request is answered
OVERLOADED at once. The scenario's `servers.queue_limit` applies as well.

With a method `at_dequeue(self, arrival, u)` it is asked again when a request's service is about to begin. A method
may also take the server's own array of `memory_size` floats (a class attribute): `on_request(self, arrival,
memory, u)`. It is zero at the start, and after a crash of the server.

With a field or class attribute `lifo_after_s`, a standing queue is last in, first out: once the queue has not been
empty for that long, new arrivals are served before what waits. 0: always; without it: never.
"""

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from . import bounds
from .compilable import compilable

if TYPE_CHECKING:
    from .failover import Memory

# What a policy is asked about: a request that has arrived, or one whose service would begin.
ARRIVED, DEQUEUED = 1, 2
AT_DEQUEUE = "at_dequeue"  # the hook that is asked about the second
MEMORY_ARGUMENTS = 4  # of a method that takes it: self, arrival, memory and u


class Arrival(NamedTuple):
    """What a server knows when a request arrives, or as its service would begin."""

    now_s: float  # since the start of the simulation
    waiting: int  # requests that wait besides this one, the one in service not counted
    busy: int  # 1 while a message is in service, else 0
    free: int  # free licenses of the product in this server's pool
    kind: int = ARRIVED  # or DEQUEUED
    waited_s: float = 0.0  # since it arrived
    service_s: float = 0.0  # that serving a request takes in the mean, as configured
    has_lease: int = 0  # whether the program runs under a lease, from whichever server, as its client says
    up_s: float = math.inf  # since the server's last crash ended; inf: it has not crashed


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


def takes_memory(method: Any) -> bool:
    """Whether a method of an admission policy, as its class has it, takes the memory, too."""
    code = getattr(method, "__code__", None)
    return code is not None and code.co_argcount == MEMORY_ARGUMENTS


def asks_at_dequeue(cls: Any) -> bool:
    """Whether a class of admission policies is asked about requests whose service would begin."""
    return hasattr(cls, AT_DEQUEUE)


def lifo_after_s(policy: Any) -> float:
    """Return how long a server's queue must not have been empty for what comes to go first; inf: it never does."""
    return float(getattr(policy, "lifo_after_s", math.inf))


def ask(policy: Any, arrival: "Arrival", memory: "Memory", u: float) -> Verdict:
    """Return what a policy answers in plain Python, to a question of either kind."""
    cls: Any = type(policy)
    method = cls.at_dequeue if arrival.kind == DEQUEUED else cls.on_request
    verdict: Verdict = method(policy, arrival, memory, u) if takes_memory(method) else method(policy, arrival, u)
    return verdict


class Fifo(NamedTuple):
    """Every request waits its turn: the control arm."""

    def on_request(self, arrival: Arrival, u: float) -> Verdict:
        """Admit."""
        return admit()


class Lifo(NamedTuple):
    """The newest first, always.

    Law of M/M/1 at load rho, not preempted: the mean wait is that of FIFO, its second moment 1 / (1 - rho) times
    as large, and who waits does so for a busy period (Cooper, "Introduction to Queueing Theory", 1981, section
    5.12).
    """

    @property
    def lifo_after_s(self) -> float:
        """However short a time the queue has stood."""
        return 0.0

    def on_request(self, arrival: Arrival, u: float) -> Verdict:
        """Admit."""
        return admit()


class AdaptiveLifo(NamedTuple):
    """In order of arrival, but while the queue has not been empty for `lifo_after_s` the newest first.

    In an overload those are served whose users still wait, not those who have given up. Source: Maurer, "Fail at
    Scale", ACM Queue 13 (8), 2015, which names no time; this is that of its CoDel.
    """

    lifo_after_s: float = 0.1

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


class RateLimit(NamedTuple):
    """A token bucket: at most `burst` requests at once, and `per_s` a second in the long run.

    Who is refused is told when the next token comes, with `hints = 1`. Law: in any t seconds at most burst + per_s
    t.
    """

    per_s: float = 10.0
    burst: float = 10
    hints: float = 0

    @property
    def memory_size(self) -> int:
        """Tokens that are missing, and when they were counted."""
        return 2

    def on_request(self, arrival: Arrival, memory: "Memory", u: float) -> Verdict:
        """Take a token, or refuse."""
        memory[0] = max(0.0, memory[0] - (arrival.now_s - memory[1]) * self.per_s)
        memory[1] = arrival.now_s
        if memory[0] + 1.0 <= self.burst:
            memory[0] += 1.0
            return admit()
        return refuse(self.hints * (memory[0] + 1.0 - self.burst) / self.per_s)

    def check(self) -> None:
        """Raise ValueError when a parameter is impossible."""
        bounds.are_positive(per_s=self.per_s)
        bounds.are_counts(burst=self.burst)
        bounds.are_shares(hints=self.hints)


class Codel(NamedTuple):
    """CoDel as Facebook's servers have it: a queue that stands may delay requests by `target_s` only.

    A request that has waited longer than its time-out is dropped as its service would begin: answered OVERLOADED.
    Its time-out is `target_s` if, as it arrived, the queue had not been empty in the last `interval_s`; else it is
    `interval_s`. Source: Maurer, "Fail at Scale", ACM Queue 13 (8), 2015: 5 ms and 100 ms; there the newest also
    go first while a queue stands: `lifo_after_s` = 0.1.
    """

    target_s: float = 0.005
    interval_s: float = 0.1
    lifo_after_s: float = math.inf

    @property
    def memory_size(self) -> int:
        """When the queue was empty last."""
        return 1

    def on_request(self, arrival: Arrival, memory: "Memory", u: float) -> Verdict:
        """Note whether the queue is empty; admit."""
        if arrival.waiting == 0:
            memory[0] = arrival.now_s
        return admit()

    def at_dequeue(self, arrival: Arrival, memory: "Memory", u: float) -> Verdict:
        """Drop a request that has waited too long."""
        # While it has waited the queue was never empty, so what is known of that is what was known as it arrived.
        stands = memory[0] < arrival.now_s - arrival.waited_s - self.interval_s
        return refuse() if arrival.waited_s > (self.target_s if stands else self.interval_s) else admit()

    def check(self) -> None:
        """Raise ValueError when a parameter is impossible."""
        bounds.are_positive(target_s=self.target_s, interval_s=self.interval_s)


class Learning(NamedTuple):
    """Doorman's learning mode: after a crash only programs with a lease are let in, for as long as leases last.

    So a server that has forgotten its leases hears of all that are in use before it gives any away. Others are
    refused, and told when it will be over, with `hints = 1`. Source: the design document of youtube/doorman: a new
    master is in learning mode for one lease length, 300 s in its examples. Law: with `durable = false`, heartbeats
    that name leases, and `on_lost_lease = "request"`, no newcomer takes what is in use if heartbeats and requests
    get through within `learning_s`.
    """

    learning_s: float = 300.0
    hints: float = 0

    def on_request(self, arrival: Arrival, u: float) -> Verdict:
        """Refuse what is new to a server that was down a short time ago."""
        if arrival.has_lease == 1 or arrival.up_s >= self.learning_s:
            return admit()
        return refuse(self.hints * (self.learning_s - arrival.up_s))

    def check(self) -> None:
        """Raise ValueError when a parameter is impossible."""
        bounds.are_positive(learning_s=self.learning_s)
        bounds.are_shares(hints=self.hints)


POLICIES = {
    "fifo": Fifo,
    "lifo": Lifo,
    "adaptive-lifo": AdaptiveLifo,
    "bounded": Bounded,
    "while-free": WhileFree,
    "rate-limit": RateLimit,
    "codel": Codel,
    "learning": Learning,
}
