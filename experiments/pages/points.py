"""The points of a sweep in figures: lines over each setting, maps over two, and who is best where."""

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..drawing import heat, lines
from ..drawing.figure import Figure, Key
from ..drawing.lines import Axis, Line, Plot
from ..drawing.scales import span
from ..drawing.text import capitalized, number
from ..metrics.intervals import estimate
from ..metrics.names import MEANINGS
from ..metrics.paired import paired
from ..reports.sweep import Group, ends_of
from ..sweeps.points import Plan
from .quantities import axis, factor, largest, spoken, value

CONTENDERS_MAX = 8  # in a figure: there are as many colors
BINS = 8  # of drawn points along a setting
GRIDS = ("grid", "zip")
MORE_IS_BETTER = ("goodput_per_s", "grants", "launches")


class Contender(NamedTuple):
    """A version under settings that are words: what a line is of."""

    key: Key
    groups: Sequence[Group]


class Field(NamedTuple):
    """The points of a sweep as they are drawn."""

    plan: Plan
    contenders: Sequence[Contender]
    numeric: Sequence[str]  # keys of the axes that have numbers
    heads: dict[str, str]  # what stands for each key
    left_out: int  # contenders beyond those that have colors

    def at(self, group: Group, key: str) -> Any:
        """Return what a point sets; None where the key does not apply."""
        return self.plan.points[group.point].settings.get(key)

    def is_log(self, key: str) -> bool:
        """Whether the values of an axis grow by factors."""
        values = sorted({self.at(group, key) for one in self.contenders for group in one.groups} - {None})
        return len(values) > 2 and values[0] > 0 and values[-1] / values[0] >= 20


def field(plan: Plan, groups: Sequence[Group]) -> Field:
    """Return the points as they are drawn, by what is no number: arm, case, and settings in words."""
    numeric = [one.key for one in plan.axes if _is_numeric(plan, one.key)]
    heads = ends_of([one.key for one in plan.axes])
    words = [one.key for one in plan.axes if one.key not in numeric]
    found: dict[str, list[Group]] = {}
    for group in groups:
        settings = plan.points[group.point].settings
        parts = [group.arm, group.case, *(str(settings[key]) for key in words if key in settings)]
        found.setdefault(", ".join(filter(None, parts)) or "the scenario", []).append(group)
    shown = list(itertools.islice(found.items(), CONTENDERS_MAX))
    contenders = [Contender(Key(name, n), members) for n, (name, members) in enumerate(shown)]
    return Field(plan, contenders, numeric, heads, len(found) - len(shown))


def _is_numeric(plan: Plan, key: str) -> bool:
    values = {repr(point.settings[key]): point.settings[key] for point in plan.points if key in point.settings}
    are_numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in values.values())
    return are_numbers and len(values) > 1


def mean(group: Group, metric: str) -> float:
    """Return the mean of a metric in its unit; NaN where it does not apply."""
    known = [float(row[metric]) for row in group.values if row[metric] is not None]  # type: ignore[arg-type]
    return factor(metric) * math.fsum(known) / len(known) if known else math.nan


def varies(groups: Sequence[Group], metric: str) -> bool:
    """Return whether a metric is not the same wherever it applies."""
    return len({one for group in groups if not math.isnan(one := mean(group, metric))}) > 1


def of_metric(found: Field, metric: str) -> Iterator[Figure]:
    """Yield the figures of a metric."""
    for key in found.numeric:
        yield from _lines(found, metric, key)
    if found.plan.design == "grid":
        for x, y in itertools.combinations(found.numeric, 2):
            yield from _heats(found, metric, x, y)
            yield from _phases(found, metric, x, y)


def _lines(found: Field, metric: str, key: str) -> Iterator[Figure]:
    made = [_line(found, contender, metric, key) for contender in found.contenders]
    shown = [line for line in made if len(line.x) and not np.isnan(line.y).all()]
    if not any(np.isfinite(line.y).any() for line in shown):
        return
    others = [found.heads[other] for other in found.numeric if other != key]
    averaged = f" Means over all values of {', '.join(others)}." if others else ""
    drawn = f" Points were drawn: each mark is the mean of one of {BINS} equal parts of them."
    binned = "" if found.plan.design in GRIDS else drawn
    infinite = " What is infinite is not drawn." if any(np.isinf(line.y).any() for line in shown) else ""
    words = f"{_extremes(shown, found.heads[key])}{infinite}{averaged}{binned}"
    has_bands = any((line.high > line.low).any() for line in shown)
    bands = " Bands: 95 % intervals, cut off at what is possible." if has_bands else ""
    caption = f"{capitalized(MEANINGS[metric])}. {words}{bands}"
    plot = Plot(shown, Axis(found.heads[key], is_log=found.is_log(key)), Axis(axis(metric)))
    title = f"{capitalized(spoken(metric))} over {found.heads[key]}"
    yield lines.figure(f"{metric} over {found.heads[key]}", title, caption, plot)


