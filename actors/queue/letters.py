"""A letter: the content of an event, without its due time. Agents write letters to each other and themselves."""

from typing import NamedTuple

import numpy as np

from ..compiled.jit import inlined


class Letter(NamedTuple):
    """The fields of a row of EVENT but its time and serial number, under the same names."""

    kind: np.int64  # state/kinds.py
    source: np.int64  # agent
    target: np.int64  # agent
    slot: np.int64
    program: np.int64
    product: np.int64
    attempt: np.int64
    value: np.int64
    flag: np.int64


@inlined
def letter(kind, source, target, slot=0, program=0, product=0, attempt=0, value=0, flag=0):
    """Write a letter; what is left out is 0, and means nothing for this kind."""
    return Letter(
        np.int64(kind),
        np.int64(source),
        np.int64(target),
        np.int64(slot),
        np.int64(program),
        np.int64(product),
        np.int64(attempt),
        np.int64(value),
        np.int64(flag),
    )
