"""From values to places, and the ticks between them."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterstorm.experiments.drawing import scales

spans = st.tuples(st.floats(-1e6, 1e6), st.floats(1e-3, 1e9)).map(lambda pair: (pair[0], pair[0] + pair[1]))


def test_the_ends_of_a_scale_are_where_it_says():
    for is_log in (False, True):
        scale = scales.Scale(1.0, 100.0, 20.0, 320.0, is_log)
        assert (scale(1.0), scale(100.0)) == pytest.approx((20.0, 320.0))
    assert scales.Scale(1.0, 100.0, 0.0, 2.0, is_log=True)(10.0) == pytest.approx(1.0)


@given(spans)
def test_ticks_are_evenly_spaced_and_within(span):
    low, high = span
    found = [tick.value for tick in scales.ticks(low, high, 5)]
    room = (high - low) * 1e-6 + abs(low) * 1e-9
    assert all(low - room <= value <= high + room for value in found)
    assert len(found) <= 6
    steps = [b - a for a, b in pairwise(found)]
    assert all(step == pytest.approx(steps[0], rel=1e-6) for step in steps)


@given(st.floats(1e-6, 1e9))
def test_the_top_of_an_axis_has_room_for_its_value_and_a_tick(value):
    top = scales.top(value)
    assert value * 0.999 <= top <= 2.5 * value
    assert scales.ticks(0.0, top)[-1].value == pytest.approx(top)


@given(st.floats(1e-6, 1e6), st.floats(1.5, 1e6))
def test_logarithmic_ticks_are_within(low, factor):
    found = [tick.value for tick in scales.log_ticks(low, low * factor)]
    assert all(low * 0.99 <= value <= low * factor * 1.01 for value in found)
    assert found == sorted(found)
    assert 2 <= len(found) <= 6


@pytest.mark.parametrize(("span", "unit"), [(30.0, "s"), (1800.0, "min"), (36_000.0, "h"), (30 * 86_400.0, "d")])
def test_ticks_of_time_have_the_unit_that_fits(span, unit):
    found = scales.time_ticks(0.0, span)
    assert found[0].text == "0"
    assert all(tick.text.endswith(f" {unit}") for tick in found[1:])
    assert 3 <= len(found) <= 8


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(4.5, "4.5 s"), (720, "12 min"), (11_100, "3 h 05 min"), (3600, "1 h"), (-90, "-2 min"), (3599.9, "1 h")],
)
def test_times_in_words(seconds, words):
    assert scales.time_in_words(seconds) == words
