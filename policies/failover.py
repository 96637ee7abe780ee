"""Failover policies: what a client does when its metering server does not serve it.

A policy is asked at each link failure and answers with a `Decision`. To write one, define a NamedTuple whose
fields are numbers, with a method `on_failure(self, link, memory, u)`. It may have three more hooks, all with the
same arguments: `before_request`, which answers `send()`, `wait(s)`, `fail_over(s)` or `give_up()` before each
request; `on_success` and `on_denial`, which answer nothing. `memory` is the client's own array of `memory_size`
floats (a class attribute; none by default), zero at the start; `u` is uniform on [0, 1).

Without an `on_success`, a good answer sets the memory back to zero. Without an `on_denial`, a denial is a good
answer like any other.
"""

from typing import TYPE_CHECKING, NamedTuple

from . import bounds
from .compilable import compilable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Memory = NDArray[np.float64]

# Kinds of link failure.
TIMED_OUT, REFUSED, OVERLOADED, RESET = 1, 2, 3, 4

# What else a policy may be asked about: a request that is about to be sent, a good answer, a denial.
BEFORE_REQUEST, SERVED, DENIED = 10, 11, 12

# The hook that is asked, by kind.
ON_FAILURE = "on_failure"
HOOKS = {BEFORE_REQUEST: "before_request", SERVED: "on_success", DENIED: "on_denial"}

# Actions of a decision; those of a denial policy are 5 to 7.
RETRY, FAIL_OVER, GO_OFFLINE, GIVE_UP = 1, 2, 3, 4
SEND, WAIT = 8, 9


TOLD = frozenset({"waiting", "free"})  # what answers say of a server, where a policy's file has these names


class Link(NamedTuple):
    """What a client knows of its link at the instant of a failure, before a request, or at an answer."""

    now_s: float  # since the start of the simulation
    kind: int  # TIMED_OUT, REFUSED, OVERLOADED, or RESET (its connection was lost in a crash of the server);
    # BEFORE_REQUEST, SERVED or DENIED
    retry_after_s: float  # what an OVERLOADED answer asks for; 0: nothing
    tries_here: int  # failures at the current server since its last good answer, this one included
    failures: int  # failures in a row of this very request, at any server, this one included; 0: its first try
    servers_tried: int  # changes of server since the last good answer
    servers: int  # how many servers there are
    running: int  # programs of this client that run
    is_heartbeat: int = 0  # 1: this is about a heartbeat, not a request
    age_s: float = 0.0  # since the launch of the program that is asked for; 0 of a heartbeat
    round_trip_s: float = 0.0  # of the latest answer, this one included; 0: none yet
    server: int = 0  # its current one, by number from the first of the client's own site on
    passed: int = 0  # servers passed over in a row before this request, whichever layer of the policy said so
    # What its server's latest grant or denial since the client came there has told: exact up to 2,047, and beyond
    # at most 0.1 % too small; -1: none has come. Whoever reads none of these (TOLD) is told nothing.
    waiting: int = -1  # requests that waited there
    free: int = -1  # licenses of that program's product that were free there afterwards


class Decision(NamedTuple):
    """What to do, and after how many seconds (for GO_OFFLINE: for how many seconds)."""

    action: int
    delay_s: float


@compilable
def retry(delay_s: float) -> Decision:
    """Ask the same server again after `delay_s`."""
    return Decision(RETRY, float(delay_s))


@compilable
def fail_over(delay_s: float = 0.0) -> Decision:
    """After `delay_s`, move to the server that the selection policy names."""
    return Decision(FAIL_OVER, float(delay_s))


@compilable
def go_offline(for_s: float) -> Decision:
    """Ask no server for `for_s`; programs run unmetered or are denied locally."""
    return Decision(GO_OFFLINE, float(for_s))


@compilable
def give_up() -> Decision:
    """End this request without a license and stay with the server."""
    return Decision(GIVE_UP, 0.0)


@compilable
def send() -> Decision:
    """Let the request go."""
    return Decision(SEND, 0.0)


@compilable
def wait(delay_s: float) -> Decision:
    """Ask nobody for `delay_s`, above 0; then this question comes again."""
    return Decision(WAIT, float(delay_s))


class Immediate(NamedTuple):
    """SMS 2.0 as shipped: no retry, the next server at once, forever (Microsoft KB Q226827, Q213167).

    Also the default of two popular Python retry libraries, tenacity and backoff, when one server is tried.
    """

    def on_failure(self, link: Link, memory: "Memory", u: float) -> Decision:
        """Fail over at once."""
        return fail_over(0.0)


class Never(NamedTuple):
    """No retry and no failover: the control arm."""

    def on_failure(self, link: Link, memory: "Memory", u: float) -> Decision:
        """Give up at the first failure."""
        return give_up()


class RetryThenFailover(NamedTuple):
    """Retry the current server, then move on (LM-X "automatic heartbeats" with ATTEMPTS works like this)."""

    retries: float = 1
    delay_s: float = 900.0

    def on_failure(self, link: Link, memory: "Memory", u: float) -> Decision:
        """Retry after `delay_s` until `retries` retries failed, then fail over at once."""
        if link.tries_here <= self.retries:
            return retry(self.delay_s)
        return fail_over(0.0)


@compilable
def retry_or_give_up(link: Link, retries: float, delay_s: float) -> Decision:
    """Retry after `delay_s`, up to `retries` times for this request, then give up."""
    return retry(delay_s) if link.failures <= retries else give_up()


