"""The report of a what-if: how a log's launches fare with other licenses."""

import json
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from ..drawing import lines
from ..drawing.figure import Figure as Picture
from ..drawing.figure import Key, Table
from ..drawing.lines import Axis, Line, Plot
from ..scenario import counted
from ..whatif import results
from ..whatif.answers import Answer
from ..whatif.days import Figure
from .chapters import Chapter, Group, Report
from .markup import items, name, paragraph


def report(folder: Path) -> Report:
    """Return the report of a what-if's folder; raises ValueError if its answers cannot be read."""
    try:
        content = json.loads((folder / results.WHATIF).read_text(encoding="utf-8"))
        groups = groupby(content["answers"], key=_pool)
        pools = [(pool, list(map(results.answer_of, rows))) for pool, rows in groups]
        needed = {_pool(row): Figure(row["value"], row["low"], row["high"]) for row in content["needed"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{folder / results.WHATIF}: cannot be read: {error}") from error
    keys = [Key(pool, n) for n, (pool, _) in enumerate(pools)]
    drawn = [_picture(key, answers, content["target"]) for key, (_, answers) in zip(keys, pools, strict=True)]
    figures = Group("", [picture for picture in drawn if picture is not None])
    tables = [(pool, Table(results.HEADS, list(map(results.cells, answers)))) for pool, answers in pools]
    chapters = [
        Chapter("answers", "Answers", "", [figures], tables),
        Chapter("method", "How it was found", _method(content)),
    ]
    verdict = " ".join(_verdict(pool, answers, needed.get(pool), content["target"]) for pool, answers in pools)
    return Report("What if: a log's launches once more", verdict, keys, chapters)


def _pool(row: Mapping[str, Any]) -> str:
    return f"{row['server']}/{row['product']}"


def _verdict(pool: str, answers: Sequence[Answer], needed: Figure | None, target: float) -> str:
    """Return in a sentence how many licenses a pool needs, or what share is denied."""
    if needed is not None:
        licenses = results.in_words(needed, "{:,.0f}")
        what = f"at most {target:.2%} of launches truly denied"
        return f"{name(pool)}: <strong>{licenses} licenses</strong> for {what}."
    least = min(answers, key=lambda answer: answer.share.value or 0.0)
    share, licenses = results.in_words(least.share, "{:.2%}"), results.cells(least)[0]
    return f"{name(pool)}: <strong>{share} of launches truly denied</strong> with {licenses} licenses."


def _picture(key: Key, answers: Sequence[Answer], target: float) -> Picture | None:
    """Return the share of launches truly denied over licenses; one number of licenses is no line."""
    tried = sorted((answer for answer in answers if answer.seats is not None), key=lambda one: one.seats or 0.0)
    if len(tried) < 2:
        return None
    seats = np.array([answer.seats for answer in tried], float)
    shares = np.array([answer.share for answer in tried], float)  # None, as of an interval, is NaN
    has_bands = not np.isnan(shares).any()
    line = Line(key, seats, shares[:, 0], *(shares[:, 1:].T if has_bands else ()))
    caption = f"Of {tried[0].launches:,} launches; the target is {target:.2%}. " + (
        "Bands are intervals by resampling days." if has_bands else "Too few days for intervals."
    )
    plot = Plot([line], Axis("licenses"), Axis("share of launches truly denied"))
    return lines.figure(f"denied-{key.color}", f"{key.name}: denials over licenses", caption, plot, key.color)


def _method(content: Mapping[str, Any]) -> str:
    rows = content["answers"]
    ways, pools = sorted({row["by"] for row in rows}), {_pool(row) for row in rows}
    words = (
        f"{counted(len(pools), 'pool')} of licenses; by: {', '.join(ways)}. A denial counts as true unless its "
        f"user has a license within {content['window_s']:,.0f} s. Intervals are at {content['confidence']:.0%}, "
        "by a bootstrap over whole days."
    )
    warnings = [name(line) for line in content["warnings"]]
    return paragraph(name(words)) + (items(warnings) if warnings else "")
