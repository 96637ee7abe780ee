"""The files of a fit: a scenario, the times that it draws from, the page and its figures."""

from pathlib import Path
from tempfile import TemporaryDirectory

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
    """Write the scenario, and all that belongs to it beside it; raises OSError. Returns the files.

    Files of an earlier fit of that name go; where no scenario can have what was fitted (ScenarioError), all stays.
    """
    with TemporaryDirectory() as folder:
        tried = _write_tables(fitted, Path(folder) / path.name)
        validate(scenario(fitted, {key: str(file) for key, file in tried.items()}))
    path.parent.mkdir(parents=True, exist_ok=True)
    for name in (*map(_table_of, COLUMNS), *map(_figure_of, page.FIGURES)):
        path.with_name(path.stem + name).unlink(missing_ok=True)
    tables = _write_tables(fitted, path)
    made = scenario(fitted, {key: file.name for key, file in tables.items()})
    path.write_text(tomli_w.dumps(made), encoding="utf-8")
    figures = [(path.with_name(path.stem + _figure_of(one.name)), one) for one in page.figures(fitted)]
    for file, figure in figures:
        file.write_text(to_svg(figure), encoding="utf-8")
    told = path.with_suffix(".md")
    told.write_text(page.text(fitted, [(file.name, figure) for file, figure in figures]), encoding="utf-8")
    return [path, *tables.values(), told, *(file for file, _ in figures)]


def _table_of(key: str) -> str:
    return f"-{key.replace('_', '-')}.parquet"


def _figure_of(name: str) -> str:
    return f"-{name}.svg"


def _write_tables(fitted: Model, path: Path) -> dict[str, Path]:
    """Write the times that a scenario of this path draws from, by its keys for them."""
    tables = {}
    drawn = ((RUN_TIMES, fitted.holds, fitted.holds.best), (INTERVALS, fitted.gaps, launching(fitted)))
    for key, times, taken in drawn:
        values = drawn_from(taken, times.values)
        if values is not None:
            tables[key] = path.with_name(path.stem + _table_of(key))
            parquet.write_table(pa.table({COLUMNS[key]: values}), tables[key])
    return tables
