"""The table of worlds, metrics.parquet: a row for each world, a column for each thing that one may ask it for.

Two runs of the same worlds give the same table, whatever ran them: what it cost in time is in a table of its own.
"""

import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from meterstorm.actors.state.counters import COUNTERS

from ..metrics.metrics import Value
from ..metrics.names import MEANINGS, METRICS, METRICS_OF_GROUPS

if TYPE_CHECKING:
    import pyarrow as pa

COUNTS = frozenset([*(counter.column for counter in COUNTERS), "denials", "overissued"])
VIOLATED = "invariant violated: "  # how the error of a world begins that shows a defect of the engine
KEYS = ("point", "case", "arm", "replication")
COSTS = ("cpu_s", "memory_bytes")
ROW_GROUP = 1 << 20  # rows that Arrow writes at once

# What each column means but those of a sweep's axes, and those of the table of costs.
COLUMNS = {
    "point": "number of the point; 0 in a run",
    "case": "name of the case; null where the file has none",
    "arm": "name of the arm; null where the file has none",
    "replication": "number of the replication, from 0",
    "seed": "root of all random numbers",
    "world": "hash of what the world depends on, but its replication: settings, files, engine",
    "digest": "of everything that happened",
    **{name: MEANINGS[name] for name in METRICS},
    "events": "events that happened",
    "error": "why the world could not be run to its end",
}
COLUMNS_OF_COSTS = {
    **{name: COLUMNS[name] for name in KEYS},
    "cpu_s": "CPU time that the world took, s",
    "memory_bytes": "peak memory of the process that ran it, bytes",
}

COLUMNS_OF_GROUPS = {
    **{name: COLUMNS[name] for name in KEYS if name != "point"},
    "group": "name of the group; rest: the clients of no group",
    "clients": "how many clients it has",
    **{name: f"{MEANINGS[name]}; of its clients" for name in METRICS_OF_GROUPS},
}

DIGEST = "meterstorm.digest"  # of the run or the sweep, in the metadata of each of its tables


class Row(NamedTuple):
    """What one world gave; no metrics but an error where it could not be run to its end."""

    point: int  # of a sweep; 0 in a run
    settings: Mapping[str, Any]  # what the point sets
    case: str | None
    arm: str | None
    replication: int
    seed: int
    world: str | None = None  # the same for worlds that must give the same
    digest: str | None = None
    metrics: Mapping[str, Value] = {}
    events: int = 0
    error: str | None = None
    cpu_s: float = 0.0
    memory_bytes: int = 0


class GroupRow(NamedTuple):
    """What one group of clients has of a world."""

    case: str | None
    arm: str | None
    replication: int
    group: str
    clients: int
    metrics: Mapping[str, Value]


def schema_of_groups() -> "pa.Schema":
    """Return the columns of the table of groups."""
    import pyarrow as pa

    types = [("case", pa.string()), ("arm", pa.string()), ("replication", pa.int32())]
    types += [("group", pa.string()), ("clients", pa.int64())]
    return pa.schema(types + _of_metrics(METRICS_OF_GROUPS))


def _of_metrics(names: Iterable[str]) -> list[tuple[str, "pa.DataType"]]:
    import pyarrow as pa

    return [(name, pa.int64() if name in COUNTS else pa.float64()) for name in names]


def schema(kinds: Mapping[str, str]) -> "pa.Schema":
    """Return the columns of the table, costs included; `kinds` has the type of each varied key's column."""
    import pyarrow as pa

    types = [("point", pa.int32()), *((key, pa.type_for_alias(kind)) for key, kind in kinds.items())]
    types += [("case", pa.string()), ("arm", pa.string()), ("replication", pa.int32()), ("seed", pa.int64())]
    types += [("world", pa.string()), ("digest", pa.string())]
    types += _of_metrics(METRICS)
    types += [("events", pa.int64()), ("error", pa.string())]
    types += [("cpu_s", pa.float64()), ("memory_bytes", pa.int64())]
    return pa.schema(types)


