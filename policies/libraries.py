"""Failover policies of retry libraries and RPC systems, with their published formulas and defaults.

`n` counts the failures of a request, U(a, b) is uniform. Where a library gives up, so does the request; none of
them changes the server. Their budgets and breakers are wrappers: `budgets.py`, `breakers.py`.
"""

import math
from typing import TYPE_CHECKING, NamedTuple

from . import bounds
from .compilable import compilable
from .failover import OVERLOADED, Decision, Link, capped_backoff, give_up, retry, retry_or_give_up
from .presets import preset

if TYPE_CHECKING:
    from .failover import Memory

LN_2 = 0.6931471805599453


class Tenacity(NamedTuple):
    """Tenacity's `@retry` as it comes: at once, for ever.

    Source: jd/tenacity, tenacity/__init__.py: stop_never and wait_none.
    """

    def on_failure(self, link: Link, memory: "Memory", u: float) -> Decision:
        """Retry at once."""
        return retry(0.0)


class Backoff(NamedTuple):
    """Backoff's `on_exception(expo)` as it comes: U(0, 2^(n-1)) s, for ever, without a cap.

    Source: litl/backoff, backoff/_wait_gen.py and _jitter.py (full jitter); max_tries and max_time are None.
    """

    base_s: float = 1.0
    cap_s: float = math.inf

    def on_failure(self, link: Link, memory: "Memory", u: float) -> Decision:
        """Wait a uniform share of the backoff, then retry."""
        return retry(u * capped_backoff(self.base_s, self.cap_s, min(link.failures, 64) - 1))


class Stamina(NamedTuple):
    """Stamina: min(5, 0.1 2^(n-1) + U(0, 1)) s, ten tries, none that would begin later than 45 s after the launch.

    Source: hynek/stamina, src/stamina/_core.py. Its time runs from the first try, which here is at the launch or
    soon after.
    """

    tries: float = 10
    total_s: float = 45.0
    first_s: float = 0.1
    cap_s: float = 5.0
    jitter_s: float = 1.0

    def on_failure(self, link: Link, memory: "Memory", u: float) -> Decision:
        """Wait and retry, or give up."""
        pause_s = min(self.cap_s, capped_backoff(self.first_s, self.cap_s, link.failures - 1) + u * self.jitter_s)
        if link.failures >= self.tries or link.age_s + pause_s > self.total_s:
            return give_up()
        return retry(pause_s)


class Botocore(NamedTuple):
    """AWS SDKs, "standard" retry mode: U(0, min(scale 2^(n-1), 20)) s, three tries. The quota is `aws-quota`.

    Source: boto/botocore, botocore/retries/standard.py, version 2.0: a scale of 1 s whatever fails, and no
    ear for what the server asks for. With `heeded_s` a client waits as long as the server asks for, but at most
    that much longer than its own pause; `throttled_scale_s` is the scale where the server is overloaded.
    """

    scale_s: float = 1.0
    throttled_scale_s: float = 1.0
    cap_s: float = 20.0
    tries: float = 3
    heeded_s: float = 0.0

    def on_failure(self, link: Link, memory: "Memory", u: float) -> Decision:
        """Wait a uniform share of the backoff, then retry; give up after the last try."""
        scale_s = self.throttled_scale_s if link.kind == OVERLOADED else self.scale_s
        pause_s = u * capped_backoff(scale_s, self.cap_s, link.failures - 1)
        asked_s = min(link.retry_after_s, pause_s + self.heeded_s)
        return retry_or_give_up(link, self.tries - 1.0, max(pause_s, asked_s))


Botocore2026 = preset(
    "Botocore2026",
    Botocore,
    """AWS SDKs from November 2026 on: `botocore` with 0.05 s, and 1 s where the server throttles.

    What the server asks for (x-amz-retry-after) counts, up to 5 s beyond the client's own pause. Source:
    boto/botocore, botocore/retries/standard.py, version 2.1; docs.aws.amazon.com/sdkref, feature-retry-behavior.
    The quota is `aws-quota-2026`.
    """,
    scale_s=0.05,
    heeded_s=5.0,
)


class GrpcRetry2017(NamedTuple):
    """gRPC's retries until 2024: U(0, min(first factor^(n-1), cap)), four tries. The throttle is `grpc-throttle`.

    Source: grpc/proposal, A6-client-retries; its example has 0.1 s, 2, 1 s and 4.
    """

    first_s: float = 0.1
    factor: float = 2.0
    cap_s: float = 1.0
    tries: float = 4

    def on_failure(self, link: Link, memory: "Memory", u: float) -> Decision:
        """Wait a uniform share of the backoff, then retry; give up after the last try."""
        backoff_s = capped_backoff(self.first_s, self.cap_s, link.failures - 1, self.factor)
        return retry_or_give_up(link, self.tries - 1.0, u * backoff_s)


