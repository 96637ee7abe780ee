"""The report of the engine's benchmark."""

from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from ..bench import report as tables
from ..bench.engine import OWN, PROGRAMS, Program, Row, rate, select
from ..drawing import lines
from ..drawing.figure import Figure, Key, Table
from ..drawing.lines import Axis, Line, Plot
from ..scenario import counted
from . import facts
from .chapters import Chapter, Group, Report
from .markup import name, paragraph


def report(folder: Path, provenance: dict[str, Any]) -> Report:
    """Return the report of a benchmark's folder; raises ValueError if its table cannot be read."""
    rows = tables.read(folder)
    measured = {row.program for row in rows}
    programs = [(program, Key(program.title, n)) for n, program in enumerate(PROGRAMS) if program.name in measured]
    repetitions = 1 + max(row.repetition for row in rows)
    settings = ", ".join(f"{key} = {value}" for key, value in provenance.get("settings", {}).items())
    size = f"{counted(len(programs), 'program')}, {counted(repetitions, 'repetition')} in turns"
    setup = f"One model in {size}; {settings}."
    table = "Million events per CPU second", _table(rows, programs)
    chapters = [
        Chapter("speed", "Speed", "", [Group("", [_figure(rows, programs)])], [table]),
        Chapter("setup", "What was run", paragraph(name(setup))),
        Chapter("origin", "Where it comes from", facts.origin(provenance)),
    ]  # fmt: skip
    return Report(
        "One model, one machine: how fast the engine is", _verdict(rows), [key for _, key in programs], chapters
    )


def _rates(rows: Sequence[Row], program: Program, size: int) -> list[float]:
    return [row.events / row.cpu_s for row in select(rows, program.name, size)]


def _sizes(rows: Sequence[Row], program: Program) -> list[int]:
    return sorted({row.clients for row in rows if row.program == program.name})


def _verdict(rows: Sequence[Row]) -> str:
    """Return in one sentence how fast we are with the most clients, and compared with whom."""
    ours = next(program for program in OWN if _sizes(rows, program))
    size = _sizes(rows, ours)[-1]
    rates = _rates(rows, ours, size)
    words = f"<strong>{_million(median(rates))} million events per CPU second</strong> at {size:,} clients"
    span = f"({_million(min(rates))} to {_million(max(rates))} over {counted(len(rates), 'repetition')})"
    others = [program for program in PROGRAMS if program not in OWN and size in _sizes(rows, program)]
    if not others:
        return f"{words} {span}."
    best = max(others, key=lambda program: rate(rows, program.name, size))
    times = rate(rows, ours.name, size) / rate(rows, best.name, size)
    return f"{words} {span}: {times:.2f} times as many as the fastest of the others, {name(best.title)}."


def _million(value: float) -> str:
    return f"{value / 1e6:.3g}"


def _figure(rows: Sequence[Row], programs: Sequence[tuple[Program, Key]]) -> Figure:
    made = []
    for program, key in programs:
        sizes = _sizes(rows, program)
        rates = [_rates(rows, program, size) for size in sizes]
        middle, low, high = (np.array([of(found) for found in rates]) for of in (median, min, max))
        made.append(Line(key, np.array(sizes, float), middle, low, high))
    fastest = max(made, key=lambda line: float(line.y[-1]))
    caption = (
        "Medians of the repetitions; bands reach from the least to the most. Higher is faster. With most clients, "
        f"{fastest.key.name} is fastest."
    )
    plot = Plot(made, Axis("clients", is_log=True), Axis("model events per CPU second", is_log=True))
    return lines.figure("speed", "Events per CPU second over clients", caption, plot)


def _table(rows: Sequence[Row], programs: Sequence[tuple[Program, Key]]) -> Table:
    sizes = sorted({row.clients for row in rows})
    return Table(
        ["program", *(f"{size:,} clients" for size in sizes), "version"],
        [
            [program.title, *(_cell(rows, program, size) for size in sizes),
             next(row.version for row in rows if row.program == program.name)]
            for program, _ in programs
        ],
    )  # fmt: skip


def _cell(rows: Sequence[Row], program: Program, size: int) -> str:
    rates = _rates(rows, program, size)
    return f"{_million(median(rates))} ({_million(min(rates))} to {_million(max(rates))})" if rates else "-"
