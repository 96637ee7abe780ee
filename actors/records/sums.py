"""Adding to sums of two words, and their values: see state/sums.py."""

from typing import Any

import numpy as np

from ..compiled.jit import inlined
from ..state.sums import LOW_BITS

_LOW = (1 << LOW_BITS) - 1


@inlined
def add(row, amount):
    """Add a number from -2^62 to 2^62 to a row of SUM, whose low word then is in [0, 2^LOW_BITS) again."""
    total = row.low + amount
    row.high += total >> LOW_BITS
    row.low = total & _LOW


def value(row: Any) -> int:
    """Return a sum, exactly."""
    return (int(row["high"]) << LOW_BITS) + int(row["low"])


def total(rows: Any) -> int:
    """Return the sum of sums, exactly."""
    return (sum(rows["high"].tolist()) << LOW_BITS) + sum(rows["low"].tolist())


def values(rows: Any) -> Any:
    """Return sums, as float64."""
    return np.ldexp(rows["high"].astype(np.float64), LOW_BITS) + rows["low"]


def merged(parts: list[Any]) -> Any:
    """Return the sums of the same rows of several shards, word by word."""
    result = np.zeros_like(parts[0])
    for word in ("high", "low"):
        result[word] = sum(part[word] for part in parts)
    return result
