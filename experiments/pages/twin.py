"""A run on the wall clock beside its twin in simulated time: each count in the twin's band, or outside of it."""

import json
from collections.abc import Iterator
from typing import Any

from ..comparisons.twin import TWIN, in_words
from ..drawing import rows
from ..drawing.figure import Figure, Key, Table
from ..drawing.rows import Kind, Mark, Row
from ..metrics.names import MEANINGS
from ..reports.finished_runs import Run
from ..reports.twin import cells, is_there
from .chapters import Chapter, Group
from .folders import Book
from .markup import items, name, paragraph


def chapter(book: Book) -> Chapter | None:
    """Return the counts of the runs that were compared with their twins; None where none was."""
    found = [(run, content) for run in book.runs if (content := _read(run)) is not None]
    if not found:
        return None
    figures, tables, lines = [], [], []
    for run, content in found:
        keys = {arm.name: arm.key for arm in book.arms if arm.run is run}
        lines.append(name(f"{run.name}: {in_words(content)}"))
        for arm in content["arms"]:
            figures.append(_figure(content, arm, keys[arm["name"]]))
            tables.append((f"{_who(arm, keys[arm['name']])} beside its twin", _table(arm)))
    words = (
        "The twin is the same world in simulated time, with the latency that messages took on average. A count is "
        f"outside where fewer than one replication of it in a hundred would be; {_slack(found[0][1])}."
    )
    html = items(lines) + paragraph(words, "soft")
    return Chapter("twin", "Beside simulated time", html, [Group("", figures)], tables)


def _slack(content: dict[str, Any]) -> str:
    return f"{content['slack']:g} more or fewer never are"


def _read(run: Run) -> dict[str, Any] | None:
    """Return what is kept of a run's twin; raises ValueError where that is of another run."""
    file = run.folder.path / TWIN
    if not file.exists():
        return None
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    if found["digest"] != run.summary["digest"]:
        raise ValueError(f"{file}: of the run {found['digest']}, not of {run.summary['digest']}")
    return found


def _who(arm: dict[str, Any], key: Key) -> str:
    return f"{key.name} in “{arm['case']}”" if arm["case"] else key.name


def _figure(content: dict[str, Any], arm: dict[str, Any], key: Key) -> Figure:
    """Return a row for each count that is not 0 everywhere: those outside first."""
    found = sorted(filter(is_there, arm["counts"]), key=lambda one: not one["outside"])
    made = [Row(one["count"], key, list(_marks(one)), _words(one)) for one in found]
    beyond = [one["count"] for one in found if one["outside"]]
    verdict = f"Outside: {', '.join(beyond)}." if beyond else "All are inside."
    caption = (
        f"{verdict} From -1 to 1 is the {100 * content['confidence']:g} % band of {content['replications']:,} "
        f"replications of the twin with a latency of {arm['latency_ms']:.6g} ms, whose mean is 0 (bar); a circle "
        "for each replication in real time, a diamond where it is outside."
    )
    return rows.figure(
        f"twin {_who(arm, key)}", f"Counts in the twin's band: {_who(arm, key)}", caption, made,
        Kind("distance from the twin's mean, in halves of the band", zero=True), _table(arm),
    )  # fmt: skip


def _marks(one: dict[str, Any]) -> Iterator[Mark]:
    """Yield the band, and each replication in it, or outside of it."""
    half = one["high"] - one["mean"]
    yield Mark(0.0, -1.0, 1.0, shape="bar")
    for value in one["values"]:
        is_inside = one["low"] <= value <= one["high"]
        yield Mark((value - one["mean"]) / half, shape="circle" if is_inside else "diamond")


def _words(one: dict[str, Any]) -> str:
    values, _, edges, verdict = cells(one)
    return f"{values} in {edges}" if verdict == "inside" else f"{values} outside {edges}"


def _table(arm: dict[str, Any]) -> Table:
    heads = ["count", "wall clock", "twin", "band", "verdict", "meaning"]
    return Table(heads, [[one["count"], *cells(one), MEANINGS[one["count"]]] for one in arm["counts"]])
