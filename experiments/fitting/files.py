"""The files of a fit: a scenario, the times that it draws from, the page and its figures."""

from pathlib import Path

import pyarrow as pa
import tomli_w
from pyarrow import parquet

from ..drawing.export import to_svg
from ..scenario import validate
from . import page
from .families import drawn_from
from .model import INTERVALS, RUN_TIMES, Model, launching, scenario

COLUMNS = {RUN_TIMES: "run_time_s", INTERVALS: "launch_interval_s"}


def write(fitted: Model, path: Path) -> list[Path]:
    """Write the scenario, and all that belongs to it beside it; raises OSError. Returns the files."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tables = {}
    drawn = ((RUN_TIMES, fitted.holds, fitted.holds.best), (INTERVALS, fitted.gaps, launching(fitted)))
    for key, times, taken in drawn:
        values = drawn_from(taken, times.values)
        if values is not None:
            file = path.with_name(f"{path.stem}-{key.replace('_', '-')}.parquet")
            parquet.write_table(pa.table({COLUMNS[key]: values}), file)
            tables[key] = file
    made = scenario(fitted, {key: str(file.resolve()) for key, file in tables.items()})
    validate(made)
    made["workload"] |= {key: file.name for key, file in tables.items()}
    path.write_text(tomli_w.dumps(made), encoding="utf-8")
    figures = [(path.with_name(f"{path.stem}-{one.name}.svg"), one) for one in page.figures(fitted)]
    for file, figure in figures:
        file.write_text(to_svg(figure), encoding="utf-8")
    told = path.with_suffix(".md")
    told.write_text(page.text(fitted, [(file.name, figure) for file, figure in figures]), encoding="utf-8")
    return [path, *tables.values(), told, *(file for file, _ in figures)]
