"""Tables of sweeps, made up: as `meterstorm sweep` writes them, without a simulation."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from meterstorm.experiments.analysis.outcomes import AXES, DESIGN
from meterstorm.experiments.metrics.names import METRICS

Version = tuple[str | None, str | None]  # case and arm


def sweep_table(
    parameters: Mapping[str, Sequence[Any]],
    kind: str,
    values: Callable[[dict[str, Any], Version, int], float | None],
    metric: str = "denial_fraction",
    n: int | None = None,
    replications: int = 1,
    versions: Sequence[Version] = ((None, None),),
) -> pa.Table:
    """The table of a sweep over points, whose worlds have the metric that `values` says; others are null."""
    count = len(next(iter(parameters.values())))
    points = [{key: column[k] for key, column in parameters.items()} for k in range(count)]
    rows = [
        {"point": k, **point, "case": case, "arm": arm, "replication": r, metric: values(point, (case, arm), r)}
        for k, point in enumerate(points)
        for case, arm in versions
        for r in range(replications)
    ]
    types = {"point": pa.int32(), "case": pa.string(), "arm": pa.string(), "replication": pa.int32()}
    types |= {key: _type(column) for key, column in parameters.items()} | dict.fromkeys(METRICS, pa.float64())
    axes = [_axis(key, column) for key, column in parameters.items()]
    facts = {AXES: json.dumps(axes), DESIGN: json.dumps({"kind": kind, "n": count if n is None else n})}
    return pa.Table.from_pylist(rows, pa.schema(list(types.items()), facts))


def _type(column: Sequence[Any]) -> pa.DataType:
    return pa.array([_plain(value) for value in column]).type


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _axis(key: str, column: Sequence[Any]) -> dict[str, Any]:
    known = [_plain(value) for value in column if value is not None]
    if isinstance(known[0], float):
        return {"key": key, "low": min(known), "high": max(known), "scale": "linear"}
    return {"key": key, "values": list(dict.fromkeys(known))}


def saltelli(a: Any, b: Any) -> Any:
    """The points of a Saltelli design, from two samples with a column for each axis."""
    mixed = []
    for i in range(a.shape[1]):
        ab = a.copy()
        ab[:, i] = b[:, i]
        mixed.append(ab)
    return np.concatenate([a, b, *mixed])
