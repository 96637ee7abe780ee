"""What a GRANT or a DENY tells besides, as the value of a letter: how many requests wait, and free licenses.

Half of the value for each: exact up to EXACT, and beyond, the first eleven binary digits: less than 0.1 % too few.
"""

import numpy as np

from ..compiled.jit import inlined, jit

DIGITS = 11
EXACT = (1 << DIGITS) - 1
PART = DIGITS + 4  # bits: the digits, and how many more there are
MOST = EXACT << 15  # 67 million: more is told as that


@jit
def to_value(waiting, free):
    """Return the value that tells two numbers >= 0."""
    return _part(waiting) << PART | _part(free)


@inlined
def waiting_in(value):
    """Return how many requests wait, as told."""
    return _number(value >> PART)


@inlined
def free_in(value):
    """Return how many licenses are free, as told."""
    return _number(value & ((1 << PART) - 1))


@inlined
def _part(number):
    digits, more = np.int64(min(number, MOST)), np.int64(0)
    while digits > EXACT:
        digits >>= 1
        more += 1
    return more << DIGITS | digits


@inlined
def _number(part):
    return np.int64(part & EXACT) << np.int64(part >> DIGITS)
