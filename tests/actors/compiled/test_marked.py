"""Functions that a policy calls: those of the package, and a user's own if they are marked."""

from typing import NamedTuple

import numba
import numpy as np
import pytest
from meterstorm.actors.compiled.jit import JIT_DISABLED
from meterstorm.actors.compiled.policies import ask, compile_policy
from meterstorm.policies import TIMED_OUT, Link, compilable, retry
from numba.extending import register_jitable

LINK = Link(0.0, TIMED_OUT, 0.0, 3, 3, 0, 2, 1)


@compilable
def doubled(seconds: float) -> float:
    return 2.0 * seconds


def unmarked(seconds: float) -> float:
    return 2.0 * seconds


@register_jitable
def registered(seconds: float) -> float:
    return 2.0 * seconds


@compilable
def doubled_by_another(seconds: float) -> float:
    return registered(seconds)


class Marked(NamedTuple):
    delay_s: float = 5.0

    def on_failure(self, link, memory, u):
        return retry(doubled(self.delay_s) * link.tries_here)


class Unmarked(NamedTuple):
    def on_failure(self, link, memory, u):
        return retry(unmarked(u))


class Registered(NamedTuple):
    def on_failure(self, link, memory, u):
        return retry(registered(u))


class RegisteredBelow(NamedTuple):
    def on_failure(self, link, memory, u):
        return retry(doubled_by_another(u))


class Mixed(NamedTuple):
    """Functions within the method, loops in loops, numpy's and numba's own functions."""

    def on_failure(self, link, memory, u):
        def sum_below(n):
            total = 0
            for k in range(n):
                total += k
            return total

        delay_s = np.sqrt(u)
        for k in range(link.tries_here):
            left = k
            while left > 1:
                delay_s += sum_below(left) + len([m * k for m in range(left)])
                left -= 1
        return retry(delay_s + float(numba.int64(u)))


@pytest.mark.parametrize("policy", [Marked(), Mixed()], ids=lambda policy: type(policy).__name__)
def test_what_a_policy_may_call_is_compiled_with_it(policy):
    compiled = compile_policy("failover", policy)
    assert ask("failover", compiled, LINK, np.zeros(0), 0.5) == policy.on_failure(LINK, [], 0.5)


@pytest.mark.skipif(JIT_DISABLED, reason="nothing is compiled")
@pytest.mark.parametrize(
    ("policy", "name"), [(Unmarked(), "unmarked"), (Registered(), "registered"), (RegisteredBelow(), "registered")]
)
def test_what_is_not_marked_is_refused_by_name(policy, name):
    """Nobody would count the rounds of its loops."""
    with pytest.raises(ValueError, match=rf"test_marked\.py, line \d+: .*{name} is not marked @compilable"):
        compile_policy("failover", policy)


@pytest.mark.skipif(JIT_DISABLED, reason="nothing is compiled")
def test_only_a_plain_function_can_be_marked():
    with pytest.raises(TypeError, match="plain function"):
        compilable(numba.njit(unmarked))
