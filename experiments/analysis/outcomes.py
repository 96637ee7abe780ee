"""A sweep's table as arrays: the parameters of every point, and one metric of its worlds.

A point is one setting of all varied parameters, with a world for each replication of each case and arm.
"""

import json
import math
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..metrics.names import METRICS
from ..metrics.operators import OPERATORS
from ..scenario.wording import did_you_mean, refuse

FILE = "metrics.parquet"
AXES, DESIGN = "meterstorm.axes", "meterstorm.design"  # in the metadata of the tables of a sweep


class Axis(NamedTuple):
    """One varied parameter, and the range swept if it is numeric (else NaN)."""

    key: str
    low: float
    high: float


class Design(NamedTuple):
    """How a sweep's points were chosen."""

    kind: str  # grid, zip, sobol, lhs, random or saltelli; or tuning, whose points a sampler asked for
    n: int  # points drawn; saltelli: base rows; tuning: trials


class Sweep(NamedTuple):
    """A sweep's table (pyarrow's), its axes in order, and its design."""

    table: Any
    axes: list[Axis]
    design: Design


class Bad(NamedTuple):
    """Which values of a metric are bad."""

    comparison: str
    limit: float

    def __str__(self) -> str:
        return "inf" if math.isinf(self.limit) else f"{self.comparison} {self.limit:g}"

    def of(self, values: Any) -> Any:
        """Return for each value whether it is bad."""
        return OPERATORS[self.comparison](values, self.limit)


class Outcomes(NamedTuple):
    """One case and arm of a sweep: the parameters and one metric of each point that has a finished world."""

    case: str | None
    arm: str | None
    points: Any  # their numbers, ascending
    parameters: dict[str, Any]  # by key, one value for each point; None or NaN where one does not apply
    means: Any  # of the metric over replications; infinite where one is
    bad: Any  # share of replications that are bad
    noise: Any  # variance of each mean, estimated from its replications; NaN for a single one
    worlds: int
    left_out: int  # worlds that failed, or to which the metric does not apply


def parse_bad(text: str) -> Bad:
    """Return what "> 0.1", ">= 1", "< 3", "<= 0" or "inf" mean; raises ValueError."""
    if text.strip() == "inf":
        return Bad(">=", math.inf)
    match = re.fullmatch(r"\s*([<>]=?)\s*([-+]?[0-9.]+(?:e[-+]?[0-9]+)?)\s*", text, re.IGNORECASE)
    try:
        return Bad(match[1], float(match[2])) if match else _refuse_bad(text)
    except ValueError:
        return _refuse_bad(text)


def _refuse_bad(text: str) -> Bad:
    raise ValueError(refuse("--bad", text, 'a comparison with a number, such as "> 0.1", ">= 1", "< 3", or "inf"'))


def read(path: Path) -> Sweep:
    """Read a sweep's table from its folder, or from the file itself; raises ValueError for anything else."""
    from pyarrow import ArrowException, parquet

    file = path / FILE if path.is_dir() else path
    try:
        table = parquet.read_table(file)
    except FileNotFoundError as error:
        raise ValueError(f"{path}: is not the folder of a sweep: it has no {FILE}") from error
    except (OSError, ArrowException) as error:
        raise ValueError(f"{file}: cannot be read as Parquet: {error}") from error
    return of_table(table, str(file))


def of_table(table: Any, name: str) -> Sweep:
    """Return the sweep that a table with its metadata is of; raises ValueError."""
    facts = {name.decode(): text for name, text in (table.schema.metadata or {}).items()}
    try:
        axes = [_axis(axis) for axis in json.loads(facts[AXES])]
        missing = {"point", "case", "arm", *(axis.key for axis in axes)} - set(table.column_names)
        if missing:
            raise ValueError(f"no column {', '.join(sorted(missing))}")
        design = json.loads(facts[DESIGN])
        return Sweep(table, axes, Design(str(design["kind"]), int(design["n"])))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{name}: is not the table of a sweep: {type(error).__name__}: {error}") from error


def _axis(axis: dict[str, Any]) -> Axis:
    given = [axis[name] for name in ("low", "high")] if "low" in axis else axis["values"]
    bounds = [value for value in given if value is not None]
    if bounds and all(isinstance(value, int | float) and not isinstance(value, bool) for value in bounds):
        return Axis(axis["key"], min(bounds), max(bounds))
    return Axis(axis["key"], math.nan, math.nan)


def outcomes(sweep: Sweep, metric: str, bad: Bad | None, case: str | None, arm: str | None) -> list[Outcomes]:
    """Return each case and arm, or those asked for; raises ValueError when there is none, or no such metric."""
    if metric not in METRICS or metric not in sweep.table.column_names:
        raise ValueError(f"--metric {metric}: the sweep has no such metric{did_you_mean(metric, METRICS)}")
    cells = list(zip(sweep.table["case"].to_pylist(), sweep.table["arm"].to_pylist(), strict=True))
    wanted = [cell for cell in dict.fromkeys(cells) if case in (None, cell[0]) and arm in (None, cell[1])]
    if not wanted:
        raise ValueError(f"the sweep has no {_named(case, arm)}")
    found = [_outcomes(sweep, metric, bad, cell, np.array([c == cell for c in cells])) for cell in wanted]
    if not any(len(one.points) for one in found):
        raise ValueError(f"--metric {metric}: no world of the sweep has it")
    return found


def _named(case: str | None, arm: str | None) -> str:
    named = [f"{what} {name!r}" for what, name in (("case", case), ("arm", arm)) if name is not None]
    return ", ".join(named) or "worlds"


def _outcomes(
    sweep: Sweep, metric: str, bad: Bad | None, cell: tuple[str | None, str | None], is_of_cell: Any
) -> Outcomes:
    values = np.array(sweep.table[metric].to_pylist(), float)  # None becomes NaN
    kept = is_of_cell & ~np.isnan(values)
    numbers, values = np.array(sweep.table["point"].to_pylist())[kept], values[kept]
    points, first, place = np.unique(numbers, return_index=True, return_inverse=True)
    rows = np.flatnonzero(kept)[first]
    parameters = {axis.key: _column(sweep.table, axis.key)[rows] for axis in sweep.axes}
    counts = np.bincount(place, minlength=len(points))
    means = np.bincount(place, values, len(points)) / counts
    with np.errstate(invalid="ignore", divide="ignore"):
        squares = np.bincount(place, (values - means[place]) ** 2, len(points))
        noise = squares / (counts - 1) / counts
    is_bad = bad.of(values) if bad else np.zeros(len(values))
    share = np.bincount(place, is_bad, len(points)) / counts
    left_out = int(is_of_cell.sum() - kept.sum())
    return Outcomes(*cell, points, parameters, means, share, noise, len(values), left_out)


def _column(table: Any, key: str) -> Any:
    """Return a parameter's values: numbers as floats, NaN for null; words and truth values as objects."""
    values = table[key].to_pylist()
    is_numeric = all(isinstance(value, int | float | None) and not isinstance(value, bool) for value in values)
    return np.array(values, float if is_numeric else object)
