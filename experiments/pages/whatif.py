"""The report of a what-if: what becomes of a log's launches with other licenses."""

import json
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from ..drawing import lines
from ..drawing.figure import Figure, Key, Table
from ..drawing.lines import Axis, Line, Plot
from ..scenario import counted
from ..whatif.results import WHATIF
from .chapters import Chapter, Group, Report
from .markup import items, name, paragraph

Answer = dict[str, Any]  # a row of `whatif.parquet`
HEADS = ("licenses", "launches", "most in use", "denials", "truly denied", "share", "mean wait")


def report(folder: Path) -> Report:
    """Return the report of a what-if's folder; raises ValueError if its answers cannot be read."""
    try:
        content = json.loads((folder / WHATIF).read_text(encoding="utf-8"))
        pools = [(_pool(key), list(rows)) for key, rows in groupby(content["answers"], key=_key)]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{folder / WHATIF}: cannot be read: {error}") from error
    keys = [Key(pool, n) for n, (pool, _) in enumerate(pools)]
    drawn = [_figure(key, rows, content["target"]) for key, (_, rows) in zip(keys, pools, strict=True)]
    figures = Group("", [figure for figure in drawn if figure is not None])
    chapters = [
        Chapter("answers", "Answers", "", [figures], [(pool, _table(rows)) for pool, rows in pools]),
        Chapter("method", "How it was found", _method(content, pools)),
    ]  # fmt: skip
    return Report("What if: a log's launches once more", _verdict(content, pools), keys, chapters)


def _key(row: Answer) -> tuple[str, str]:
    return row["server"], row["product"]


def _pool(key: tuple[str, str]) -> str:
    return "/".join(key)


def _verdict(content: dict[str, Any], pools: Sequence[tuple[str, list[Answer]]]) -> str:
    """Return in a sentence for each pool how many licenses it needs, or what share is denied."""
    needed = {_pool(_key(row)): row for row in content["needed"]}
    return " ".join(_of_pool(pool, rows, needed.get(pool), content["target"]) for pool, rows in pools)


def _of_pool(pool: str, rows: Sequence[Answer], needed: Answer | None, target: float) -> str:
    if needed is not None:
        words = f"<strong>{_span(needed['value'], needed['low'], needed['high'], '{:,.0f}')} licenses</strong>"
        return f"{name(pool)}: {words} for at most {target:.2%} of launches truly denied."
    least = min(rows, key=lambda row: float(row["share"] or 0.0))
    words = f"<strong>{_words(least, 'share', '{:.2%}')} of launches truly denied</strong>"
    return f"{name(pool)}: {words} with {_seats(least)} licenses."


def _figure(key: Key, rows: Sequence[Answer], target: float) -> Figure | None:
    """Return the share of launches truly denied over licenses; one number of licenses is no line."""
    tried = sorted((row for row in rows if row["seats"] is not None), key=lambda row: float(row["seats"]))
    if len(tried) < 2:
        return None
    seats, share, low, high = (
        np.array([np.nan if row[column] is None else row[column] for row in tried], float)
        for column in ("seats", "share", "share_low", "share_high")
    )
    band = (None, None) if np.isnan(low).any() else (low, high)
    caption = f"Of {tried[0]['launches']:,} launches; the target is {target:.2%}. " + (
        "Bands are intervals by resampling days." if band[0] is not None else "Too few days for intervals."
    )
    plot = Plot([Line(key, seats, share, *band)], Axis("licenses"), Axis("share of launches truly denied"))
    return lines.figure(f"denied-{key.color}", f"{key.name}: denials over licenses", caption, plot, key.color)


def _table(rows: Sequence[Answer]) -> Table:
    return Table(HEADS, [_row(row) for row in rows])


def _row(row: Answer) -> list[str]:
    figures = (("denials", "{:,.0f}"), ("denied", "{:,.0f}"), ("share", "{:.2%}"), ("wait_s", "{:,.0f} s"))
    shown = [_words(row, column, form) for column, form in figures]
    return [_seats(row), f"{row['launches']:,}", f"{row['most_in_use']:,.0f}", *shown]


def _seats(row: Answer) -> str:
    return "as logged" if row["seats"] is None else f"{row['seats']:,.0f}"


def _words(row: Answer, column: str, form: str) -> str:
    return _span(row[column], row[f"{column}_low"], row[f"{column}_high"], form)


def _span(value: float | None, low: float | None, high: float | None, form: str) -> str:
    """Return a figure with its interval, if it has one."""
    if value is None:
        return "-"
    return form.format(value) + ("" if low is None else f" [{form.format(low)}, {form.format(high)}]")


def _method(content: dict[str, Any], pools: Sequence[tuple[str, list[Answer]]]) -> str:
    ways = sorted({row["by"] for _, rows in pools for row in rows})
    words = (
        f"{counted(len(pools), 'pool')} of licenses; by: {', '.join(ways)}. A denial counts as true unless its "
        f"user has a license within {content['window_s']:,.0f} s. Intervals are at {content['confidence']:.0%}, "
        "by a bootstrap over whole days."
    )
    warnings = [name(line) for line in content["warnings"]]
    return paragraph(name(words)) + (items(warnings) if warnings else "")
