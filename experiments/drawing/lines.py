"""Lines over time or over a setting, with bands, and windows shaded behind them."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from . import paths
from .axes import GAP, Area, area, below, grid, unit
from .figure import WIDTH, Figure, Key, Table, arm, color, picture
from .scales import Scale, Tick, log_ticks, span, ticks, time_in_words, time_ticks, top
from .text import SIZE, cut, escape, label, number, plain, width

HEIGHT = 190
FOOT = 16  # for what a setting is called; time needs no name
ROWS_MAX = 24  # of the table beside a figure
MARKED_MAX = 30  # points of a line up to which each is marked
WINDOW_MIN = 1.5  # a window is never narrower, in units


class Line(NamedTuple):
    """Values, and the edges of the band around them, if there is one."""

    key: Key
    x: Any
    y: Any
    low: Any = None
    high: Any = None
    is_faint: bool = False  # of a stack: whether windows shine through it

    @property
    def edges(self) -> tuple[Any, Any]:
        """The edges of its band, or the line itself."""
        return (self.y, self.y) if self.low is None else (self.low, self.high)


class Window(NamedTuple):
    """A stretch of the x axis in which something happens, and what."""

    begin: float
    end: float
    name: str


class Axis(NamedTuple):
    """What lies along an axis."""

    name: str
    is_time: bool = False  # in seconds
    is_log: bool = False

    def ticks(self, low: float, high: float, count: int) -> list[Tick]:
        """Return the ticks between two values."""
        if self.is_time:
            return time_ticks(low, high, count)
        return log_ticks(low, high, count) if self.is_log else ticks(low, high, count)

    def word(self, value: float) -> str:
        """Return a value in words."""
        return time_in_words(value) if self.is_time else number(value)


class Plot(NamedTuple):
    """What is drawn, apart from its name and its caption."""

    lines: Sequence[Line]
    x: Axis
    y: Axis  # its name is what the heights are, unit included
    windows: Sequence[Window] = ()
    span: tuple[float, float] | None = None  # of x; None: that of the lines
    top: float | None = None  # of y; None: what the lines need
    tops: bool = False  # whether bands are stacked, from 0


def figure(name: str, title: str, caption: str, plot: Plot, only: int | None = None) -> Figure:
    """Return lines with their table; `only` is the one arm that they all belong to."""
    x, y, place = _scales(plot)
    parts = [
        *_windows(plot.windows, x, place),
        *grid(place, [(y(tick.value), tick.text) for tick in plot.y.ticks(y.low, y.high, 4)]),
        *below(place, [(x(tick.value), tick.text) for tick in plot.x.ticks(x.low, x.high, 6)]),
        unit(place, plot.y.name),
        *(() if plot.x.is_time else (_name_of_x(plot.x.name),)),
        *(part for line in plot.lines for part in _line(line, x, y, plot.tops)),
    ]
    keys = [line.key for line in plot.lines if not plot.tops or np.any(line.y)]
    height = HEIGHT if plot.x.is_time else HEIGHT + FOOT
    svg = picture(height, parts, f"{title}. {caption}", _data(plot, x, y))
    return Figure(name, title, caption, svg, keys, table(plot), only, has_lines=not plot.tops)


def _name_of_x(name: str) -> str:
    return label(WIDTH, HEIGHT + FOOT - 4, f"{cut(name, WIDTH - 20)} →", "end", "soft")


def _scales(plot: Plot) -> tuple[Scale, Scale, Area]:
    low_x, high_x = plot.span or span([line.x for line in plot.lines])
    low, high = span([edge for line in plot.lines for edge in line.edges])
    if plot.y.is_log:
        low, high = low / 1.1, high * 1.1
    else:
        low, high = (0.0, top(plot.top if plot.top is not None else high)) if low >= 0 else (low, high)
    place = area(HEIGHT, plot.y.ticks(low, high, 4))
    inset = 0 if plot.x.is_time else 8
    x = Scale(low_x, high_x, place.left + inset, place.right - inset, plot.x.is_log)
    return x, Scale(low, high, place.bottom, place.top, plot.y.is_log), place


def _data(plot: Plot, x: Scale, y: Scale) -> str:
    """Return what the script needs to turn places into values."""
    numbers = [
        x.low,
        x.high,
        x.start,
        x.end,
        int(plot.x.is_log),
        y.low,
        y.high,
        y.start,
        y.end,
        int(plot.y.is_log),
    ]
    kind = "time" if plot.x.is_time else escape(plot.x.name)
    return f' class="plot" data-s="{" ".join(f"{value:.7g}" for value in numbers)}" data-x="{kind}"'


def _line(line: Line, x: Scale, y: Scale, is_area: bool) -> Iterator[str]:
    kinds = f"{color(line.key.color)} {arm(line.key.color)}" if line.key.is_arm else color(line.key.color)
    across = np.asarray(x(np.asarray(line.x, float)), float)
    if line.low is not None and (d := paths.band(across, y(np.asarray(line.low)), y(np.asarray(line.high)))):
        yield f'<path class="{"area" if is_area and not line.is_faint else "band"} {kinds}" d="{d}"/>'
    up = y(np.asarray(line.y, float))
    if is_area:
        return
    dense = " dense" if len(across) > paths.DENSE * paths.COLUMNS else ""
    yield f'<path class="line{dense} {kinds}" d="{paths.line(across, up)}"/>'
    if len(across) <= MARKED_MAX:
        for a, b in zip(across, up, strict=True):
            if np.isfinite(b):
                yield f'<circle class="dot {kinds}" cx="{plain(a)}" cy="{plain(b)}" r="2.5"/>'


def _windows(windows: Sequence[Window], x: Scale, place: Area) -> Iterator[str]:
    """Yield shaded windows, each with its name above where there is room; those that touch are one."""
    free_from, drawn_to = place.left, -1.0
    names = []
    for window in sorted(windows):
        begin, end = max(x(window.begin), place.left), min(x(window.end), place.right)
        end = max(end, begin + WINDOW_MIN)
        if begin >= place.right or end <= drawn_to:
            continue
        drawn_to = end
        size = f'width="{plain(end - begin)}" height="{plain(place.bottom - place.top)}"'
        yield f'<rect class="window" x="{plain(begin)}" y="{plain(place.top)}" {size}/>'
        room = place.right - begin
        words = cut(window.name, min(room, 180), SIZE - 2)
        if begin >= free_from and width(window.name, SIZE - 2) <= room:
            names.append(label(begin + 2, place.top + SIZE - 2, words, kind="small"))
            free_from = begin + width(words, SIZE - 2) + GAP
    yield from names  # over all windows, also over the one beside


def table(plot: Plot) -> Table:
    """Return the lines' values, in at most ROWS_MAX rows: each is a mean of the points in a stretch of x."""
    low, high = plot.span or span([line.x for line in plot.lines])
    points = np.unique(np.concatenate([np.asarray(line.x, float) for line in plot.lines]))
    edges = np.linspace(low, high, ROWS_MAX + 1) if len(points) > ROWS_MAX else np.append(points, np.inf)
    columns = [_cells(line, edges, plot.tops) for line in plot.lines]
    heads = [plot.x.name, *(line.key.name for line in plot.lines)]
    rows = [
        [plot.x.word(float(begin)), *(column[n] for column in columns)]
        for n, begin in enumerate(edges[:-1])
        if any(column[n] != "-" for column in columns)
    ]
    return Table(heads, rows)


def _cells(line: Line, edges: Any, is_stacked: bool) -> list[str]:
    """Return a line's means in each stretch, each with the mean edges of its band."""
    columns = [line.y] if line.low is None or is_stacked else [line.y, line.low, line.high]
    found = [_means(values, np.asarray(line.x, float), edges) for values in columns]
    return [cells[0] if len(cells) == 1 else _with_band(*cells) for cells in zip(*found, strict=True)]


def _with_band(middle: str, low: str, high: str) -> str:
    return middle if middle == low == high else f"{middle} [{low}, {high}]"


def _means(values: Any, x: Any, edges: Any) -> list[str]:
    """Return the mean in each stretch, in words; - where there is no point."""
    place = np.searchsorted(edges, x, side="right") - 1
    place = np.where(x == edges[-1], len(edges) - 2, place)
    values = np.asarray(values, float)
    kept = (place >= 0) & (place < len(edges) - 1) & ~np.isnan(values)
    counts = np.bincount(place[kept], minlength=len(edges) - 1)
    sums = np.bincount(place[kept], values[kept], len(edges) - 1)
    return [number(total / count) if count else "-" for total, count in zip(sums, counts, strict=True)]
