"""A sweep's results: one table of its worlds, in the order of the plan, whichever process ran them and when."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..analysis.outcomes import AXES, DESIGN
from ..runs.folder import SWEEP, TUNING, UNFINISHED, unfinished
from ..runs.results import digest_of
from ..runs.table import COLUMNS, COLUMNS_OF_COSTS, KEYS, facts, without_costs, write_table
from ..scenario import Scenario, load, versions
from . import store
from .points import Plan, Point, axes_of, plan
from .run import columns_of

if TYPE_CHECKING:
    import pyarrow as pa

NO_SWEEP = "not the folder of a sweep; it has no metrics.parquet of one"


def collect(plan: Plan, folder: Path) -> "pa.Table":
    """Return the rows that a folder has, one for each world: the last that was written, in the plan's order."""
    import numpy as np
    import pyarrow as pa

    table = pa.Table.from_batches(list(store.read(folder)), columns_of(plan)).combine_chunks()
    numbers = {(version.case, version.arm): number for number, version in enumerate(versions(plan.base))}
    pairs = zip(table["case"].to_pylist(), table["arm"].to_pylist(), strict=True)
    version = np.array([numbers[pair] for pair in pairs], np.int64)
    point, replication = table["point"].to_numpy(), table["replication"].to_numpy()
    order = np.lexsort((np.arange(len(version)), replication, version, point))
    keys = np.stack([point, version, replication], axis=1)[order]
    is_last = np.append((keys[1:] != keys[:-1]).any(axis=1), True)[: len(order)]
    return table.take(pa.array(order[is_last]))


def read(folder: Path) -> "tuple[Plan, pa.Table]":
    """Return the plan of the sweep in a folder and its rows so far; raises OSError, ValueError, ScenarioError."""
    import pyarrow as pa
    from pyarrow import parquet

    base = load(folder / "scenario.toml")
    if (kind := unfinished(folder)) in (SWEEP, TUNING):
        store.tell_damage(folder / UNFINISHED)
        table = collect(Plan(base, axes_of(base), ()), folder / UNFINISHED)
        return (plan(base) if kind == SWEEP else _plan_in(base, table)), table
    file = folder / "metrics.parquet"
    if not file.exists():
        raise ValueError(f"{folder}: {NO_SWEEP}")
    try:
        table = parquet.read_table(file)
    except pa.ArrowException as error:
        raise ValueError(f"{file}: cannot be read: {str(error).splitlines()[0]}") from None
    if AXES.encode() not in (table.schema.metadata or {}):
        raise ValueError(f"{folder}: {NO_SWEEP}")
    return _plan_in(base, table), table


def _plan_in(base: Scenario, table: "pa.Table") -> Plan:
    """Return the plan of a table, up to its last point: to rebuild all of it takes the sweep's own files."""
    varying = axes_of(base)
    settings: dict[int, dict[str, Any]] = {}
    for row in table.select(["point", *(axis.key for axis in varying)]).to_pylist():
        settings.setdefault(row.pop("point"), {key: value for key, value in row.items() if value is not None})
    last = max(settings, default=-1)
    return Plan(base, varying, tuple(Point(number, settings.get(number, {})) for number in range(last + 1)))


def forget(checkpoints: Path) -> None:
    """Remove the rows as they came, once they are in metrics.parquet."""
    shutil.rmtree(checkpoints)


def digest(table: "pa.Table") -> str:
    """Return one digest for all worlds, in order."""
    pairs = zip(table["digest"].to_pylist(), table["error"].to_pylist(), strict=True)
    return digest_of([one or str(error) for one, error in pairs])


def write(folder: Path, plan: Plan, table: "pa.Table") -> None:
    """Write metrics.parquet and costs.parquet; raises OSError.

    The first is the same, byte for byte, whichever processes ran the sweep and however often it was interrupted.
    """
    title, mark = plan.base.title, digest(table)
    design = {
        AXES: json.dumps([_described(axis) for axis in plan.axes]),
        DESIGN: json.dumps({"kind": plan.design, "n": plan.base.sweep.samples}),
    }
    write_table(without_costs(table), folder / "metrics.parquet", facts(mark, title, COLUMNS) | design)
    costs = table.select(list(COLUMNS_OF_COSTS))
    write_table(costs, folder / "costs.parquet", facts(mark, title, COLUMNS_OF_COSTS) | design)


def _described(axis: Any) -> dict[str, Any]:
    if axis.values:
        return {"key": axis.key, "values": list(axis.values)}
    return {"key": axis.key, "low": axis.low, "high": axis.high, "scale": "log" if axis.is_log else "linear"}


def failures(table: "pa.Table") -> Sequence[dict[str, Any]]:
    """Return the worlds that have failed: their keys, and why."""
    import pyarrow.compute as pc

    failed = table.filter(pc.is_valid(table["error"]))
    rows: list[dict[str, Any]] = failed.select([*KEYS, "error"]).to_pylist()
    return rows
