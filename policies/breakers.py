"""Wrappers that stop asking where too much fails: circuit breakers.

While a breaker is open, a request is given up at once, as in libraries whose callers have something better to do;
with `waits = 1` it waits until the breaker lets one through. Each client has its own breaker, which sees all of
its attempts and heartbeats, at any server. A client has one attempt in flight at a time, and so one probe.
"""

from typing import TYPE_CHECKING, NamedTuple

from . import bounds, rolling
from .compilable import compilable
from .failover import Decision, Link, capped_backoff, give_up, send, wait
from .presets import preset

if TYPE_CHECKING:
    from .failover import Memory

OPEN_UNTIL = 0  # the first number of a breaker's memory: when it lets a probe through, s
CLOSED = 0.0
REST = 1  # where the others begin


@compilable
def _may_pass(link: Link, memory: "Memory", waits: float) -> Decision:
    """Let a request pass a closed breaker, and a probe one that has been open for its time."""
    left_s = memory[OPEN_UNTIL] - link.now_s
    if left_s <= 0.0:
        return send()
    return give_up() if waits == 0.0 else wait(left_s)


@compilable
def _is_open(link: Link, memory: "Memory") -> bool:
    """Whether what has just been heard is no probe's outcome; a heartbeat's, then."""
    return link.now_s < memory[OPEN_UNTIL]


@compilable
def _trip(link: Link, memory: "Memory", open_s: float) -> None:
    memory[:] = 0.0
    memory[OPEN_UNTIL] = link.now_s + open_s


class Hystrix(NamedTuple):
    """Opens where at least `calls` attempts in `window_s`, and `ratio` of them, have failed; then one probe.

    Source: Netflix/Hystrix, HystrixCommandProperties.java: 20 requests in 10 s, 50 %, a sleep window of 5 s.
    """

    calls: float = 20
    window_s: float = 10.0
    ratio: float = 0.5
    open_s: float = 5.0
    waits: float = 0

    @property
    def memory_size(self) -> int:
        """When it may be probed, and a window of good answers and failures."""
        return REST + rolling.size(2)

    def before_request(self, link: Link, memory: "Memory", u: float) -> Decision:
        """Let it pass while closed, and one probe after `open_s`."""
        return _may_pass(link, memory, self.waits)

    def on_failure(self, link: Link, memory: "Memory", u: float, decision: Decision) -> Decision:
        """Count it; the probe's opens the breaker again."""
        if _is_open(link, memory):
            return decision
        window = memory[REST:]
        window[rolling.turn(window, 2, link.now_s, self.window_s) + 1] += 1.0
        good, bad = rolling.total(window, 2, 0), rolling.total(window, 2, 1)
        is_bad = good + bad >= self.calls and bad >= self.ratio * (good + bad)
        if is_bad or memory[OPEN_UNTIL] != CLOSED:
            _trip(link, memory, self.open_s)
        return decision

    def on_success(self, link: Link, memory: "Memory", u: float) -> None:
        """Count it; the probe's closes the breaker."""
        if _is_open(link, memory):
            return
        memory[OPEN_UNTIL] = CLOSED
        window = memory[REST:]
        window[rolling.turn(window, 2, link.now_s, self.window_s)] += 1.0

    def check(self) -> None:
        """Raise ValueError when a parameter is impossible."""
        bounds.are_positive(open_s=self.open_s)
        rolling.check("window_s", self.window_s)


Polly = preset(
    "Polly",
    Hystrix,
    """Polly v8's breaker: `hystrix` that opens where a tenth of at least 100 attempts in 30 s have failed.

    Source: App-vNext/Polly, CircuitBreakerConstants.cs.
    """,
    calls=100,
    window_s=30.0,
    ratio=0.1,
)


