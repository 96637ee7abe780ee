"""Where a series levels off: MSER-5.

White 1997 (Simulation 69, 323-334) and Franklin & White 2008 (Winter Simulation Conference): average the values in
batches of five, and drop as many batches at the beginning as make the standard error of the rest the smallest.
"""

from typing import Any

import numpy as np

BATCH = 5
LEAST = 50  # values, below which the minimum says little


def truncation(series: Any) -> int:
    """Return how many values to leave out, a multiple of BATCH; half of them means at least that many."""
    count = len(series) // BATCH
    means = np.asarray(series[: count * BATCH], float).reshape(count, BATCH).mean(axis=1)
    return BATCH * int(np.argmin([np.var(means[d:]) / (count - d) for d in range(count // 2 + 1)]))