def _line(found: Field, contender: Contender, metric: str, key: str) -> Line:
    """Return the mean and its interval at each value of a setting, or in each bin of the values drawn."""
    having = [group for group in contender.groups if found.at(group, key) is not None]
    having.sort(key=lambda group: found.at(group, key))
    is_grid = found.plan.design in GRIDS
    parts = _equal_values(found, having, key) if is_grid else _bins(having)
    x = [float(np.mean([found.at(group, key) for group in part])) for part in parts]
    values = [
        _over_replications(part, metric) if is_grid else [mean(group, metric) for group in part] for part in parts
    ]
    known = [[one for one in part if not math.isnan(one)] for part in values]
    estimates = [estimate(values) if values else None for values in known]
    y = np.array([math.nan if one is None else one.mean for one in estimates])
    half = np.array([0.0 if one is None or math.isinf(one.mean) else one.half_width or 0.0 for one in estimates])
    return Line(contender.key, np.array(x), y, np.maximum(y - half, 0.0), np.minimum(y + half, largest(metric)))


def _over_replications(part: Sequence[Group], metric: str) -> list[float]:
    """Return the mean over points in each replication: the same users meet all of them."""
    rows = zip(*([row[metric] for row in group.values] for group in part), strict=False)
    known = [[one for one in row if one is not None] for row in rows]
    return [factor(metric) * math.fsum(row) / len(row) for row in known if row]


def _equal_values(found: Field, having: Sequence[Group], key: str) -> list[list[Group]]:
    return [list(part) for _, part in itertools.groupby(having, lambda group: found.at(group, key))]


def _bins(having: Sequence[Group]) -> list[list[Group]]:
    edges = np.linspace(0, len(having), min(BINS, len(having)) + 1).astype(int)
    return [list(having[a:b]) for a, b in itertools.pairwise(edges.tolist()) if b > a]


def _extremes(shown: Sequence[Line], head: str) -> str:
    """Return in words where lines are highest and lowest."""
    high = max(shown, key=lambda line: float(np.nanmax(line.y)))
    low = min(shown, key=lambda line: float(np.nanmin(line.y)))
    top = _place(high, int(np.nanargmax(high.y)), head, len(shown))
    return f"Highest, {top}; lowest, {_place(low, int(np.nanargmin(low.y)), head, len(shown))}."


def _place(line: Line, n: int, head: str, of: int) -> str:
    who = f" of “{line.key.name}”" if of > 1 else ""
    return f"{number(float(line.y[n]))}{who} at {head} = {number(float(line.x[n]))}"


def _grid(found: Field, contender: Contender, metric: str, x: str, y: str) -> heat.Grid | None:
    """Return the means over two settings; over all values of others. None: the contender has not both."""
    cells: dict[tuple[Any, Any], list[float]] = {}
    for group in contender.groups:
        place = found.at(group, x), found.at(group, y)
        if None not in place:
            cells.setdefault(place, []).append(mean(group, metric))
    across, up = (sorted({place[n] for place in cells}) for n in (0, 1))
    if len(across) < 2 or len(up) < 2:
        return None
    values = np.array([[_middle(cells.get((a, b), ())) for a in across] for b in up])
    return heat.Grid(found.heads[x], [number(a) for a in across], found.heads[y], [number(b) for b in up], values)


