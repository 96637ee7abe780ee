"""The line on a grid along which values are at a level: marching squares."""

from collections.abc import Iterator
from typing import Any

import numpy as np

Point = tuple[float, float]  # column and row, fractions between


def contour(values: Any, level: float) -> Iterator[tuple[Point, Point]]:
    """Yield the pieces of the line; a square with a corner that has no value has none."""
    rows, columns = np.shape(values)
    for row in range(rows - 1):
        for column in range(columns - 1):
            corners = [(column, row), (column + 1, row), (column + 1, row + 1), (column, row + 1)]
            found = [float(values[y][x]) - level for x, y in corners]
            if np.isfinite(found).all():
                yield from _pieces(corners, found)


def _pieces(corners: list[tuple[int, int]], over: list[float]) -> Iterator[tuple[Point, Point]]:
    """Yield the pieces in a square: one, or where two opposite corners are over the level, two."""
    crossings = [
        _between(corners[n], corners[(n + 1) % 4], over[n], over[(n + 1) % 4])
        for n in range(4)
        if (over[n] > 0) != (over[(n + 1) % 4] > 0)
    ]
    if len(crossings) == 4 and (sum(over) > 0) != (over[0] > 0):
        crossings = [
            *crossings[1:],
            crossings[0],
        ]  # the middle is not on the side of the first corner, which is cut off
    yield from zip(crossings[::2], crossings[1::2], strict=True)


def _between(a: Point, b: Point, over_a: float, over_b: float) -> Point:
    share = over_a / (over_a - over_b)
    return a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1])
