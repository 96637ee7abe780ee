"""What the benchmark of the engine shows and keeps: tables, Parquet, and where the numbers come from."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .engine import OWN, PROGRAMS, Program, Row, compiler, rate, select
from .engine import version as program_version

REPETITIONS = "repetitions.parquet"
PACKAGES = ("meterstorm", "numba", "numpy")


def show(console: Console, rows: Sequence[Row]) -> None:
    """Print events per CPU second of every program, then our rates over those of the others."""
    console.print(_rates(rows))
    for ours in OWN:
        if any(row.program == ours.name for row in rows):
            console.print(_ratios(rows, ours))
    console.print(
        "Each cell: the median of the repetitions, which took turns; under a ratio, its range over them. CPU"
        " time of the simulation alone: no imports, compiling, construction or first timers.",
    )


def _rates(rows: Sequence[Row]) -> Table:
    table = _table("Million model events per CPU second", rows)
    for program in _programs(rows):
        cells = [f"{rate(rows, program.name, size) / 1e6:.3g}" for size in _sizes(rows)]
        found = next(row.version for row in rows if row.program == program.name)
        table.add_row(_two_lines(program.title, found), *cells)
    return table


def _ratios(rows: Sequence[Row], ours: Program) -> Table:
    table = _table(f"{ours.title}, over", rows)
    for program in _programs(rows):
        if program not in OWN:
            table.add_row(program.title, *(_ratio(rows, ours, program, size) for size in _sizes(rows)))
    return table


def _ratio(rows: Sequence[Row], ours: Program, other: Program, size: int) -> Text:
    pairs = zip(select(rows, ours.name, size), select(rows, other.name, size), strict=True)
    ratios = [a.events / a.cpu_s / (b.events / b.cpu_s) for a, b in pairs]
    middle = rate(rows, ours.name, size) / rate(rows, other.name, size)
    return _two_lines(f"{middle:.2f}", f"{min(ratios):.2f}-{max(ratios):.2f}")


def _two_lines(first: str, second: str) -> Text:
    return Text.assemble(f"{first}\n", (second, "dim"))


def _table(title: str, rows: Sequence[Row]) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("clients")
    for size in _sizes(rows):
        table.add_column(f"{size:,}", justify="right")
    return table


def _sizes(rows: Sequence[Row]) -> list[int]:
    return sorted({row.clients for row in rows})


def _programs(rows: Sequence[Row]) -> list[Program]:
    found = {row.program for row in rows}
    return [program for program in PROGRAMS if program.name in found]


def write(folder: Path, rows: Sequence[Row], settings: dict[str, Any]) -> None:
    """Write repetitions.parquet and provenance.json into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pa.Table.from_pylist([asdict(row) for row in rows]), folder / REPETITIONS)
    content = json.dumps(provenance(rows) | {"settings": settings}, indent=1, allow_nan=False)
    (folder / "provenance.json").write_text(content + "\n", encoding="utf-8")


def read(folder: Path) -> list[Row]:
    """Return the rows that a folder has; raises ValueError if they cannot be read."""
    file = folder / REPETITIONS
    try:
        return [Row(**row) for row in parquet.read_table(file).to_pylist()]
    except (OSError, pa.ArrowException, TypeError) as error:
        raise ValueError(f"{file}: cannot be read: {error}") from error


def provenance(rows: Sequence[Row]) -> dict[str, Any]:
    """Return what the numbers depend on: machine, its load, and versions."""
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "load_average": list(os.getloadavg()),
        "system": platform.platform(),
        "python": platform.python_version(),
        "compiler": compiler() and program_version(Program("", "", queue="heap")),
        "packages": {name: package_version(name) for name in PACKAGES},
        "programs": {row.program: row.version for row in rows},
    }


def processor() -> str:
    """Return the processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next(
        (line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor()
    )