def _middle(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else math.nan


def _heats(found: Field, metric: str, x: str, y: str) -> Iterator[Figure]:
    for contender in found.contenders:
        grid = _grid(found, contender, metric, x, y)
        if grid is None or np.isnan(grid.values).all() or np.nanmin(grid.values) == np.nanmax(grid.values):
            continue
        low, high = span([grid.values])
        level = (low + high) / 2
        of = f": {contender.key.name}" if len(found.contenders) > 1 else ""
        title = f"{capitalized(axis(metric))} over {grid.x_name} and {grid.y_name}{of}"
        caption = (
            f"Stronger is more: from {number(low)} to {number(high)}. "
            f"The line is the contour of {number(level)}, half-way between."
        )
        made = heat.heat(f"{metric} map {contender.key.name} {x} {y}", title, caption, grid, level)
        yield made._replace(arm=contender.key.color if len(found.contenders) > 1 else None)


def _phases(found: Field, metric: str, x: str, y: str) -> Iterator[Figure]:
    """Yield a map of which contender is best, if several have both settings."""
    grids = [(one, _grid(found, one, metric, x, y)) for one in found.contenders]
    both = [(one, grid) for one, grid in grids if grid is not None]
    shapes = {(tuple(grid.x), tuple(grid.y)) for _, grid in both}
    if len(both) < 2 or len(shapes) > 1:
        return
    sign = -1.0 if metric in MORE_IS_BETTER else 1.0
    stack = sign * np.stack([grid.values for _, grid in both])
    best = np.where(
        np.isnan(stack).any(axis=0), math.nan, np.argmin(np.where(np.isnan(stack), np.inf, stack), axis=0)
    )
    clear = _clear(found, [one for one, _ in both], metric, x, y, best)
    shown = np.where(clear | np.isnan(best), best, len(both))
    with np.errstate(invalid="ignore"):  # of two that are infinite none leads
        lead = np.min(stack[1:], axis=0) - stack[0]
    keys = [one.key for one, _ in both]
    grid = both[0][1]._replace(values=shown)
    caption = (
        f"Which has the {'most' if sign < 0 else 'least'} {spoken(metric)}; gray where it is not clearly better "
        f"than each other (95 %). {_shares(shown, keys)} On the line, “{keys[0].name}” and the best of the others "
        "are equal."
    )
    title = f"Who is best by {spoken(metric)}, over {grid.x_name} and {grid.y_name}"
    yield heat.phases(f"{metric} phases {x} {y}", title, caption, grid, keys, lead)


def _shares(shown: Any, keys: Sequence[Key]) -> str:
    of = int(np.isfinite(shown).sum())
    words = [f"“{key.name}” in {int((shown == n).sum())}" for n, key in enumerate(keys)]
    return f"Of {of} cells: {', '.join(words)}."


def _clear(found: Field, contenders: Sequence[Contender], metric: str, x: str, y: str, best: Any) -> Any:
    """Return for each cell whether the best is clearly better than each other, replication by replication."""
    cells = [_cells(found, one, metric, x, y) for one in contenders]
    places = sorted({place[0] for place in cells[0]}), sorted({place[1] for place in cells[0]})
    clear = np.zeros(best.shape, bool)
    for row, b in enumerate(places[1]):
        for column, a in enumerate(places[0]):
            if np.isfinite(best[row, column]):
                ours = cells[int(best[row, column])][a, b]
                others = [one[a, b] for n, one in enumerate(cells) if n != int(best[row, column])]
                clear[row, column] = all(_differ(ours, other) for other in others)
    return clear


def _cells(found: Field, one: Contender, metric: str, x: str, y: str) -> dict[tuple[Any, Any], list[float | None]]:
    cells: dict[tuple[Any, Any], list[float | None]] = {}
    for group in one.groups:
        place = found.at(group, x), found.at(group, y)
        if None not in place:
            cells.setdefault(place, []).extend(row[metric] for row in group.values)
    return cells


def _differ(ours: Sequence[float | None], theirs: Sequence[float | None]) -> bool:
    if len(ours) != len(theirs):
        return False
    p = paired(ours, theirs).p
    return p is not None and p < 0.05


def sentence(found: Field, metric: str) -> str:
    """Return in one sentence where a metric is lowest and highest, infinite ones included."""
    known = [(mean(group, metric), one, group) for one in found.contenders for group in one.groups]
    ordered = sorted((one for one in known if not math.isnan(one[0])), key=lambda one: one[0])
    if not ordered:
        return f"{capitalized(spoken(metric))} applies at no point"
    low, high = (_point(found, contender, group, metric) for _, contender, group in (ordered[0], ordered[-1]))
    if ordered[0][0] == ordered[-1][0]:
        return f"{capitalized(spoken(metric))} is the same at all {len(found.plan.points):,} points, {low}"
    return f"{capitalized(spoken(metric))} goes from {low} to {high}, over {len(found.plan.points):,} points"


def _point(found: Field, contender: Contender, group: Group, metric: str) -> str:
    known = [float(row[metric]) for row in group.values if row[metric] is not None]  # type: ignore[arg-type]
    words = value(metric, *estimate(known))
    settings = [
        f"{found.heads[key]} = {number(found.at(group, key))}"
        for key in found.numeric
        if found.at(group, key) is not None
    ]
    who = [f"“{contender.key.name}”"] if len(found.contenders) > 1 else []
    return f"{words} ({', '.join([*who, *settings])})"
