"""Wrappers that limit how often a client tries again: a request whose retry they refuse is given up.

Each attempt after a failure counts, whether the policy within wants to retry or to fail over. A denial is a
success here: the server has answered.
"""

import math
from typing import TYPE_CHECKING, NamedTuple

from . import bounds, rolling
from .compilable import compilable
from .failover import FAIL_OVER, OVERLOADED, RETRY, TIMED_OUT, Decision, Link, give_up, send
from .presets import preset

if TYPE_CHECKING:
    from .failover import Memory


LEAST_SHARE = 1e-6  # of requests that may be tried again


@compilable
def tries_again(decision: Decision) -> bool:
    """Whether a decision leads to another attempt."""
    return decision.action in (RETRY, FAIL_OVER)


class MaxTries(NamedTuple):
    """So many tries of each request, the first one included, wherever they go."""

    tries: float = 3

    def on_failure(self, link: Link, memory: "Memory", u: float, decision: Decision) -> Decision:
        """Give up after the last try."""
        return give_up() if tries_again(decision) and link.failures >= self.tries else decision


class Deadline(NamedTuple):
    """Nothing is tried again that could not be sent within `s` of the program's launch."""

    s: float = 30.0

    def before_request(self, link: Link, memory: "Memory", u: float) -> Decision:
        """Give up when it is too late; of what is sent again only, so that every launch has one try."""
        return give_up() if link.failures > 0 and link.age_s > self.s else send()

    def on_failure(self, link: Link, memory: "Memory", u: float, decision: Decision) -> Decision:
        """Give up what would be sent too late."""
        is_late = link.is_heartbeat == 0 and link.age_s + decision.delay_s > self.s
        return give_up() if tries_again(decision) and is_late else decision


class AwsQuota(NamedTuple):
    """The retry quota of AWS SDKs ("standard" mode): retries pay with tokens, successes earn them back.

    A retry costs `retry_cost`, after a time-out `timeout_cost`, where the server is overloaded `throttled_cost`; a
    success gives back what its last retry has cost, or `gain` when there was none, up to `tokens`. Source:
    boto/botocore, botocore/retries/quota.py and standard.py: 500, 5, 10, 1. Law: where calls fail with
    probability p, retries per call are min(p + p^2, (1 - p) / (c p)), and none after tokens / c at p = 1.
    """

    tokens: float = 500
    retry_cost: float = 5
    timeout_cost: float = 10
    throttled_cost: float = 5
    gain: float = 1
    refund: float = 1  # of the last cost, as a share

    @property
    def memory_size(self) -> int:
        """Two numbers: tokens spent, and the cost of the last retry since the last success."""
        return 2

    def on_failure(self, link: Link, memory: "Memory", u: float, decision: Decision) -> Decision:
        """Pay for a retry, or give up."""
        if not tries_again(decision):
            return decision
        cost = _cost(link.kind, self.retry_cost, self.timeout_cost, self.throttled_cost)
        if memory[0] + cost > self.tokens:
            return give_up()
        memory[0] += cost
        memory[1] = cost
        return decision

    def on_success(self, link: Link, memory: "Memory", u: float) -> None:
        """Earn."""
        is_first_try = link.failures == 0  # what an earlier request has paid is lost with it
        earned = self.gain if is_first_try or memory[1] == 0.0 else memory[1] * self.refund
        memory[0] = max(0.0, memory[0] - earned)
        memory[1] = 0.0


@compilable
def _cost(kind: int, retry_cost: float, timeout_cost: float, throttled_cost: float) -> float:
    """Return what a retry costs after a failure of a kind."""
    if kind == TIMED_OUT:
        return timeout_cost
    return throttled_cost if kind == OVERLOADED else retry_cost


AwsQuota2026 = preset(
    "AwsQuota2026",
    AwsQuota,
    """The retry quota of AWS SDKs from November 2026 on: `aws-quota` with a cost of 14, and 5 where throttled.

    Source: docs.aws.amazon.com/sdkref, feature-retry-behavior.
    """,
    retry_cost=14,
    timeout_cost=14,
)


class GrpcThrottle(NamedTuple):
    """gRPC's retry throttling: each failure takes a token, each success adds `ratio`; retries need more than half.

    Source: grpc/proposal, A6-client-retries, "Throttling Retry Attempts and Hedged RPCs"; its example is 10,
    0.1. Law: no retries while more than ratio / (1 + ratio) of the attempts fail.
    """

    tokens: float = 10
    ratio: float = 0.1

    @property
    def memory_size(self) -> int:
        """One number: tokens that are missing."""
        return 1

    def on_failure(self, link: Link, memory: "Memory", u: float, decision: Decision) -> Decision:
        """Take a token; give up when half are gone."""
        memory[0] = min(self.tokens, memory[0] + 1.0)
        is_out = memory[0] >= 0.5 * self.tokens
        return give_up() if is_out and tries_again(decision) else decision

    def on_success(self, link: Link, memory: "Memory", u: float) -> None:
        """Add a part of a token."""
        memory[0] = max(0.0, memory[0] - self.ratio)


