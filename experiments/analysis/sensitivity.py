"""Which parameters a metric depends on: shares of its variance over a sweep's points.

The first-order index of a parameter is the share that it explains alone, the total index the share that it has a
part in (Saltelli et al. 2010, Computer Physics Communications 181, 259-270). A Saltelli design estimates them; a
full grid has them exactly, each of its points being as likely as any other.
"""

import itertools
from typing import Any, NamedTuple

import numpy as np

from ..scenario.wording import counted
from .outcomes import Axis, Design, Outcomes

RESAMPLES = 999
RANK_MIDDLE = 0.5
ROWS_MIN = 8  # of a Saltelli design, below which a bootstrap says nothing


class Index(NamedTuple):
    """First-order and total index of one parameter, each with its 95 % interval if it is an estimate."""

    key: str
    first: float
    total: float
    first_interval: tuple[float, float] | None = None
    total_interval: tuple[float, float] | None = None


class Sensitivity(NamedTuple):
    """Indices of all parameters and what they are of, in words; or, without indices, why there are none."""

    indices: list[Index]
    words: str
    notes: tuple[str, ...] = ()


def sensitivity(found: Outcomes, axes: list[Axis], design: Design, has_bad: bool) -> Sensitivity:
    """Return the indices that a design allows; raises ValueError if the points are not of that design."""
    if design.kind not in ("saltelli", "grid"):
        return Sensitivity([], f"no Sobol indices: a {design.kind} design has none; sweep --saltelli N gives them")
    response, words = _response(found, has_bad)
    if len(response) == 0 or np.ptp(response) == 0:
        return Sensitivity([], f"no indices: {words} is the same at every point")
    noise = _noise(found) if response is found.means else ()
    if design.kind == "grid":
        return _of_grid(found, response, axes, words, noise)
    rows = saltelli_rows(found.points, response, len(axes), design.n)
    return _of_saltelli(rows, axes, words, noise)


def _response(found: Outcomes, has_bad: bool) -> tuple[Any, str]:
    """Return what is explained at every point, and its name: an infinite mean has no variance."""
    if np.isfinite(found.means).all():
        return found.means, "the mean over replications"
    if has_bad:
        return found.bad, "the share of bad replications: the metric is infinite at some points"
    return ranks(found.means), "the rank of the mean: the metric is infinite at some points"


def ranks(values: Any) -> Any:
    """Return the ranks of values from 0 to 1; equal ones share the middle of theirs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    middles = np.cumsum(counts) - RANK_MIDDLE * (counts + 1)
    return middles[place] / max(1, len(values) - 1)


def _noise(found: Outcomes) -> tuple[str, ...]:
    """Return in words how much of the variance the replications' noise may be; common random numbers lessen it."""
    if np.isnan(found.noise).any():
        return ()
    share = min(1.0, found.noise.mean() / found.means.var())
    return (f"noise of the replications is at most {100 * share:.2g} % of its variance",)


def _of_saltelli(rows: Any, axes: list[Axis], words: str, noise: tuple[str, ...]) -> Sensitivity:
    complete = rows[:, ~np.isnan(rows).any(axis=0)]
    used, whole = complete.shape[1], rows.shape[1]
    if used < ROWS_MIN:
        return Sensitivity(
            [], f"no Sobol indices: {used} of {whole} base rows are complete; {ROWS_MIN} are needed"
        )
    indices = saltelli_indices([axis.key for axis in axes], complete)
    missing = f" of {whole}; the others miss a point" if used < whole else ""
    interval = f"95 % bootstrap intervals over {counted(used, 'base row')}{missing}"
    return Sensitivity(indices, f"Sobol indices of {words}", (interval, *noise))


