"""What all rows share: their layout, and the numbers that mean "none".

A table is an array of rows of one dtype. `client = world.clients[i]; client.tries_here += 1` is ordinary Python
with the JIT off and a plain struct access with it on (`compiled/views.py`). Time is int64 nanoseconds since the
start of the simulation, where the warm-up begins.
"""

from typing import Any

import numpy as np

NEVER = np.iinfo(np.int64).max  # a time that does not come
LONGEST = 1 << 61  # ns: 73 years, longer than any run (2e9 s), and less than NEVER even when added to its end
SECOND = 10**9  # ns
NONE = -1  # no server, no lease, no event, ...

CACHE_LINE = 64  # bytes


def rows(*fields: tuple[str, str]) -> np.dtype[Any]:
    """Return the dtype of a row with these fields (name, numpy type), aligned as a C compiler would."""
    return np.dtype(list(fields), align=True)
