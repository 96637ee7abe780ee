"""Where a series has become level: MSER-5.

White 1997 (Simulation 69, 323-334) and Franklin & White 2008 (Winter Simulation Conference): of all numbers of
means of five values to leave out at the beginning, the one that makes the standard error of the rest the least.
"""

from typing import Any

import numpy as np

BATCH = 5
LEAST = 50  # values, below which the minimum says little


def truncation(series: Any) -> int:
    """Return how many values to leave out, a multiple of BATCH; half of them: so many or more."""
    count = len(series) // BATCH
    means = np.asarray(series[: count * BATCH], float).reshape(count, BATCH).mean(axis=1)
    return BATCH * int(np.argmin([np.var(means[d:]) / (count - d) for d in range(count // 2 + 1)]))
