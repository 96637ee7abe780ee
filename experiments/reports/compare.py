"""Two runs, base and change, metric by metric: those that differ come first."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console

from ..comparisons.families import compare
from ..comparisons.of_results import AUTO, Compared, Rival
from ..metrics.intervals import Estimate
from ..metrics.metrics import Value
from ..metrics.names import METRICS
from ..scenario.overrides import dump
from ..scenario.wording import show as in_words
from . import compared
from .finished_runs import Run
from .layout import Column, show_columns
from .numbers import short, shown

CLEAR = 0.05  # of p: a 95 % interval of the difference has no 0 in it
ORDER = (*AUTO, *(metric for metric in METRICS if metric not in AUTO))

Cell = tuple[str | None, str | None]  # case and arm


def entries(base: Run, change: Run) -> list[dict[str, Any]]:
    """Return an entry as of summary.json for each metric of each version: those that differ first, as one family.

    Replications are paired by their numbers: with one seed both met the same users. Raises ValueError where no
    version of one run has its like in the other.
    """
    plan = [(cells, metric) for cells in _pairs(base, change) for metric in ORDER]
    rows = [(cells, metric, _side_by_side(base, change, cells, metric)) for cells, metric in plan]
    known = [row for row in rows if any(a is not None and b is not None for a, b in zip(*row[2], strict=True))]
    found = compare([values for _, _, values in known])
    made = [
        compared.entry(
            Compared(Rival(cells[1][0], change.named(cells[1][1]), base.named(cells[0][1])), metric, one)
        )
        for (cells, metric, _), one in zip(known, found, strict=True)
    ]
    return sorted(made, key=lambda one: not differs(one))


def differs(one: dict[str, Any]) -> bool:
    """Whether a difference goes beyond its interval."""
    return one["p"] is not None and one["p"] < CLEAR


def _pairs(base: Run, change: Run) -> list[tuple[Cell, Cell]]:
    """Return the versions that both runs have; of two runs with one version each, these."""
    cells = [[(entry["case"], entry["name"]) for entry in run.summary["arms"]] for run in (base, change)]
    if common := [(cell, cell) for cell in cells[0] if cell in cells[1]]:
        return common
    if len(cells[0]) == len(cells[1]) == 1:
        return [(cells[0][0], cells[1][0])]
    words = "have no case and arm in common, and more than one version each"
    raise ValueError(f"{base.folder.path} and {change.folder.path} {words}")


def _side_by_side(
    base: Run, change: Run, cells: tuple[Cell, Cell], metric: str
) -> tuple[list[Value], list[Value]]:
    """Return a metric's values in the replications that both have: those of the change, and of the base."""
    theirs, ours = (_values(run, cell, metric) for run, cell in zip((base, change), cells, strict=True))
    both = sorted(ours.keys() & theirs.keys())
    return [ours[number] for number in both], [theirs[number] for number in both]


def _values(run: Run, cell: Cell, metric: str) -> dict[int, Value]:
    entry = run.entry(*cell)
    values = entry["metrics"].get(metric, {}).get("values", []) if entry else []
    first = run.folder.scenario.run.first_replication
    return {first + n: None if value is None else float(value) for n, value in enumerate(values)}


def settings(base: Run, change: Run) -> list[str]:
    """Return in words which settings are not the same, with both values."""
    sides = [dict(_flat("", dump(run.folder.scenario))) for run in (base, change)]
    keys = dict.fromkeys([*sides[0], *sides[1]])
    return [
        f"{key}: {' -> '.join(in_words(side[key]) if key in side else 'not there' for side in sides)}"
        for key in keys
        if sides[0].get(key) != sides[1].get(key)
    ]


def _flat(above: str, value: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, Mapping):
        yield above, value
        return
    for key, inner in value.items():
        yield from _flat(f"{above}.{key}" if above else key, inner)


def caution(base: Run, change: Run) -> str:
    """Return in words whether both runs met the same users."""
    if base.summary["seed"] == change.summary["seed"]:
        return "paired by replication, of one seed"
    return "of two seeds, so that their users differ, too, and intervals are wider"


def show(console: Console, base: Run, change: Run, found: list[dict[str, Any]]) -> None:
    """Print what was set differently, and a table for each version."""
    changed = settings(base, change)
    console.print("\n".join(changed) if changed else "all settings are the same", markup=False, highlight=False)
    family = found[0]["family"] if found else 0
    console.print(
        f"{change.name} beside {base.name}: 95 % intervals, {caution(base, change)}; "
        f"p in brackets allows for all {family} comparisons (Holm)",
        style="italic", markup=False,
    )  # fmt: skip
    for version in dict.fromkeys((one["case"], one["arm"], one["baseline"]) for one in found):
        rows = [one for one in found if (one["case"], one["arm"], one["baseline"]) == version]
        title = f"{version[0]}: " if version[0] else ""
        differ = sum(map(differs, rows))
        console.print(f"{title}{version[1]}: {differ} of {len(rows)} metrics differ", style="bold", markup=False)
        show_columns(console, Column("", [one["metric"] for one in rows]), list(_columns(rows)))


def _columns(rows: list[dict[str, Any]]) -> Iterator[Column]:
    yield Column("base", [_side(one, "baseline_mean", "baseline_infinite") for one in rows])
    yield Column("change", [_side(one, "mean", "infinite") for one in rows])
    yield Column("difference", [_difference(one) for one in rows])
    yield Column("relative", [relative(one) for one in rows])
    yield Column("p", [_p(one) for one in rows])


def _side(one: dict[str, Any], mean: str, infinite: str) -> str:
    return f"inf {one[infinite]}/{one['replications']}" if one[mean] is None else short(one[mean], 4)


def _difference(one: dict[str, Any]) -> str:
    if one["difference"] is None:
        return "-"
    if one["difference"] == 0 and not one["half_width"]:
        return "equal"
    return shown(Estimate(one["difference"], one["half_width"]), sign=True)


def relative(one: dict[str, Any]) -> str:
    """Return a difference as a share of the base."""
    base, difference = one["baseline_mean"], one["difference"]
    if not base or difference is None or not math.isfinite(difference):
        return "-"
    share = 100 * difference / abs(base)
    return f"{share:+,.0f} %" if abs(share) >= 1000 else f"{share:+.3g} %"


def _p(one: dict[str, Any]) -> str:
    return "-" if one["p"] is None else f"{one['p']:.2g} [{one['p_holm']:.2g}]"
