"""The Parquet tables of a run's folder.

Columns reach Arrow as raw memory: `pyarrow.array` would import pandas if it is installed, a fifth of the time of a
small run.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from meterstorm.actors.records import sums
from meterstorm.actors.setup.scenario import ns
from pyarrow import parquet

from ..runs.results import Replication, Results, VersionResult
from ..runs.table import DIGEST, ROW_GROUP, facts, write_parts, write_table
from ..scenario import Run, Scenario
from . import journal
from .columns import SERIES, SERVER_SERIES, SERVERS, TABLES

# Of one replication, by name, equally long: numpy's or Arrow's.
Columns = dict[str, Any]


def write_parquet(folder: Path, results: Results, digest: str) -> None:
    """Write the tables of `columns.TABLES`: of groups where there are any, journal.parquet if one was kept."""
    tables = {
        "metrics": Results.to_arrow,
        "timeseries": _time_series,
        "servers": _servers,
        "servers_timeseries": _servers_time_series,
        "faults": _faults,
    }
    if any(row.groups for _, row in _rows(results)):
        tables["groups"] = Results.groups_to_arrow
    for name, table in tables.items():
        file = f"{name}.parquet"
        write_table(table(results), folder / file, facts(digest, results.scenario.title, TABLES[file]))
    if any(row.journal is not None for _, row in _rows(results)):
        told = facts(digest, results.scenario.title, TABLES[journal.FILE])
        write_parts(_journal(results), folder / journal.FILE, told)


def digest_in(file: Path) -> str | None:
    """Return the digest of the run that a table is of; None: it says nothing."""
    mark = (parquet.read_schema(file).metadata or {}).get(DIGEST.encode())
    return mark.decode() if mark else None


def _time_series(results: Results) -> pa.Table:
    """One row for each sample of each replication; the first row is the warm-up."""
    run = results.scenario.run

    def columns(row: Replication, _: Scenario) -> Columns:
        counted = {name: row.series[:, k] for k, name in enumerate(SERIES)}
        return {**_clock(run, len(row.series)), **counted, "queue_us_total": sums.values(row.queueing) / 1000}

    return _table(results, columns)


def _clock(run: Run, count: int) -> Columns:
    """Return the start of each of `count` samples, the warm-up first."""
    start_s = np.append(-run.warmup_s, np.arange(count - 1) * run.sample_s)
    return {"start_s": start_s, "since_start_s": start_s + run.warmup_s}


def _servers(results: Results) -> pa.Table:
    """One row for each server of each replication, over the whole run (arrivals: the measured time)."""

    def columns(row: Replication, _: Scenario) -> Columns:
        return {
            "server": np.arange(len(row.servers)),
            "utilization": row.servers["busy_area"] / (results.scenario.run.duration_s * 1e6),
            **{name: row.servers[name].astype("int64") for name in SERVERS},
        }

    return _table(results, columns)


def _servers_time_series(results: Results) -> pa.Table:
    """One row for each sample of each server of each replication; a server's first row is the warm-up."""

    def columns(row: Replication, _: Scenario) -> Columns:
        samples, servers = row.server_series.shape
        clock = _clock(results.scenario.run, samples)
        states = {name: row.server_series[name].T.ravel() for name in SERVER_SERIES}
        return {
            "server": np.repeat(np.arange(servers), samples),
            **{name: np.tile(times, servers) for name, times in clock.items()},
            **states,
            "arrivals": np.diff(row.server_series["arrivals"], axis=0, prepend=0).T.ravel(),
        }

    return _table(results, columns)


def _faults(results: Results) -> pa.Table:
    """One row for each time that a fault begins at a server, or clients crash, in each replication."""
    run = results.scenario.run

    def columns(row: Replication, scenario: Scenario) -> Columns:
        faults = row.faults[row.faults["start"] < ns(run.warmup_s + run.duration_s)]
        kinds = pa.array([fault.kind for fault in scenario.faults], pa.large_string())
        servers = pa.array([*range(scenario.servers.count), None], pa.int64())  # -1 is the last one: none
        return {
            "fault": faults["entry"],
            "kind": kinds.take(_numbers(faults["entry"])),
            "server": servers.take(_numbers(faults["server"] % len(servers))),
            **{f"{name}_s": faults[name] / 1e9 - run.warmup_s for name in ("start", "end")},
        }

    return _table(results, columns)


def _journal(results: Results) -> Iterator[pa.Table]:
    """One row for each row of each replication's journal (see actors/records/journal.py), ROW_GROUP at a time."""
    parts: list[pa.Table] = []
    room = ROW_GROUP
    for result, row in _rows(results):
        for rows in _cut(row.journal, room):
            parts.append(_part(result, row, journal.columns(rows, result.version.scenario)))
            room -= len(rows)
            if room == 0:
                yield pa.concat_tables(parts)
                parts, room = [], ROW_GROUP
    if parts:
        yield pa.concat_tables(parts)


def _cut(rows: Any, room: int) -> Iterator[Any]:
    """Yield as many rows as there is room for, then ROW_GROUP at a time: none once, if there are none."""
    yield rows[:room]
    for first in range(room, len(rows), ROW_GROUP):
        yield rows[first : first + ROW_GROUP]


def _table(results: Results, columns: Callable[[Replication, Scenario], Columns]) -> pa.Table:
    """One part for each replication: its keys, and its columns."""
    parts = [_part(result, row, columns(row, result.version.scenario)) for result, row in _rows(results)]
    return pa.concat_tables(parts) if parts else pa.table({})


def _part(result: VersionResult, row: Replication, numbers: Columns) -> pa.Table:
    count = len(next(iter(numbers.values())))
    keys = {
        "case": _repeated(result.version.case, count),
        "arm": _repeated(result.version.arm, count),
        "replication": _numbers(np.full(count, row.number, np.int32)),
    }
    return pa.table({**keys, **{name: _numbers(values) for name, values in numbers.items()}})


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
