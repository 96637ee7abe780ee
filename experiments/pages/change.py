"""Two runs as base and change: which settings differ, and how the results differ."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from ..drawing.figure import Figure, Table
from ..reports import compare
from . import beside
from .chapters import Chapter, Group
from .folders import Book
from .markup import code, items, name, paragraph

FIGURES_MAX = 6


class Change(NamedTuple):
    """What two runs have in common to compare: an entry for each metric of each version, or why there is none."""

    book: Book
    entries: Sequence[dict[str, Any]]
    why_none: str = ""


def of(book: Book) -> Change:
    """Compare the second run of a book with the first."""
    try:
        return Change(book, compare.entries(*book.runs))
    except ValueError as error:
        return Change(book, (), str(error))


def chapter(change: Change) -> Chapter:
    """Return what differs, as figures of the metrics that do, and all of it as a table."""
    base, other = change.book.runs
    changed = [code(line) for line in compare.settings(base, other)]
    html = items(changed) if changed else paragraph("All settings are the same.")
    if change.why_none:
        return Chapter("change", "Base and change", html + paragraph(f"Not compared: {name(change.why_none)}."))
    caution = compare.caution(base, other)
    words = (
        f"{name(other.name)} beside {name(base.name)}: 95 % intervals, {caution}. Those that differ come first."
    )
    tables = [("Every metric of both", _table(change.entries))]
    return Chapter("change", "Base and change", html + paragraph(words), [Group("", _figures(change))], tables)


def _figures(change: Change) -> list[Figure]:
    """Return a forest for each of the first metrics that differ."""
    keys: dict[Any, Any] = {arm.key.name: arm.key for arm in change.book.arms}
    differing = [one for one in change.entries if compare.differs(one) and one["difference"] is not None]
    drawn = dict.fromkeys(one["metric"] for one in differing)
    return [
        beside.forest(metric, [one for one in change.entries if one["metric"] == metric], keys)
        for metric in list(drawn)[:FIGURES_MAX]
    ]


def _table(found: Sequence[dict[str, Any]]) -> Table:
    heads = ["metric", "of", "change", "base", "difference", "relative", "n", "p", "p (Holm)"]
    rows = []
    for one in found:
        own, other, difference, *rest = beside.numbers(one)
        rows.append([one["metric"], beside.who(one), own, other, difference, compare.relative(one), *rest])
    return Table(heads, rows)
