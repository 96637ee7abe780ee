"""Numbers that answers tell, as the value of a letter."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterstorm.actors.queue.told import EXACT, MOST, free_in, to_value, waiting_in

NUMBERS = st.integers(0, 2**40)


@given(st.integers(0, EXACT), st.integers(0, EXACT))
def test_small_numbers_are_told_exactly(waiting, free):
    value = to_value(waiting, free)
    assert (waiting_in(value), free_in(value)) == (waiting, free)


@given(NUMBERS, NUMBERS)
def test_a_large_number_is_told_to_three_digits(waiting, free):
    value = to_value(waiting, free)
    assert 0 <= value < 2**31 - 1  # one more fits, too
    for told, number in ((waiting_in(value), waiting), (free_in(value), free)):
        assert min(number, MOST) * (1 - 2**-10) < told <= number or told == number == 0


@pytest.mark.parametrize("number", [2048, 2049, 4096, MOST, MOST + 1])
def test_the_borders_of_what_is_exact(number):
    assert waiting_in(to_value(number, 0)) == free_in(to_value(0, number)) == min(number - number % 2, MOST)
