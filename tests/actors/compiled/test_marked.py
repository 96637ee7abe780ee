"""Functions that a policy calls: those of the package, and a user's own if they are marked."""

from typing import NamedTuple

import numpy as np
import pytest
from meterstorm.actors.compiled.jit import JIT_DISABLED
from meterstorm.actors.compiled.policies import compile_policy
from meterstorm.policies import TIMED_OUT, Link, compilable, retry

LINK = Link(0.0, TIMED_OUT, 0.0, 3, 3, 0, 2, 1)


@compilable
def doubled(seconds: float) -> float:
    return 2.0 * seconds


def unmarked(seconds: float) -> float:
    return 2.0 * seconds


class Marked(NamedTuple):
    delay_s: float = 5.0

    def on_failure(self, link, memory, u):
        return retry(doubled(self.delay_s) * link.tries_here)


class Unmarked(NamedTuple):
    delay_s: float = 5.0

    def on_failure(self, link, memory, u):
        return retry(unmarked(self.delay_s))


def test_a_marked_function_is_compiled_with_its_policy():
    import numba

    compiled = compile_policy("failover", Marked())
    call = numba.njit(lambda f, p, link, m, u: f(p, link, m, u)) if not JIT_DISABLED else lambda f, *a: f(*a)
    assert call(compiled.call, compiled.parameters, LINK, np.zeros(0), 0.5) == Marked().on_failure(LINK, [], 0.5)


@pytest.mark.skipif(JIT_DISABLED, reason="nothing is compiled")
def test_what_is_not_marked_is_refused_by_name():
    with pytest.raises(ValueError, match="unmarked"):
        compile_policy("failover", Unmarked())