class Resilience4j(NamedTuple):
    """Opens where `ratio` of the last `calls` attempts have failed; then `probes` more are judged alike.

    Source: resilience4j/resilience4j, CircuitBreakerConfig.java: 100 calls, 50 %, open for 60 s, 10 probes. Slow
    calls, which it can count as failures, are not modeled: a late answer is a time-out.
    """

    calls: float = 100
    ratio: float = 0.5
    open_s: float = 60.0
    probes: float = 10
    waits: float = 0

    @property
    def memory_size(self) -> int:
        """When it may be probed, how many outcomes it knows, how many are failures, and each one."""
        return REST + 2 + int(max(self.calls, self.probes))

    def before_request(self, link: Link, memory: "Memory", u: float) -> Decision:
        """Let it pass while closed, and probes after `open_s`."""
        return _may_pass(link, memory, self.waits)

    def on_failure(self, link: Link, memory: "Memory", u: float, decision: Decision) -> Decision:
        """Count it."""
        _judge(link, memory, 1.0, self.calls, self.probes, self.ratio, self.open_s)
        return decision

    def on_success(self, link: Link, memory: "Memory", u: float) -> None:
        """Count it."""
        _judge(link, memory, 0.0, self.calls, self.probes, self.ratio, self.open_s)

    def check(self) -> None:
        """Raise ValueError when a parameter is impossible."""
        bounds.are_positive(open_s=self.open_s)
        for name, value in (("calls", self.calls), ("probes", self.probes)):
            if not (1 <= value <= 1000 and value % 1 == 0):
                raise ValueError(f"{name}: {value} is not allowed; it must be a whole number from 1 to 1000")


@compilable
def _judge(
    link: Link, memory: "Memory", failed: float, calls: float, probes: float, ratio: float, open_s: float
) -> None:
    """Enter an outcome into the ring of the latest ones, and judge them when they are enough."""
    if _is_open(link, memory):
        return
    was_open = memory[OPEN_UNTIL] != CLOSED
    limit = probes if was_open else calls
    row = REST + 2 + int(memory[REST]) % int(limit)
    if memory[REST] >= limit:
        memory[REST + 1] -= memory[row]
    memory[row] = failed
    memory[REST] += 1.0
    memory[REST + 1] += failed
    if memory[REST] >= limit:
        if memory[REST + 1] >= ratio * limit:
            _trip(link, memory, open_s)
        elif was_open:
            memory[:] = 0.0


class FinagleAccrual(NamedTuple):
    """Finagle's failure accrual: dead after `failures` in a row, for a time that doubles; then one probe.

    Dead for U(half, all) of min(`cap_s`, `base_s` 2^n) after n probes that failed. Source: twitter/finagle,
    finagle-core FailureAccrualFactory.scala: equal jitter from 5 s to 300 s; 5 failures.
    """

    failures: float = 5
    base_s: float = 5.0
    cap_s: float = 300.0
    waits: float = 0

    @property
    def memory_size(self) -> int:
        """When it may be probed, failures in a row, and how often it has opened since the last good answer."""
        return REST + 2

    def before_request(self, link: Link, memory: "Memory", u: float) -> Decision:
        """Let it pass while closed, and one probe when the time is over."""
        return _may_pass(link, memory, self.waits)

    def on_failure(self, link: Link, memory: "Memory", u: float, decision: Decision) -> Decision:
        """Count it; the probe's opens the breaker for longer."""
        if _is_open(link, memory):
            return decision
        memory[REST] += 1.0
        if memory[OPEN_UNTIL] != CLOSED or memory[REST] >= self.failures:
            opened = memory[REST + 1]
            _trip(link, memory, (0.5 + 0.5 * u) * capped_backoff(self.base_s, self.cap_s, int(opened)))
            memory[REST + 1] = opened + 1.0
        return decision

    def on_success(self, link: Link, memory: "Memory", u: float) -> None:
        """Close."""
        if not _is_open(link, memory):
            memory[:] = 0.0

    def check(self) -> None:
        """Raise ValueError when a parameter is impossible."""
        bounds.are_positive(base_s=self.base_s, cap_s=self.cap_s)


POLICIES = {
    "hystrix": Hystrix,
    "polly-breaker": Polly,
    "resilience4j": Resilience4j,
    "finagle-accrual": FinagleAccrual,
}
