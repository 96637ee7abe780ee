"""Recorded launches: a trace from a CSV or Parquet file.

Columns: `time_s` (from the end of the warm-up; negative ones fall into it), `client`, `run_time_s`, and
`product` (a name; may be left out when there is one product).
"""

from pathlib import Path
from typing import Any

import numpy as np

from ..state.schedule import RECORDED
from .scenario import Scenario

SECOND = 1_000_000_000


def read(scenario: Scenario) -> Any:
    """Return the launches in order of client and time, rows of RECORDED.

    Raises ValueError with a finished message when the file is missing, is no such table, or holds an
    impossible value.
    """
    path = Path(scenario.workload.trace)
    table = _table(path)
    names = [product.name for product in scenario.products]
    for column in ("time_s", "client", "run_time_s", *(["product"] if len(names) > 1 else [])):
        if column not in table:
            raise ValueError(f"{path}: there is no column {column}; it has {', '.join(table)}")
    rows = np.zeros(len(table["time_s"]), dtype=RECORDED)
    origin = scenario.run.warmup_s
    rows["time"] = np.round((_numbers(path, table, "time_s", -origin) + origin) * SECOND)
    rows["run_time"] = np.round(_numbers(path, table, "run_time_s", 0.0) * SECOND)
    clients = _numbers(path, table, "client", 0.0)
    if (clients >= scenario.clients.count).any() or (clients % 1 != 0).any():
        raise ValueError(f"{path}: client must be a whole number below clients.count = {scenario.clients.count}")
    rows["client"] = clients
    rows["product"] = _products(path, table, names)
    return rows[np.lexsort((rows["time"], rows["client"]))].view(np.recarray)


def _table(path: Path) -> dict[str, Any]:
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    if not path.is_file():
        raise ValueError(f"workload.trace: there is no file {str(path)!r}")
    try:
        reader = pa.parquet.read_table if path.suffix == ".parquet" else pa.csv.read_csv
        return {name: np.array(values) for name, values in reader(path).to_pydict().items()}
    except pa.ArrowInvalid as error:
        raise ValueError(f"workload.trace: {str(path)!r} cannot be read: {error}") from error


def _numbers(path: Path, table: dict[str, Any], column: str, least: float) -> Any:
    try:
        values = table[column].astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: column {column} must hold numbers") from error
    bad = ~(np.isfinite(values) & (values >= least) & (values <= 1e9))
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise ValueError(f"{path}: {column} in row {row + 1} is {values[row]}; it must be from {least} to 1e9")
    return values


def _products(path: Path, table: dict[str, Any], names: list[str]) -> Any:
    if "product" not in table:
        return 0
    unknown = set(map(str, table["product"])) - set(names)
    if unknown:
        raise ValueError(f"{path}: unknown product {min(unknown)!r}; allowed: {', '.join(names)}")
    return [names.index(str(name)) for name in table["product"]]
