"""What explains a metric of a sweep, as text, as JSON and as a table: indices, and boxes of bad points."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ..analysis.boxes import Column, Span, column
from ..analysis.outcomes import Axis, Bad, Outcomes, Sweep, outcomes
from ..analysis.prim import Discovery, Found, Restriction, discover
from ..analysis.sensitivity import Sensitivity, sensitivity
from ..runs.table import write_csv, write_table
from ..scenario import counted

TABLE = {  # columns of the table of boxes, and their Arrow types
    "case": "string",
    "arm": "string",
    "box": "int32",
    "key": "string",
    "low": "float64",
    "high": "float64",
    "values": "string",
    "null": "bool",
    "quasi_p": "float64",
    "density": "float64",
    "density_held_out": "float64",
    "coverage": "float64",
    "mass": "float64",
}


class Explanation(NamedTuple):
    """Of one case and arm."""

    outcomes: Outcomes
    sensitivity: Sensitivity
    axes: list[Axis]
    columns: list[Column]
    discovery: Discovery | None  # None: nothing was said to be bad


def explain(sweep: Sweep, metric: str, bad: Bad | None, case: str | None, arm: str | None) -> list[Explanation]:
    """Return the explanations of each case and arm, or of those asked for; raises ValueError."""
    return [
        _explain(sweep, found, bad is not None)
        for found in outcomes(sweep, metric, bad, case, arm)
        if len(found.points)
    ]


def _explain(sweep: Sweep, found: Outcomes, has_bad: bool) -> Explanation:
    columns = [column(key, values) for key, values in found.parameters.items()]
    indices = sensitivity(found, sweep.axes, sweep.design, has_bad)
    return Explanation(found, indices, sweep.axes, columns, discover(columns, found.bad) if has_bad else None)


def report(explanation: Explanation, metric: str, bad: Bad | None) -> Iterator[str]:
    """Yield the lines to print."""
    found = explanation.outcomes
    names = [f"{what} {name!r}" for what, name in (("case", found.case), ("arm", found.arm)) if name]
    of = f" of {', '.join(names)}" if names else ""
    yield f"{metric}{of}: {counted(len(found.points), 'point')}, {counted(found.worlds, 'world')}"
    if found.left_out:
        yield f"left out: {counted(found.left_out, 'world')} that failed or to which it does not apply"
    yield from _indices(explanation.sensitivity)
    if explanation.discovery is None or bad is None:
        yield "no boxes: --bad says which values are bad"
        return
    yield from _boxes(explanation, explanation.discovery, bad)


def _indices(found: Sensitivity) -> Iterator[str]:
    yield found.words
    yield from (f"  {note}" for note in found.notes)
    wide = max((len(index.key) for index in found.indices), default=0)
    if found.indices:
        yield f"  {'':{wide}}  {'first order':20}  total"
    for index in sorted(found.indices, key=lambda index: -index.total):
        first, total = _share(index.first, index.first_interval), _share(index.total, index.total_interval)
        yield f"  {index.key:{wide}}  {first:20}  {total}".rstrip()


def _share(value: float, interval: tuple[float, float] | None) -> str:
    return _two(value) + (f" [{_two(interval[0])}, {_two(interval[1])}]" if interval else "")


def _two(value: float) -> str:
    return f"{round(value, 2) + 0.0:.2f}"  # no -0.00


def _boxes(explanation: Explanation, found: Discovery, bad: Bad) -> Iterator[str]:
    yield f"bad ({bad}): {_percent(found.base_rate)} of the worlds"
    if found.base_rate in (0, 1):
        yield f"no boxes: {'no world is' if found.base_rate == 0 else 'all worlds are'} bad"
        return
    for number, box in enumerate(found.boxes, 1):
        yield f"box {number}: {_sizes(box)}"
        yield from _restrictions(explanation, box)
    if found.vain is not None:
        other = "other " if found.boxes else ""
        yield f"no {other}box does better than chance on points that it was not found on"
        if found.vain.restrictions:
            yield f"the best: {_sizes(found.vain)}"
            yield from _restrictions(explanation, found.vain)


def _sizes(box: Found) -> str:
    return (
        f"density {_percent(box.density)} ({_percent(box.density_held_out)} on points held out), "
        f"coverage {_percent(box.coverage)}, mass {_percent(box.mass)}"
    )


def _restrictions(explanation: Explanation, box: Found) -> Iterator[str]:
    wide = max(len(text(explanation, restriction)) for restriction in box.restrictions)
    for restriction in box.restrictions:
        yield f"  {text(explanation, restriction):{wide}}  quasi-p {_chance(restriction.quasi_p)}"


def text(explanation: Explanation, restriction: Restriction) -> str:
    """Return a restriction in words: `clients.count in [400, 1000]`, `policies.failover.name in {immediate}`."""
    c, kept = explanation.columns[restriction.column], restriction.kept
    if not isinstance(kept, Span):
        return f"{c.key} in {{{', '.join(_levels(c, restriction))}}}"
    low, high = _bounds(explanation, restriction)
    applies = " or null" if kept.nulls and any(map(math.isnan, c.values)) else ""
    return f"{c.key} in [{_end(low)}, {_end(high)}]{applies}"


def _end(value: float) -> str:
    return f"{value:.0f}" if value.is_integer() else f"{value:.4g}"


def _bounds(explanation: Explanation, restriction: Restriction) -> tuple[float, float]:
    """Return the ends of an interval; an end that is free is that of the range swept."""
    axis, kept = explanation.axes[restriction.column], restriction.kept
    assert isinstance(kept, Span)
    return (
        float(kept.low if math.isfinite(kept.low) else axis.low),
        float(kept.high if math.isfinite(kept.high) else axis.high),
    )


def _levels(c: Column, restriction: Restriction) -> list[str]:
    assert c.levels is not None and not isinstance(restriction.kept, Span)
    return [_word(c.levels[level]) for level in sorted(restriction.kept.kept)]


def _word(level: Any) -> str:
    if isinstance(level, bool):
        return "true" if level else "false"
    return "null" if level is None else str(level)


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _chance(probability: float) -> str:
    return "< 0.001" if probability < 0.001 else f"{probability:.2g}"


def rows(explanations: list[Explanation]) -> list[dict[str, Any]]:
    """Return the boxes as a table: a row for each restriction of each box."""
    return [
        {"case": e.outcomes.case, "arm": e.outcomes.arm, "box": number, **_restriction(e, r), **_numbers(box)}
        for e in explanations
        for number, box in enumerate(e.discovery.boxes if e.discovery else [], 1)
        for r in box.restrictions
    ]


def _restriction(explanation: Explanation, restriction: Restriction) -> dict[str, Any]:
    c, kept = explanation.columns[restriction.column], restriction.kept
    row: dict[str, Any] = {"key": c.key, "low": None, "high": None, "values": None}
    if isinstance(kept, Span):
        row["low"], row["high"] = _bounds(explanation, restriction)
        nulls = kept.nulls and any(map(math.isnan, c.values))
    else:
        words = _levels(c, restriction)
        row["values"], nulls = ", ".join(words), "null" in words
    return {**row, "null": nulls, "quasi_p": restriction.quasi_p}


def _numbers(box: Found) -> dict[str, float]:
    return {name: getattr(box, name) for name in ("density", "density_held_out", "coverage", "mass")}


def write_boxes(path: Path, explanations: list[Explanation]) -> None:
    """Write the boxes as Parquet or, if the file's name ends in .csv, as CSV; raises OSError."""
    import pyarrow as pa

    schema = pa.schema([(name, pa.type_for_alias(kind)) for name, kind in TABLE.items()])
    table = pa.Table.from_pylist(rows(explanations), schema)
    if path.suffix == ".csv":
        write_csv(table, path)
    else:
        write_table(table, path, {})


def content(explanations: list[Explanation], metric: str, bad: Bad | None) -> dict[str, Any]:
    """Return all of it as JSON has it."""
    return {
        "metric": metric,
        "bad": None if bad is None else str(bad),
        "versions": [
            {
                "case": e.outcomes.case,
                "arm": e.outcomes.arm,
                "points": len(e.outcomes.points),
                "worlds": e.outcomes.worlds,
                "left_out": e.outcomes.left_out,
                "explained": e.sensitivity.words,
                "notes": e.sensitivity.notes,
                "indices": [index._asdict() for index in e.sensitivity.indices],
                "base_rate": e.discovery.base_rate if e.discovery else None,
                "boxes": _boxes_content(e),
            }
            for e in explanations
        ],
    }


def _boxes_content(explanation: Explanation) -> list[dict[str, Any]]:
    return [
        {**_numbers(box), "restrictions": [_restriction(explanation, r) for r in box.restrictions]}
        for box in (explanation.discovery.boxes if explanation.discovery else [])
    ]
