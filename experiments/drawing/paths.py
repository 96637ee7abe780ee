"""Lines and bands as SVG paths, thinned to what a reader can see."""

from collections.abc import Iterator
from typing import Any

import numpy as np

COLUMNS = 330  # in which a line is thinned to its least and its largest value
DENSE = 2  # points in a column, from which a line is thinned


def thinned(x: Any, y: Any) -> tuple[Any, Any]:
    """Return a line's points, or of a dense one the least and the largest of each column, in their order.

    Both are places, not values; `x` ascends. Columns are a unit wide.
    """
    if len(x) <= DENSE * COLUMNS:
        return x, y
    column = np.floor(x).astype(np.int64)
    first = np.flatnonzero(np.append(True, np.diff(column) > 0))
    ends = np.append(first[1:], len(x))
    low, high = np.minimum.reduceat(y, first), np.maximum.reduceat(y, first)
    rises = y[ends - 1] >= y[first]
    pairs = np.where(rises[:, None], np.stack([low, high], 1), np.stack([high, low], 1))
    return np.repeat(column[first], 2).astype(float), pairs.ravel()


def envelope(x: Any, low: Any, high: Any) -> tuple[Any, Any, Any]:
    """Return a band's columns and edges: of a dense one the outermost of each column."""
    if len(x) <= COLUMNS:
        return x, low, high
    column = np.floor(x).astype(np.int64)
    first = np.flatnonzero(np.append(True, np.diff(column) > 0))
    return column[first].astype(float), np.minimum.reduceat(low, first), np.maximum.reduceat(high, first)


def line(x: Any, y: Any) -> str:
    """Return the path through points; where y is not a number, the line is broken."""
    is_there = np.isfinite(y)
    starts = np.flatnonzero(is_there & ~np.append(False, is_there[:-1]))
    ends = np.flatnonzero(is_there & ~np.append(is_there[1:], False)) + 1
    return "".join(_piece(*thinned(x[a:b], y[a:b])) for a, b in zip(starts, ends, strict=True))


def band(x: Any, low: Any, high: Any) -> str:
    """Return the closed path between two edges."""
    kept = np.isfinite(low) & np.isfinite(high)
    if not kept.any():
        return ""
    columns, lower, upper = envelope(x[kept], low[kept], high[kept])
    there, back = _piece(columns, lower), _piece(columns[::-1], upper[::-1])
    return f"{there}L{back[1:]}z"


def _piece(x: Any, y: Any) -> str:
    """Return the path through points, from one to the next; points on a level line are left out."""
    is_between = (y[1:-1] == y[:-2]) & (y[1:-1] == y[2:])
    kept = ~np.append(False, np.append(is_between, False))[: len(y)]
    tenths = np.rint(np.stack([x, y], 1)[kept] * 10).astype(np.int64)
    steps = np.diff(tenths, axis=0).tolist() or [[1, 0]]  # a point by itself is a dot
    return f"M{_tenths(tenths[0, 0])} {_tenths(tenths[0, 1])}" + "".join(_steps(steps))


def _steps(steps: list[list[int]]) -> Iterator[str]:
    for across, down in steps:
        if across == 0:
            yield f"v{_tenths(down)}"
        elif down == 0:
            yield f"h{_tenths(across)}"
        else:
            yield f"l{_tenths(across)} {_tenths(down)}"


def _tenths(value: int) -> str:
    """Return a number of tenths in as few signs as SVG takes: -.5, 3, 2.4."""
    whole, rest = divmod(abs(int(value)), 10)
    text = f"{whole or ''}.{rest}" if rest else f"{whole}"
    return f"-{text}" if value < 0 else text