def batch(rows: Sequence[Row | GroupRow], columns: "pa.Schema") -> "pa.RecordBatch":
    """Return rows as columns."""
    import pyarrow as pa

    cells = [_cells(row) for row in rows]
    arrays = [_array([cell.get(field.name) for cell in cells], field.type) for field in columns]
    return pa.RecordBatch.from_arrays(arrays, schema=columns)


def _array(values: Sequence[Any], kind: "pa.DataType") -> "pa.Array":
    """Return a column; `pyarrow.array` would import pandas where there is one, which takes half a second."""
    import numpy as np
    import pyarrow as pa

    valid = _bits(value is not None for value in values)
    if pa.types.is_boolean(kind):
        return pa.Array.from_buffers(kind, len(values), [valid, _bits(map(bool, values))])
    if pa.types.is_string(kind):
        texts = [b"" if value is None else _text(value).encode() for value in values]
        ends = np.cumsum([0, *map(len, texts)], dtype=np.int32)
        return pa.Array.from_buffers(kind, len(values), [valid, pa.py_buffer(ends), pa.py_buffer(b"".join(texts))])
    numbers = np.array([0, *(0 if value is None else value for value in values)])
    exact = numbers.astype(kind.to_pandas_dtype(), casting="same_kind")  # no fraction is cut off
    return pa.Array.from_buffers(kind, len(values), [valid, pa.py_buffer(exact[1:])])


def _bits(marks: Iterable[bool]) -> "pa.Buffer":
    import numpy as np
    import pyarrow as pa

    return pa.py_buffer(np.packbits(np.fromiter(marks, bool), bitorder="little"))


def _text(value: Any) -> str:
    """Return the value of a key whose column has text: words as they are, others as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def _cells(row: Row | GroupRow) -> dict[str, Any]:
    facts = row._asdict()
    settings = facts.pop("settings", {})
    return {**{key: cell(value) for key, value in settings.items()}, **facts.pop("metrics"), **facts}


def cell(value: Any) -> Any:
    """Return the value of a key as a column has it: a list or a table as JSON text."""
    return value if isinstance(value, bool | int | float | str) else json.dumps(value)


def kind_of(values: Iterable[Any]) -> str:
    """Return the type of the column that has these values, as Arrow's alias."""
    types = {type(cell(value)) for value in values}
    if types <= {int}:
        return "int64"
    if types <= {int, float}:
        return "double"
    return "bool" if types == {bool} else "string"


def without_costs(table: "pa.Table") -> "pa.Table":
    """Return the columns of metrics.parquet: those that do not depend on what ran the worlds."""
    return table.drop_columns([name for name in COSTS if name in table.column_names])


def facts(digest: str, title: str, columns: Mapping[str, str]) -> dict[str, str]:
    """Return a table's metadata: which run it belongs to, and what its columns mean."""
    return {DIGEST: digest, "meterstorm.title": title, "meterstorm.columns": json.dumps(columns)}


def write_csv(table: "pa.Table", path: Path) -> None:
    """Write a table as CSV; raises OSError."""
    from pyarrow import csv

    with path.open("wb") as file:  # Arrow itself would put an error in words of its own
        csv.write_csv(table, file)


def write_table(table: "pa.Table", path: Path, facts: Mapping[str, str]) -> None:
    """Write a table as Parquet with facts as its metadata; raises OSError."""
    from pyarrow import parquet

    parquet.write_table(table.replace_schema_metadata(dict(facts)), path)


def write_parts(parts: Iterable["pa.Table"], path: Path, facts: Mapping[str, str]) -> None:
    """Write a table that comes in parts of ROW_GROUP rows, the last one of fewer; raises OSError.

    The file is the one that `write_table` writes, but at most two parts are in memory.
    """
    from pyarrow import parquet

    rest = iter(parts)
    first = next(rest).replace_schema_metadata(dict(facts))
    with parquet.ParquetWriter(path, first.schema) as writer:
        for part in itertools.chain([first], rest):
            writer.write_table(part)