def saltelli_rows(points: Any, response: Any, axes: int, base_rows: int) -> Any:
    """Return the response at A, B and each AB_i, a row each, NaN where a point is missing; raises ValueError.

    Points are numbered so: all of A, all of B, then for each axis i all of A with column i from B.
    """
    flat = np.full(base_rows * (axes + 2), np.nan)
    if points[-1] >= len(flat):
        raise ValueError(f"point {points[-1]} is not of a Saltelli design of {base_rows} rows and {axes} axes")
    flat[points] = response
    return flat.reshape(axes + 2, base_rows)


def saltelli_indices(keys: list[str], rows: Any, seed: int = 0, confidence: float = 0.95) -> list[Index]:
    """Return the estimates of Saltelli et al. 2010, table 2 (b) and (f), with percentile bootstrap intervals."""
    n = rows.shape[1]
    draws = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), RESAMPLES) / n
    first, total = _estimates(rows, np.full((1, n), 1 / n))
    edges = [(1 - confidence) / 2, (1 + confidence) / 2]
    intervals = [np.nanquantile(values, edges, axis=0).T for values in _estimates(rows, draws)]
    return [
        Index(key, float(first[0, i]), float(total[0, i]), _pair(intervals[0][i]), _pair(intervals[1][i]))
        for i, key in enumerate(keys)
    ]


def _estimates(rows: Any, weights: Any) -> tuple[Any, Any]:
    """Return first-order and total indices, a row for each row of weights of the base rows.

    Where these have no variance, there are no shares of it: NaN.
    """
    a, b, *mixed = rows - rows[:2].mean()
    mean = weights @ (a + b) / 2
    variance = (weights @ (a**2 + b**2) / 2 - mean**2)[:, None]
    variance = np.where(variance > 0, variance, np.nan)
    firsts = np.stack([b * (ab - a) for ab in mixed], axis=1)
    totals = np.stack([(a - ab) ** 2 / 2 for ab in mixed], axis=1)
    return weights @ firsts / variance, weights @ totals / variance


def _pair(values: Any) -> tuple[float, float]:
    return float(values[0]), float(values[1])


def _of_grid(found: Outcomes, response: Any, axes: list[Axis], words: str, noise: tuple[str, ...]) -> Sensitivity:
    grid = grid_of([found.parameters[axis.key] for axis in axes], response)
    empty = int(np.isnan(grid).sum())
    if empty:
        cells = counted(grid.size, "combination")
        return Sensitivity([], f"no shares of variance: the grid has no value at {empty} of {cells}")
    indices = grid_indices([axis.key for axis in axes], grid)
    return Sensitivity(indices, f"Sobol indices of {words}", ("exact: the grid is full", *noise))


def grid_of(columns: list[Any], response: Any) -> Any:
    """Return the response as an array with an axis for each parameter; NaN where there is no point.

    A point where a parameter does not apply stands for all of its values; points that coincide are averaged.
    """
    levels = [list(dict.fromkeys(value for value in column if not is_null(value))) for column in columns]
    sums, counts = (np.zeros([max(1, len(known)) for known in levels]) for _ in range(2))
    for values, y in zip(zip(*columns, strict=True), response, strict=True):
        cell = tuple(
            slice(None) if is_null(value) else known.index(value)
            for value, known in zip(values, levels, strict=True)
        )
        sums[cell] += y
        counts[cell] += 1
    with np.errstate(invalid="ignore"):
        return sums / counts


def is_null(value: Any) -> bool:
    """Return whether a parameter's value says that it does not apply."""
    return value is None or value != value  # noqa: PLR0124  (NaN)


def grid_indices(keys: list[str], grid: Any) -> list[Index]:
    """Return the exact decomposition of the variance over a full grid."""
    variance, axes = grid.var(), range(grid.ndim)
    found = []
    for i, key in enumerate(keys):
        others = tuple(itertools.chain(axes[:i], axes[i + 1 :]))
        alone = grid.mean(axis=others).var() / variance
        without = grid.mean(axis=i).var() / variance
        found.append(Index(key, float(alone), float(1 - without)))
    return found
