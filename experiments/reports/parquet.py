"""The Parquet tables of a run's folder.

Arrow takes a column's memory as it is: `pyarrow.array` would import pandas where there is one, a fifth of the time
of a small run.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from meterstorm.actors.records import sums
from pyarrow import parquet

from ..runs.results import Replication, Results, VersionResult
from ..runs.table import DIGEST, facts, write_table
from ..scenario import Scenario
from . import journal
from .columns import SERIES, SERVERS, TABLES

# Of one replication, by name, equally long: numpy's or Arrow's.
Columns = dict[str, Any]


def write_parquet(folder: Path, results: Results, digest: str) -> None:
    """Write metrics.parquet, timeseries.parquet, servers.parquet and, when the run kept one, journal.parquet."""
    tables = {"metrics": Results.to_arrow, "timeseries": _time_series, "servers": _servers}
    if any(row.journal is not None for _, row in _rows(results)):
        tables["journal"] = _journal
    for name, table in tables.items():
        file = f"{name}.parquet"
        write_table(table(results), folder / file, facts(digest, results.scenario.title, TABLES[file]))


def digest_in(file: Path) -> str | None:
    """Return the digest of the run that a table is of; None: it says nothing."""
    mark = (parquet.read_schema(file).metadata or {}).get(DIGEST.encode())
    return mark.decode() if mark else None


def _time_series(results: Results) -> pa.Table:
    """One row for each sample of each replication; the first row is the warm-up."""
    run = results.scenario.run

    def columns(row: Replication, _: Scenario) -> Columns:
        start_s = np.append(-run.warmup_s, np.arange(len(row.series) - 1) * run.sample_s)
        clock = {"start_s": start_s, "since_start_s": start_s + run.warmup_s}
        counted = {name: row.series[:, k] for k, name in enumerate(SERIES)}
        return {**clock, **counted, "queue_us_total": sums.values(row.queueing) / 1000}

    return _table(results, columns)


def _servers(results: Results) -> pa.Table:
    """One row for each server of each replication, over the whole run (arrivals: the measured time)."""

    def columns(row: Replication, _: Scenario) -> Columns:
        return {
            "server": np.arange(len(row.servers)),
            "utilization": row.servers["busy_area"] / (results.scenario.run.duration_s * 1e6),
            **{name: row.servers[name].astype("int64") for name in SERVERS},
        }

    return _table(results, columns)


def _journal(results: Results) -> pa.Table:
    """One row for each row of each replication's journal: see actors/records/journal.py."""
    return _table(results, lambda row, scenario: journal.columns(row.journal, scenario))


def _table(results: Results, columns: Callable[[Replication, Scenario], Columns]) -> pa.Table:
    """One part for each replication: its keys, and its columns."""
    parts = []
    for result, row in _rows(results):
        numbers = columns(row, result.version.scenario)
        count = len(next(iter(numbers.values())))
        keys = {
            "case": _repeated(result.version.case, count),
            "arm": _repeated(result.version.arm, count),
            "replication": _numbers(np.full(count, row.number, np.int32)),
        }
        parts.append(pa.table({**keys, **{name: _numbers(values) for name, values in numbers.items()}}))
    return pa.concat_tables(parts) if parts else pa.table({})


def _rows(results: Results) -> Iterator[tuple[VersionResult, Replication]]:
    return ((result, row) for result in results.versions for row in result.replications)


def _numbers(values: Any) -> pa.Array:
    """Return a column of numbers of the array's own type; words are a column already."""
    if isinstance(values, pa.Array):
        return values
    buffer = pa.py_buffer(np.ascontiguousarray(values))
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), [None, buffer])


def _repeated(text: str | None, count: int) -> pa.Array:
    if text is None:
        return pa.nulls(count, pa.large_string())
    data = text.encode()
    ends = np.arange(count + 1, dtype=np.int64) * len(data)
    return pa.Array.from_buffers(pa.large_string(), count, [None, pa.py_buffer(ends), pa.py_buffer(data * count)])