class FinagleBudget(NamedTuple):
    """Finagle's and Linkerd's retry budget: a share of the requests of the last `ttl_s`, and some besides.

    A request deposits 1, a retry takes 1 / `percent`; `min_per_s` retries a second are free. Source:
    twitter/finagle, finagle-core RetryBudget.scala (percentCanRetry 0.2, minRetriesPerSec 10, ttl 10 s). That is
    for a service; a license client has few requests, so a minimum below 1 makes it bite. Law: a client with r
    requests a second makes at most 1 + percent + min_per_s / r attempts for each.
    """

    percent: float = 0.2
    min_per_s: float = 10.0
    ttl_s: float = 10.0

    @property
    def memory_size(self) -> int:
        """A window of deposits less withdrawals."""
        return rolling.size(1)

    def before_request(self, link: Link, memory: "Memory", u: float) -> Decision:
        """Deposit, for a first try."""
        if link.failures == 0:
            memory[rolling.turn(memory, 1, link.now_s, self.ttl_s)] += 1.0
        return send()

    def on_failure(self, link: Link, memory: "Memory", u: float, decision: Decision) -> Decision:
        """Withdraw for a retry, or give up."""
        if not tries_again(decision):
            return decision
        now = rolling.turn(memory, 1, link.now_s, self.ttl_s)
        price = 1.0 / self.percent
        if rolling.total(memory, 1, 0) + self.min_per_s * self.ttl_s * price < price:
            return give_up()
        memory[now] -= price
        return decision

    def check(self) -> None:
        """Raise ValueError when a parameter is impossible."""
        if not LEAST_SHARE <= self.percent < math.inf:
            raise ValueError(f"percent: {self.percent} is not allowed; it must be >= {LEAST_SHARE} and finite")
        rolling.check("ttl_s", self.ttl_s)


class TokenBucket(NamedTuple):
    """Brooker's adaptive retries: a success deposits `deposit`, up to `tokens`; a retry takes a whole token.

    Source: Marc Brooker, "Fixing retries with token buckets and circuit breakers" (2022), as the text has it: 5,
    0.1. With `deposit = 0` a client has `tokens` retries in all. Law: where attempts fail with probability p,
    there are min(1 / (1 - p), 1 / (1 - deposit (1 - p))) of them for each request, 1 + deposit at the most.
    """

    tokens: float = 5
    deposit: float = 0.1

    @property
    def memory_size(self) -> int:
        """One number: tokens that are missing."""
        return 1

    def on_failure(self, link: Link, memory: "Memory", u: float, decision: Decision) -> Decision:
        """Take a token, or give up."""
        if not tries_again(decision):
            return decision
        if memory[0] + 1.0 > self.tokens:
            return give_up()
        memory[0] += 1.0
        return decision

    def on_success(self, link: Link, memory: "Memory", u: float) -> None:
        """Deposit."""
        memory[0] = max(0.0, memory[0] - self.deposit)


class SreThrottle(NamedTuple):
    """Google's adaptive throttling: a client turns its own requests away when too few are accepted.

    Each attempt is given up with probability max(0, (requests - k accepts) / (requests + 1)), counted over
    `window_s`, those turned away included. Source: Site Reliability Engineering (2016), chapter 21, "Handling
    Overload": k = 2, two minutes. Law: while all else fails, a server gets about k attempts for each that it
    accepts.
    """

    k: float = 2.0
    window_s: float = 120.0

    @property
    def memory_size(self) -> int:
        """A window of requests, and of those accepted."""
        return rolling.size(2)

    def before_request(self, link: Link, memory: "Memory", u: float) -> Decision:
        """Count the attempt; give it up by chance."""
        now = rolling.turn(memory, 2, link.now_s, self.window_s)
        requests, accepts = rolling.total(memory, 2, 0), rolling.total(memory, 2, 1)
        memory[now] += 1.0
        return give_up() if u * (requests + 1.0) < requests - self.k * accepts else send()

    def on_success(self, link: Link, memory: "Memory", u: float) -> None:
        """Count what a server has accepted; heartbeats are no requests."""
        if link.is_heartbeat == 0:
            memory[rolling.turn(memory, 2, link.now_s, self.window_s) + 1] += 1.0

    def check(self) -> None:
        """Raise ValueError when a parameter is impossible."""
        rolling.check("window_s", self.window_s)


class Jitter(NamedTuple):
    """Every pause of the policy within is spread over [1 - below, 1 + above] of its length.

    gRPC since 2024: 0.2 and 0.2 (grpc/proposal, A6-client-retries).
    """

    below: float = 0.2
    above: float = 0.2

    def on_failure(self, link: Link, memory: "Memory", u: float, decision: Decision) -> Decision:
        """Spread the pause."""
        return Decision(decision.action, decision.delay_s * (1.0 - self.below + u * (self.below + self.above)))

    def check(self) -> None:
        """Raise ValueError when a parameter is impossible."""
        bounds.are_shares(below=self.below)


class RetryAfter(NamedTuple):
    """A server that is overloaded may say when to come back; no retry comes sooner, `spread_s` later at the most.

    As HTTP's Retry-After. Without this wrapper a policy that does not read `link.retry_after_s` ignores it.
    """

    spread_s: float = 0.0

    def on_failure(self, link: Link, memory: "Memory", u: float, decision: Decision) -> Decision:
        """Wait as long as the server asks for."""
        if decision.action != RETRY or link.retry_after_s == 0.0:
            return decision
        return Decision(RETRY, max(decision.delay_s, link.retry_after_s + u * self.spread_s))


POLICIES = {
    "max-tries": MaxTries,
    "deadline": Deadline,
    "aws-quota": AwsQuota,
    "aws-quota-2026": AwsQuota2026,
    "grpc-throttle": GrpcThrottle,
    "finagle-budget": FinagleBudget,
    "token-bucket": TokenBucket,
    "sre-throttle": SreThrottle,
    "jitter": Jitter,
    "retry-after": RetryAfter,
}
