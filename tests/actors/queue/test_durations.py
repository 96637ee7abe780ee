"""Durations that do not fit into 64 bits of nanoseconds end after any run, never before now."""

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from meterstorm.actors.queue import durations
from meterstorm.actors.randomness import distributions
from meterstorm.actors.setup.scenario import ns
from meterstorm.actors.state.rows import LONGEST, NEVER
from meterstorm.experiments.scenario.values import VALUE_MAX

END = 2 * ns(VALUE_MAX)  # of the longest run: its warm-up and its measured time
KINDS = [
    distributions.CONSTANT, distributions.EXPONENTIAL, distributions.LOGNORMAL, distributions.GAMMA,
]  # fmt: skip
MEANS_NS = st.floats(1.0, VALUE_MAX * 1e9 * 32)
SPREADS = st.one_of(st.floats(1e-9, 1e9), st.floats(5e-324, 1e9))


def test_the_longest_is_beyond_any_end_and_can_be_added_to_it():
    assert END < LONGEST
    assert END + LONGEST < NEVER


@given(st.floats(0.0, math.inf))
def test_a_duration_is_rounded_or_the_longest(duration):
    whole = durations.whole(duration)
    assert whole == LONGEST if duration >= LONGEST else abs(whole - duration) <= max(0.5, math.ulp(duration))


def test_no_number_is_no_time_at_all():
    assert durations.whole(math.nan) == LONGEST


@given(st.integers(0, 2**64 - 1), st.sampled_from(KINDS), SPREADS, MEANS_NS)
def test_a_draw_is_a_duration(bits, kind, cv, mean):
    drawn = distributions.sample(np.uint64(bits), kind, cv)
    assert drawn >= 0.0
    assert 0 <= durations.whole(mean * drawn) <= LONGEST
    if cv <= 1e-9 or kind == distributions.CONSTANT:
        assert kind == distributions.EXPONENTIAL or drawn == pytest.approx(1.0, abs=1e-7)


@given(st.floats(-1e300, 1e300))
def test_the_exponential_function_knows_its_limits(x):
    found = distributions.exp(x)
    expected = math.inf if x > 709.8 else 0.0 if x < -745.2 else math.exp(min(x, 709.78))
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-320)


LAST_BIT = 2.0**-52


@given(st.floats(0.0, math.inf))
@example(0.009)
@example(math.nextafter(0.001, 0.0))
def test_when_to_come_back_is_told_to_a_second(seconds):
    value = durations.to_value(seconds)
    assert -(2**31) <= value < 2**31
    told = durations.from_value(value)
    assert told <= seconds * (1.0 + LAST_BIT)  # 9 ms are told as 9 * 0.001 s, which is rounded up
    assert told >= min(seconds - (1e-3 if seconds < 2e6 else 1.0), 2**31 - 1) - 1e-6
    assert (told == 0) == (seconds * 1000.0 < 1.0)


@pytest.mark.parametrize("seconds", [1e9, 1e10, 1e300, math.inf])
def test_times_of_a_scenario(seconds):
    assert ns(seconds) == min(LONGEST, round(min(seconds, 1e10) * 1e9))
