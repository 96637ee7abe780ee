"""Maps of a grid: a shade for each value or a color for what is best there, and the contour between."""

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from .axes import Area
from .contours import contour
from .figure import WIDTH, Figure, Key, Table, color, picture
from .scales import span
from .text import SIZE, cut, label, number, plain, width

CELL_HEIGHT, HEIGHT_MAX = 34, 300
SHADES = 9
LEFT_MAX, TOP, FOOT = 110, 22, 42


class Grid(NamedTuple):
    """Values over two settings, `values[row][column]`, rows from below; NaN: none. Infinite ones have no shade."""

    x_name: str
    x: Sequence[str]
    y_name: str
    y: Sequence[str]
    values: Any


def heat(name: str, title: str, caption: str, grid: Grid, level: float | None) -> Figure:
    """Return a map of values in nine shades, darker where they are larger, with the contour of a level."""
    low, high = span([grid.values])
    steps = np.floor((grid.values - low) / ((high - low) or 1.0) * SHADES)
    kinds = [
        ["none" if not math.isfinite(step) else f"h{min(int(step), SHADES - 1)}" for step in row] for row in steps
    ]
    lines = [] if level is None else contour(grid.values, level)
    return _figure(name, title, caption, grid, kinds, list(lines), (), written=True)


def phases(name: str, title: str, caption: str, grid: Grid, keys: Sequence[Key], lead: Any) -> Figure:
    """Return a map of which key is best; a value beyond the last key means that none clearly is.

    `lead` is by how much the first one is better than the best of the others: its contour of 0 divides them.
    """
    kinds = [[_kind(value, keys) for value in row] for row in grid.values]
    words = [[_word(value, keys) for value in row] for row in grid.values]
    return _figure(name, title, caption, grid, kinds, list(contour(lead, 0.0)), keys)._replace(
        table=_table(grid, words)
    )


def _kind(value: float, keys: Sequence[Key]) -> str:
    if math.isnan(value):
        return "none"
    return color(keys[int(value)].color) if value < len(keys) else "tie"


def _word(value: float, keys: Sequence[Key]) -> str:
    if math.isnan(value):
        return "-"
    return keys[int(value)].name if value < len(keys) else "not clear"


def _figure(
    name: str,
    title: str,
    caption: str,
    grid: Grid,
    kinds: Sequence[Sequence[str]],
    lines: Sequence[Any],
    keys: Sequence[Key],
    written: bool = False,
) -> Figure:
    place = _area(grid)
    parts = [
        *_cells(grid, kinds, place),
        *(_texts(grid, kinds, place) if written else ()),
        *_contour(grid, lines, place),
        *_sides(grid, place),
    ]
    svg = picture(place.bottom + FOOT, parts, f"{title}. {caption}")
    words = [["-" if math.isnan(value) else number(value) for value in row] for row in grid.values]
    return Figure(name, title, caption, svg, keys, _table(grid, words))


def _area(grid: Grid) -> Area:
    left = min(LEFT_MAX, max(map(width, grid.y)) + 8)
    return Area(left, TOP, WIDTH - 4, TOP + min(HEIGHT_MAX, CELL_HEIGHT * len(grid.y)))


def _size(grid: Grid, place: Area) -> tuple[float, float]:
    return (place.right - place.left) / len(grid.x), (place.bottom - place.top) / len(grid.y)


def _middle(grid: Grid, place: Area, column: float, row: float) -> tuple[float, float]:
    wide, high = _size(grid, place)
    return place.left + (column + 0.5) * wide, place.bottom - (row + 0.5) * high


def _cells(grid: Grid, kinds: Sequence[Sequence[str]], place: Area) -> Iterator[str]:
    wide, high = _size(grid, place)
    for row, found in enumerate(kinds):
        for column, kind in enumerate(found):
            x, y = place.left + column * wide, place.bottom - (row + 1) * high
            size = f'width="{plain(wide)}" height="{plain(high)}"'
            yield f'<rect class="cell {kind}" x="{plain(x)}" y="{plain(y)}" {size}/>'


def _texts(grid: Grid, kinds: Sequence[Sequence[str]], place: Area) -> Iterator[str]:
    """Yield the values in their cells, where all of them fit."""
    wide, high = _size(grid, place)
    words = [["" if math.isnan(value) else number(value) for value in row] for row in grid.values]
    if high < SIZE + 2 or max(width(word) for row in words for word in row) > wide - 2:
        return
    for row, found in enumerate(words):
        for column, word in enumerate(found):
            x, y = _middle(grid, place, column, row)
            is_dark = kinds[row][column] in {"h5", "h6", "h7", "h8"}
            yield label(x, y + SIZE / 3, word, "middle", "inverse" if is_dark else "")


def _contour(grid: Grid, lines: Sequence[Any], place: Area) -> Iterator[str]:
    """Yield the contour twice: a light line below a dark one is seen on every shade."""
    pieces = [[_middle(grid, place, *point) for point in line] for line in lines]
    d = "".join(f"M{plain(a[0])} {plain(a[1])}L{plain(b[0])} {plain(b[1])}" for a, b in pieces)
    if d:
        yield f'<path class="contour under" d="{d}"/><path class="contour" d="{d}"/>'


def _sides(grid: Grid, place: Area) -> Iterator[str]:
    """Yield the values of both settings beside the map, as many as fit."""
    wide, high = _size(grid, place)
    yield label(0, SIZE, f"{cut(grid.y_name, WIDTH - 20)} ↑", kind="soft")
    yield label(WIDTH, place.bottom + 36, f"{cut(grid.x_name, WIDTH - 20)} →", "end", "soft")
    widest = max(map(width, grid.x)) + 6
    for n in range(0, len(grid.x), max(1, math.ceil(min(widest, 90) / wide))):
        x, _ = _middle(grid, place, n, 0)
        word = cut(grid.x[n], 84)
        half = width(word) / 2
        yield label(min(max(x, half), WIDTH - half), place.bottom + 16, word, "middle")
    for n in range(0, len(grid.y), max(1, math.ceil((SIZE + 2) / high))):
        _, y = _middle(grid, place, 0, n)
        yield label(place.left - 5, y + SIZE / 3, cut(grid.y[n], LEFT_MAX - 8), "end")


def _table(grid: Grid, words: Sequence[Sequence[str]]) -> Table:
    heads = [f"{grid.y_name} \\ {grid.x_name}", *grid.x]
    return Table(heads, [[name, *row] for name, row in zip(grid.y, words, strict=True)])
