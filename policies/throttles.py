"""Wrappers that limit a client's own rate to what its server can take."""

import math
from typing import TYPE_CHECKING, NamedTuple

from .compilable import compilable
from .failover import OVERLOADED, Decision, Link, send, wait

if TYPE_CHECKING:
    from .failover import Memory

# The memory of AwsAdaptive.
IS_ON, RATE, TOKENS, FILLED_AT = 0, 1, 2, 3  # of the bucket, since the first time that it was throttled
MOST, K_S, THROTTLED_AT = 4, 5, 6  # of the curve: the rate when it was throttled, and when it comes back to that
MEASURED, PART, COUNT = 7, 8, 9  # of its own rate: answers a second, the part of time counted in, from 1

SCALE, BETA = 0.4, 0.7  # of CUBIC
SMOOTHING, PART_S = 0.8, 0.5
LEAST_RATE = 0.5
SHORTEST_S = 1e-6  # of a wait


class AwsAdaptive(NamedTuple):
    """AWS SDKs' "adaptive" mode: CUBIC, as of TCP, on the rate of a client whose server throttles it.

    Once a server has been OVERLOADED, requests take tokens that come at a rate: 0.7 w, where w is the rate that
    was throttled, then 0.4 (t - k)^3 + w after t seconds, so that w is reached again after k = (0.3 w /
    0.4)^(1/3). Never above `headroom` times the measured rate, nor below 0.5/s. Source: boto/botocore,
    botocore/retries/adaptive.py, throttling.py and bucket.py. Around `botocore`.
    """

    headroom: float = 2.0

    @property
    def memory_size(self) -> int:
        """A bucket, a curve, and what is measured."""
        return 10

    def before_request(self, link: Link, memory: "Memory", u: float) -> Decision:
        """Take a token, or wait for one."""
        if memory[PART] == 0.0:
            memory[PART] = math.floor(link.now_s) / PART_S + 1.0
            memory[THROTTLED_AT] = link.now_s
        if memory[IS_ON] == 0.0:
            return send()
        _fill(memory, link.now_s)
        if memory[TOKENS] < 1.0:
            return wait(max(SHORTEST_S, (1.0 - memory[TOKENS]) / memory[RATE]))
        memory[TOKENS] -= 1.0
        return send()

    def on_failure(self, link: Link, memory: "Memory", u: float, decision: Decision) -> Decision:
        """Slow down where the server throttles."""
        if link.is_heartbeat == 0:
            _adjust(link, memory, self.headroom)
        return decision

    def on_success(self, link: Link, memory: "Memory", u: float) -> None:
        """Follow the curve."""
        if link.is_heartbeat == 0:
            _adjust(link, memory, self.headroom)


@compilable
def _fill(memory: "Memory", now_s: float) -> None:
    """Add the tokens that have come; a bucket holds those of a second, one at least."""
    come = (now_s - memory[FILLED_AT]) * memory[RATE]
    memory[TOKENS] = min(max(1.0, memory[RATE]), memory[TOKENS] + come)
    memory[FILLED_AT] = now_s


@compilable
def _adjust(link: Link, memory: "Memory", headroom: float) -> None:
    """Set the rate that follows from an answer."""
    measured = _measure(memory, link.now_s)
    if link.kind == OVERLOADED:
        memory[MOST] = min(measured, memory[RATE]) if memory[IS_ON] > 0.0 else measured
        memory[K_S] = cube_root(memory[MOST] * (1.0 - BETA) / SCALE)
        memory[THROTTLED_AT] = link.now_s
        memory[IS_ON] = 1.0
        rate = BETA * memory[MOST]
    else:
        t = link.now_s - memory[THROTTLED_AT] - memory[K_S]
        rate = SCALE * t * t * t + memory[MOST]
    _fill(memory, link.now_s)
    memory[RATE] = max(LEAST_RATE, min(rate, headroom * measured))
    memory[TOKENS] = min(memory[TOKENS], max(1.0, memory[RATE]))


@compilable
def _measure(memory: "Memory", now_s: float) -> float:
    """Count an answer; return the rate of answers, smoothed over parts of time that have ended."""
    part = math.floor(now_s / PART_S) + 1.0
    memory[COUNT] += 1.0
    if part > memory[PART]:
        rate = memory[COUNT] / ((part - memory[PART]) * PART_S)
        memory[MEASURED] = SMOOTHING * rate + (1.0 - SMOOTHING) * memory[MEASURED]
        memory[COUNT] = 0.0
        memory[PART] = part
    return memory[MEASURED]


@compilable
def cube_root(x: float) -> float:
    """Return the cube root of x >= 0, by Newton's method: powers are not rounded alike on every platform."""
    root = max(1.0, x)
    for _ in range(200):
        closer = root - (root - x / (root * root)) / 3.0
        if closer >= root:
            break
        root = closer
    return root if x > 0.0 else 0.0


POLICIES = {"aws-adaptive": AwsAdaptive}