class RetryThenGiveUp(NamedTuple):
    """N retries of each request, then none: success 1 - p^(N+1), load (1 - p^(N+1)) / (1 - p)."""

    retries: float = 3
    delay_s: float = 1.0

    def on_failure(self, link: Link, memory: "Memory", u: float) -> Decision:
        """Retry after `delay_s` until this request was retried `retries` times, then give up."""
        return retry_or_give_up(link, self.retries, self.delay_s)


class EachServerOnce(NamedTuple):
    """Ask each server once, then give up: RLM and LM-X ask all their servers before they say no.

    With `ring` as selection. Where admission is `while-free`, a client denied here asks the next server.
    """

    def on_failure(self, link: Link, memory: "Memory", u: float) -> Decision:
        """Fail over at once until this request has failed as often as there are servers."""
        return fail_over(0.0) if link.failures < link.servers else give_up()


class Sms2Documented(NamedTuple):
    """SMS 2.0 as documented: retry, then monitor software use offline (console help, dmcligen.htm).

    Defaults: 1 retry after 15 minutes (LICMTR.CFG: TriesBeforeOffline=1, GoOnLineInt=900; KB Q199747); back
    online at the next configuration poll, 240 minutes (dmclitim.htm). `jitter` spreads both waits over
    [1 - jitter, 1] of their length; SMS has none.
    """

    retries: float = 1
    delay_s: float = 900.0
    offline_s: float = 14400.0
    jitter: float = 0.0

    def on_failure(self, link: Link, memory: "Memory", u: float) -> Decision:
        """Retry after `delay_s` until `retries` retries failed, then go offline for `offline_s`."""
        spread = 1.0 - self.jitter * u
        if link.tries_here <= self.retries:
            return retry(self.delay_s * spread)
        return go_offline(self.offline_s * spread)

    def check(self) -> None:
        """Raise ValueError when a parameter is impossible."""
        bounds.are_shares(jitter=self.jitter)
        if self.offline_s == 0:
            raise ValueError("offline_s: 0 is not allowed; it must be > 0")


@compilable
def capped_backoff(base_s: float, cap_s: float, times: int, factor: float = 2.0) -> float:
    """Return min(cap, base factor^times)."""
    # In a loop, not factor ** times: powers are not rounded alike on every platform.
    backoff_s = base_s
    for _ in range(times):
        if backoff_s >= cap_s:
            break
        backoff_s *= factor
    return min(cap_s, backoff_s)


@compilable
def _retry_or_move(link: Link, retries: float, delay_s: float) -> Decision:
    return fail_over(0.0) if link.tries_here > retries else retry(delay_s)


class CappedExponential(NamedTuple):
    """Capped exponential backoff: min(cap, base 2^n) after the n-th failure.

    Source of the formulas of this policy and the three that vary it: aws-samples/aws-arch-backoff-simulator,
    src/backoff_simulator.py. `retries = inf` (the default) stays with the server forever; a finite number fails
    over at once when that many retries have failed there.
    """

    base_s: float = 1.0
    cap_s: float = 60.0
    retries: float = float("inf")

    def on_failure(self, link: Link, memory: "Memory", u: float) -> Decision:
        """Wait the backoff, then retry."""
        return _retry_or_move(link, self.retries, capped_backoff(self.base_s, self.cap_s, link.tries_here))

    def check(self) -> None:
        """Raise ValueError when a parameter is impossible."""
        bounds.are_positive(base_s=self.base_s, cap_s=self.cap_s)


class EqualJitter(CappedExponential):
    """Backoff with equal jitter: half of min(cap, base 2^n), and a uniform share of the other half."""

    def on_failure(self, link: Link, memory: "Memory", u: float) -> Decision:
        """Wait between half the backoff and all of it, then retry."""
        backoff_s = capped_backoff(self.base_s, self.cap_s, link.tries_here)
        return _retry_or_move(link, self.retries, (0.5 + 0.5 * u) * backoff_s)


class FullJitter(CappedExponential):
    """Backoff with full jitter: U(0, min(cap, base 2^n)) after the n-th failure."""

    def on_failure(self, link: Link, memory: "Memory", u: float) -> Decision:
        """Wait a uniform share of the backoff, then retry."""
        return _retry_or_move(link, self.retries, u * capped_backoff(self.base_s, self.cap_s, link.tries_here))


class DecorrelatedJitter(CappedExponential):
    """Backoff that follows its own last wait s, base at first: min(cap, U(base, 3 s)); a failover forgets it."""

    memory_size = 1  # the last wait, s; 0: none yet

    def on_failure(self, link: Link, memory: "Memory", u: float) -> Decision:
        """Wait, then retry."""
        last_s = max(self.base_s, memory[0])
        wait_s = min(self.cap_s, self.base_s + u * (3.0 * last_s - self.base_s))
        memory[0] = 0.0 if link.tries_here > self.retries else wait_s
        return _retry_or_move(link, self.retries, wait_s)


POLICIES = {
    "immediate": Immediate,
    "never": Never,
    "retry-then-failover": RetryThenFailover,
    "retry-then-give-up": RetryThenGiveUp,
    "each-server-once": EachServerOnce,
    "sms2-documented": Sms2Documented,
    "capped-exponential": CappedExponential,
    "equal-jitter": EqualJitter,
    "full-jitter": FullJitter,
    "decorrelated-jitter": DecorrelatedJitter,
}
