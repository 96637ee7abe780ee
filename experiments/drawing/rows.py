"""Figures of rows: a name above, its marks below. Forests of differences, ladders of quantiles, bars of shares."""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from .axes import Area, below
from .figure import WIDTH, Figure, Key, Table, arm, color, picture
from .scales import Scale, log_ticks, ticks
from .text import SIZE, cut, label, number, plain, width

ROW, HEAD, FOOT = 32, 6, 26
MARGIN = 14
SHAPES = ("circle", "square", "diamond", "bar")


class Mark(NamedTuple):
    """A value in a row, and its interval; a wider one holds for all rows at once."""

    value: float
    low: float | None = None
    high: float | None = None
    wide: tuple[float, float] | None = None
    shape: str = "circle"


class Row(NamedTuple):
    """A row of a figure: what it shows, its marks, and its numbers in words."""

    name: str
    key: Key
    marks: Sequence[Mark]
    words: str
    is_joined: bool = False  # whether a line goes from the first mark to the last


class Kind(NamedTuple):
    """How the rows' values lie."""

    axis: str  # what they are, unit included
    zero: bool = False  # whether a line marks 0
    is_log: bool = False


def figure(name: str, title: str, caption: str, rows: Sequence[Row], kind: Kind, table: Table) -> Figure:
    """Return a figure of rows, each as wide as the whole figure."""
    height = HEAD + len(rows) * ROW + FOOT
    place = Area(MARGIN, HEAD, WIDTH - MARGIN, height - FOOT)
    ends = [end for row in rows for mark in row.marks for end in _ends(mark) if math.isfinite(end)]
    x = _scale(ends, kind, place)
    parts = [
        *(_axis(x, kind, place, len(rows)) if ends else ()),
        *(part for n, row in enumerate(rows) for part in _row(row, HEAD + n * ROW, x)),
    ]
    return Figure(name, title, caption, picture(height, parts, f"{title}. {caption}"), (), table)


def _axis(x: Scale, kind: Kind, place: Area, rows: int) -> Iterator[str]:
    """Yield the axis below, and 0 in each row where that is marked."""
    found = (log_ticks if kind.is_log else ticks)(x.low, x.high, 5)
    yield from below(place, [(x(tick.value), tick.text) for tick in found])
    for n in range(rows if kind.zero else 0):
        yield _zero(x(0.0), HEAD + n * ROW)


def _scale(ends: Sequence[float], kind: Kind, place: Area) -> Scale:
    known = list(ends) if kind.is_log else [*ends, 0.0]
    low, high = min(known), max(known)
    if kind.is_log:
        return Scale(low / 1.2, high * 1.2, place.left, place.right, is_log=True)
    room = 0.04 * (high - low) or 1.0
    return Scale(low - room * (low < 0), high + room, place.left, place.right)


def _ends(mark: Mark) -> Iterator[float]:
    yield mark.value
    for end in (mark.low, mark.high, *(mark.wide or ())):
        if end is not None:
            yield end


def _zero(place: float, y: float) -> str:
    """Return the mark of 0 in a row, below its words."""
    return f'<path class="zero" d="M{plain(place)} {plain(y + SIZE + 4)}V{plain(y + ROW - 1)}"/>'


def _row(row: Row, y: float, x: Scale) -> Iterator[str]:
    kinds = f"{color(row.key.color)} {arm(row.key.color)}" if row.key.is_arm else color(row.key.color)
    words = cut(row.words, WIDTH * 0.6)
    middle = y + ROW - 9
    yield f'<g class="{kinds}">'
    yield label(0, y + SIZE, cut(row.name, WIDTH - width(words) - 10))
    yield label(WIDTH, y + SIZE, words, "end", "soft")
    values = [x(mark.value) for mark in row.marks if math.isfinite(mark.value)]
    if row.is_joined and values:
        yield f'<path class="whisker" d="M{plain(min(values))} {plain(middle)}H{plain(max(values))}"/>'
    for mark in row.marks:
        if math.isfinite(mark.value):
            yield from _mark(mark, x, middle)
    yield "</g>"


def _mark(mark: Mark, x: Scale, y: float) -> Iterator[str]:
    if mark.wide is not None:
        yield f'<path class="wide" d="M{plain(x(mark.wide[0]))} {plain(y)}H{plain(x(mark.wide[1]))}"/>'
    if mark.low is not None and mark.high is not None:
        yield f'<path class="whisker" d="M{plain(x(mark.low))} {plain(y)}H{plain(x(mark.high))}"/>'
    yield _shape(mark.shape, x(mark.value), y)


def _shape(shape: str, x: float, y: float) -> str:
    if shape == "square":
        return f'<rect class="mark" x="{plain(x - 4)}" y="{plain(y - 4)}" width="8" height="8"/>'
    if shape == "diamond":
        return f'<path class="mark" d="M{plain(x)} {plain(y - 5.5)}l5.5 5.5l-5.5 5.5l-5.5 -5.5z"/>'
    if shape == "bar":
        return f'<path class="whisker" d="M{plain(x)} {plain(y - 5)}v10"/>'
    return f'<circle class="mark" cx="{plain(x)}" cy="{plain(y)}" r="4.5"/>'


def interval_in_words(low: float, high: float) -> str:
    """Return an interval as a table has it."""
    return f"{number(low)} to {number(high)}"