class GrpcRetry2024(GrpcRetry2017):
    """gRPC's retries since 2024: U(0.8, 1.2) min(first factor^(n-1), cap), four tries.

    Source: grpc/proposal pull request 452. Far less jitter than before: what fails together comes back together.
    """

    def on_failure(self, link: Link, memory: "Memory", u: float) -> Decision:
        """Wait about the backoff, then retry; give up after the last try."""
        backoff_s = capped_backoff(self.first_s, self.cap_s, link.failures - 1, self.factor)
        return retry_or_give_up(link, self.tries - 1.0, (0.8 + 0.4 * u) * backoff_s)


class GrpcConnect(NamedTuple):
    """gRPC channels that connect again: U(0.8, 1.2) min(1 s 1.6^(n-1), 120 s), for ever.

    Source: grpc/grpc, doc/connection-backoff, where n counts the failures since the channel was last connected.
    """

    first_s: float = 1.0
    factor: float = 1.6
    cap_s: float = 120.0
    jitter: float = 0.2

    def on_failure(self, link: Link, memory: "Memory", u: float) -> Decision:
        """Wait about the backoff, then retry."""
        pause_s = capped_backoff(self.first_s, self.cap_s, link.tries_here - 1, self.factor)
        return retry(pause_s * (1.0 - self.jitter + 2.0 * self.jitter * u))

    def check(self) -> None:
        """Raise ValueError when a parameter is impossible."""
        bounds.are_positive(first_s=self.first_s, cap_s=self.cap_s)
        bounds.are_shares(jitter=self.jitter)


class Envoy(NamedTuple):
    """Envoy: U(0, min((2^n - 1) 25 ms, 250 ms)), one retry.

    Source: envoyproxy/envoy, docs/root/configuration/http/http_filters/router_filter.rst; off unless asked for.
    """

    base_s: float = 0.025
    cap_s: float = 0.25
    retries: float = 1

    def on_failure(self, link: Link, memory: "Memory", u: float) -> Decision:
        """Wait a uniform share of the backoff, then retry; give up when the retries are used up."""
        backoff_s = capped_backoff(2.0 * self.base_s, self.cap_s + self.base_s, link.failures - 1) - self.base_s
        return retry_or_give_up(link, self.retries, u * backoff_s)


class Polly(NamedTuple):
    """Polly v8 as it comes: 2 s, three retries.

    Source: App-vNext/Polly, RetryConstants.cs; with jitter it adds U(0, 0.5) of the pause.
    """

    pause_s: float = 2.0
    retries: float = 3
    jitter: float = 0.0

    def on_failure(self, link: Link, memory: "Memory", u: float) -> Decision:
        """Wait, then retry; give up when the retries are used up."""
        return retry_or_give_up(link, self.retries, self.pause_s * (1.0 + self.jitter * u))


class PollyJitter(NamedTuple):
    """Polly v8 with exponential backoff and jitter: base / 1.4 times what f(t) = 2^t tanh(sqrt(4 t)) has grown.

    t = n - 1 + U(0, 1) at the n-th failure, and f was 0 before the first. So medians about double, and no two
    clients wait alike. Source: App-vNext/Polly, RetryHelper.cs; 2 s and three retries as it comes.
    """

    base_s: float = 2.0
    retries: float = 3

    @property
    def memory_size(self) -> int:
        """One number: f at the latest failure."""
        return 1

    def on_failure(self, link: Link, memory: "Memory", u: float) -> Decision:
        """Wait for the growth, then retry; give up when the retries are used up."""
        t = max(1, min(link.failures, 64)) - 1 + u
        grown = _exponential(t * LN_2) * _tanh(math.sqrt(4.0 * t))
        before = memory[0] if link.failures > 1 else 0.0
        memory[0] = grown
        return retry_or_give_up(link, self.retries, max(0.0, grown - before) * self.base_s / 1.4)


@compilable
def _exponential(x: float) -> float:
    """Return e^x for x >= 0, by a series that every platform rounds alike."""
    halvings = 0
    while x > 0.5:
        x *= 0.5
        halvings += 1
    power = term = 1.0
    for k in range(1, 16):
        term *= x / k
        power += term
    for _ in range(halvings):
        power *= power
    return power


@compilable
def _tanh(x: float) -> float:
    """Return tanh(x) for x >= 0, likewise."""
    square = _exponential(2.0 * x)
    return (square - 1.0) / (square + 1.0)


POLICIES = {
    "tenacity": Tenacity,
    "backoff": Backoff,
    "stamina": Stamina,
    "botocore": Botocore,
    "botocore-2026": Botocore2026,
    "grpc-retry-2017": GrpcRetry2017,
    "grpc-retry-2024": GrpcRetry2024,
    "grpc-connect": GrpcConnect,
    "envoy": Envoy,
    "polly": Polly,
    "polly-jitter": PollyJitter,
}
