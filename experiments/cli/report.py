"""meterstorm report: folders as one page, and its figures and tables as files."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..runs.folder import REPORT
from .console import WRONG_INPUT, fail, fail_to_write, make_folder
from .options import Metrics

if TYPE_CHECKING:
    from ..drawing.figure import Figure
    from ..pages.sweep import Shown


def report_command(
    folders: Annotated[
        list[Path],
        typer.Argument(metavar="FOLDER...", help="A run, or several; a sweep, benchmark or what-if."),
    ],
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The page; default: report.html in the first folder.")
    ] = None,
    svg: Annotated[Path | None, typer.Option(metavar="DIR", help="Write each figure as SVG, too.")] = None,
    png: Annotated[Path | None, typer.Option(metavar="DIR", help="Write each figure as PNG, too.")] = None,
    markdown: Annotated[
        Path | None, typer.Option("--md", metavar="FILE", help="Write the tables in Markdown, too.")
    ] = None,
    metrics: Metrics = None,
    bad: Annotated[
        str | None, typer.Option(metavar="WHICH", help='Of a sweep: bad values of the first metric, as "> 0.1".')
    ] = None,
) -> None:
    """Write what folders hold as one HTML file that opens anywhere: the verdict, figures, tables, their origin.

    Several runs stand side by side in the same figures; of two, the second is compared with the first.
    `run`, `sweep`, `bench engine` and `whatif` write the report of their folder themselves.
    """
    from ..pages import markdown as tables
    from ..pages import report
    from ..scenario import ScenarioError

    try:
        made = report.report(folders, _shown(metrics, bad))
    except (ScenarioError, ValueError, OSError) as error:
        fail(WRONG_INPUT, str(error))
    file = out or folders[0] / REPORT
    if file.is_dir():
        fail(WRONG_INPUT, f"--out {file}: is a folder; name a file")
    _write(file, "--out", lambda: report.save(file, made.html()))
    if markdown is not None:
        _write(markdown, "--md", lambda: markdown.write_text(tables.text(made), encoding="utf-8"))
    figures = list(made.figures())
    if svg is not None:
        _write_figures(svg, "--svg", figures)
    if png is not None:
        _write_figures(png, "--png", figures)
    print(file)


def _shown(metrics: Sequence[str] | None, bad: str | None) -> "Shown | None":
    from ..analysis.outcomes import parse_bad
    from ..pages.sweep import Shown
    from . import sweeping

    if not metrics and bad is None:
        return None
    try:
        return Shown(sweeping.known(metrics) if metrics else (), None if bad is None else parse_bad(bad))
    except ValueError as error:
        fail(WRONG_INPUT, str(error))


def _write(file: Path, option: str, write: Callable[[], object]) -> None:
    try:
        write()
    except OSError as error:
        fail_to_write(error, file, option)


def _write_figures(folder: Path, option: str, figures: Sequence["Figure"]) -> None:
    """Write figures under their names and numbers, or end the command."""
    from ..drawing.export import to_png, to_svg

    make_folder(folder, option)
    for number, figure in enumerate(figures, 1):
        file = folder / f"{number:02}-{_plain(figure.name)}.{option[2:]}"
        text = to_svg(figure)
        try:
            file.write_bytes(text.encode() if option == "--svg" else to_png(text))
        except ImportError:
            words = "PNG needs resvg, which is not installed: pip install 'meterstorm[png]'"
            fail(WRONG_INPUT, f"{option} {folder}: {words}")
        except OSError as error:
            fail_to_write(error, file, option)


def _plain(name: str) -> str:
    """Return a name as a file has it, whatever is in it."""
    return re.sub(r"[^a-z0-9.]+", "-", name.lower()).strip("-.")[:60] or "figure"
