"""The report of a sweep."""

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..analysis import outcomes
from ..analysis.outcomes import Bad
from ..drawing.figure import Table
from ..drawing.text import capitalized
from ..reports import sweep as tables
from ..scenario import counted
from ..sweeps import results
from . import causes, facts, points
from .chapters import Chapter, Group, Report
from .markup import code, items, name, paragraph
from .markup import facts as pairs
from .quantities import spoken
from .verdict import interrupted

ROWS_MAX = 300  # of the table of points; metrics.parquet has all


class Shown(NamedTuple):
    """Which metrics of a sweep are drawn, and what of the first is bad."""

    metrics: Sequence[str] = ()  # (): the usual ones, first those that are not the same at all points
    bad: Bad | None = None


def report(folder: Path, summary: dict[str, Any], provenance: dict[str, Any], shown: Shown) -> Report:
    """Return the report of a sweep's folder; raises ValueError, ScenarioError and OSError."""
    plan, table = results.read(folder)
    groups = tables.groups(plan, table, shown.metrics or tables.DEFAULT_METRICS)
    if not shown.metrics:
        usual = sorted(tables.DEFAULT_METRICS, key=lambda metric: not points.varies(groups, metric))
        shown = shown._replace(metrics=usual)
    found = points.field(plan, groups)
    intervals = " (95 % intervals)" if _is_replicated(groups) else ""
    done, worlds = summary["done"], summary["worlds"]
    was_cut = done + summary["failed"] < worlds
    before = interrupted(folder, "sweep", done, worlds) if was_cut else ""
    verdict = f"{before}<strong>{name(points.sentence(found, shown.metrics[0]))}</strong>{intervals}."
    explained = causes.explained(outcomes.read(folder), shown.metrics[0], shown.bad)
    arms = [one.key for one in found.contenders]
    chapters = _chapters(folder, summary, provenance, shown, plan, groups, found, explained)
    return Report(plan.base.title, verdict, arms, list(chapters))


def _chapters(
    folder: Path, summary: Any, provenance: Any, shown: Shown, plan: Any, groups: Any, found: Any, explained: Any
) -> Iterator[Chapter]:
    first, *others = shown.metrics
    main = list(points.of_metric(found, first))
    yield Chapter("main", capitalized(spoken(first)), _left_out(found), [Group("", main)])
    yield Chapter("setup", "What was run", _setup(folder, summary, plan))
    varied = [metric for metric in others if points.varies(groups, metric)]
    still = [points.sentence(found, metric) for metric in others if metric not in varied]
    drawn = [Group(capitalized(spoken(metric)), list(points.of_metric(found, metric))) for metric in varied]
    if others:
        html = paragraph(f"Not drawn: {name('; '.join(still))}.", "soft") if still else ""
        yield Chapter("more", "Other metrics", html, drawn)
    indices = list(causes.indices(explained, first))
    words = sorted({one.sensitivity.words for one in explained if not one.sensitivity.indices})
    boxes = causes.boxes(explained, first, shown.bad) if shown.bad else Table([], [])
    html = "".join(map(paragraph, [*map(name, words), _boxes(folder, first, shown, boxes)]))
    found_boxes = [("Boxes in which it is bad", boxes)] if boxes.rows else []
    yield Chapter("why", "What it depends on", html, [Group("", indices)], found_boxes)
    yield Chapter("points", "All points", *_points(plan, groups, shown))
    failures = [
        f"point {row['point']}: {name(row['error'])}: {code(row['command'])}" for row in summary["failures"]
    ]
    unmet = [name(f"--until: {line}") for line in summary.get("unmet", ())]
    yield Chapter("warnings", "Warnings", items([*failures, *unmet]) if failures or unmet else paragraph("None."))
    yield Chapter("origin", "Where it comes from", facts.origin(provenance))


def _is_replicated(groups: Sequence[Any]) -> bool:
    """Whether there are intervals: one replication has none."""
    return any(len(group.values) > 1 for group in groups)


def _left_out(found: Any) -> str:
    words = f"{found.left_out} more are not drawn: there are as many colors as lines here. The table has all."
    return paragraph(words, "soft") if found.left_out else ""


def _setup(folder: Path, summary: dict[str, Any], plan: Any) -> str:
    command = shlex.join(["meterstorm", "sweep", str(folder / "scenario.toml")])
    axes = [f"{code(one.key)}: {name(_axis(one))}" for one in plan.axes]
    found = [
        ("scenario", name(plan.base.title)),
        ("design", name(f"{summary['design']}, {counted(summary['points'], 'point')}")),
        ("varied", items(axes)),
        (
            "worlds",
            name(
                f"{counted(summary['done'], 'world')} done, {summary['failed']:,} failed, of {summary['worlds']:,}"
            ),
        ),
        ("seed", code(str(summary["seed"]))),
        ("digest", code(summary["digest"])),
        ("again", f"{code(command)}, which gives the same digest"),
    ]
    return pairs(found) + facts.of_scenario(plan.base)


def _axis(axis: Any) -> str:
    if axis.values:
        return ", ".join(str(value) for value in axis.values)
    return f"{axis.low:g} to {axis.high:g}{', by equal factors' if axis.is_log else ''}"


def _boxes(folder: Path, metric: str, shown: Shown, boxes: Table) -> str:
    if shown.bad is None:
        command = shlex.join(["meterstorm", "report", str(folder), "--metric", metric, "--bad", "> 0.1"])
        return f"Where it is bad, {code(command)} says, with a bound of yours."
    return "" if boxes.rows else f"No box of settings has clearly more of what is bad ({name(str(shown.bad))})."


def _points(plan: Any, groups: Sequence[Any], shown: Shown) -> tuple[str, tuple[()], list[tuple[str, Table]]]:
    parts = tables.columns(plan, groups[:ROWS_MAX], shown.metrics)
    rows = [[str(cell) for cell in row] for row in zip(*(part.cells for part in parts), strict=True)]
    left = len(groups) - len(rows)
    more = f" The first {ROWS_MAX}; metrics.parquet has {left:,} more." if left else ""
    means = "Means with 95 % intervals over the replications."
    words = f"{means if _is_replicated(groups) else 'One replication has no intervals.'}{more}"
    return paragraph(words, "soft"), (), [("Points", Table([part.head for part in parts], rows))]
