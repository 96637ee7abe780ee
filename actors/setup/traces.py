"""Recorded launches: a trace from a CSV or Parquet file, told apart by its content.

Columns: `time_s` (from the end of the warm-up; negative ones fall into it), `client`, `run_time_s`, `product` (a
name; may be left out when there is one product), and maybe `count` (licenses that the launch takes; without it, as
`tokens` of the product says). Names are text, whatever they look like.
"""

from pathlib import Path
from typing import Any

import numpy as np

from ..state.limits import LICENSES_MAX
from ..state.rows import SECOND
from ..state.schedule import RECORDED
from . import columns
from .scenario import Scenario, ns, shares

NEEDED = ("time_s", "client", "run_time_s", "product")
COLUMNS = (*NEEDED, "count")


def read(scenario: Scenario) -> Any:
    """Return the launches in order of client and time, rows of RECORDED.

    Raises ValueError with a finished message when the file is missing, is no such table, or holds an
    impossible value.
    """
    path = Path(scenario.workload.trace)
    names = [product.name for product in scenario.products]
    table = _table(path, NEEDED if len(names) > 1 else NEEDED[:-1])
    rows = np.zeros(table.num_rows, dtype=RECORDED)
    origin = scenario.run.warmup_s
    rows["time"] = np.round((columns.numbers(path, table, "time_s", -origin) + origin) * SECOND)
    rows["run_time"] = np.round(columns.numbers(path, table, "run_time_s", 0.0) * SECOND)
    rows["client"] = _clients(path, table, scenario.clients.count)
    rows["product"] = _products(path, table, names)
    usual = np.array([product.tokens if isinstance(product.tokens, int) else 0 for product in scenario.products])
    counts = _counts(path, table)
    rows["count"] = usual[rows["product"]] if counts is None else counts
    _check_shared(path, scenario, rows, usual[rows["product"]])
    return rows[np.lexsort((rows["time"], rows["client"]))].view(np.recarray)


def late(scenario: Scenario) -> tuple[int, int]:
    """Return how many launches come when the run has ended, and how many there are; raises what `read` raises."""
    times = read(scenario)["time"]
    return int((times >= ns(scenario.run.warmup_s + scenario.run.duration_s)).sum()), len(times)


def _table(path: Path, needed: tuple[str, ...]) -> Any:
    """Return the file's table, with the columns that it must have and no unknown ones."""
    table = columns.read("workload.trace", path, COLUMNS)
    columns.check(path, table, needed)
    for name in table.column_names:
        if name not in COLUMNS:
            raise ValueError(f"{path}: unknown column {name!r}; allowed: {', '.join(COLUMNS)}")
    return table


def _clients(path: Path, table: Any, count: int) -> Any:
    clients = columns.numbers(path, table, "client", 0.0)
    bad = (clients >= count) | (clients % 1 != 0)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        where = f"in row {row + 1} it is {clients[row]:g}"
        raise ValueError(f"{path}: client must be a whole number below clients.count = {count}; {where}")
    return clients


def _counts(path: Path, table: Any) -> Any:
    """Return how many licenses each launch takes; None where the trace does not say."""
    if "count" not in table.column_names:
        return None
    counts = columns.numbers(path, table, "count", 1.0)
    bad = (counts > LICENSES_MAX) | (counts % 1 != 0)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        where = f"in row {row + 1} it is {counts[row]:g}"
        raise ValueError(f"{path}: count must be a whole number from 1 to {LICENSES_MAX}; {where}")
    return counts


def _check_shared(path: Path, scenario: Scenario, rows: Any, usual: Any) -> None:
    """Programs that share licenses want as many of them, each."""
    is_shared = np.array([shares(product) for product in scenario.products])
    bad = is_shared[rows["product"]] & (rows["count"] != usual)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        where = f"in row {row + 1} it is {rows['count'][row]}"
        raise ValueError(
            f'{path}: count must be tokens = {usual[row]} of a product with sharing = "client"; {where}'
        )


def _products(path: Path, table: Any, names: list[str]) -> Any:
    """Return the number of each launch's product."""
    import pyarrow as pa
    from pyarrow import compute

    if "product" not in table.column_names:
        return 0
    cells = table["product"]
    kind = cells.type.value_type if pa.types.is_dictionary(cells.type) else cells.type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        raise ValueError(f"{path}: column product must hold text, not {kind}")
    numbers = compute.index_in(cells.cast(pa.large_string()), pa.array(names, pa.large_string()))
    if numbers.null_count:
        row = int(np.flatnonzero(compute.is_null(numbers).to_numpy(zero_copy_only=False))[0])
        allowed = ", ".join(map(repr, names))
        raise ValueError(f"{path}: unknown product {cells[row].as_py()!r} in row {row + 1}; allowed: {allowed}")
    return numbers.to_numpy()
