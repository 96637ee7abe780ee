"""Observed times that a workload draws from: a column of a CSV or Parquet file, such as a trace's run times.

Other columns are ignored, so one file may serve both as a trace and as the run times to draw from.
"""

from pathlib import Path
from typing import Any

import numpy as np

from ..state.rows import SECOND
from . import columns
from .scenario import Scenario

OBSERVATIONS_MAX = 1_000_000  # 8 MB in each shard
COLUMNS = {"run_times": "run_time_s", "launch_intervals": "launch_interval_s"}  # by key of [workload]


def tables(scenario: Scenario) -> dict[str, Any]:
    """Return the observed times, ns, in order; empty for a key whose times are not drawn from observations.

    Raises ValueError with a finished message when a file is missing, has no such column, or an impossible value.
    """
    return {key: _read(key, getattr(scenario.workload, key)) for key in COLUMNS}


def _read(key: str, file: str) -> Any:
    if not file:
        return np.zeros(0, np.int64)
    path, column = Path(file), COLUMNS[key]
    table = columns.read(f"workload.{key}", path, (column,))
    columns.check(path, table, (column,))
    if not 1 <= table.num_rows <= OBSERVATIONS_MAX:
        raise ValueError(f"{path}: it has {table.num_rows} rows; there must be from 1 to {OBSERVATIONS_MAX}")
    times = np.sort(np.round(columns.numbers(path, table, column, 0.0) * SECOND).astype(np.int64))
    if key == "launch_intervals" and times[-1] == 0:  # launches would never end, and no time would go by
        raise ValueError(f"{path}: every {column} is 0; one at least must be above")
    return times
