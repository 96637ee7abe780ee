"""The report of folders that runs and sweeps have written."""

from pathlib import Path

from ..pages import report
from ..runs.folder import REPORT, on_disk


def write_report(folder: str | Path, *others: str | Path, out: str | Path | None = None) -> Path:
    """Write the report of the folder of a run, a sweep, a benchmark or a what-if, as `meterstorm report` does.

    Several runs stand side by side in it. It is report.html in the first folder, or the file `out`; its path is
    returned.

    Raises ValueError and ScenarioError for a folder that has nothing to report or stands alone, ValueError for a
    URL, and OSError.
    """
    file = on_disk(Path(folder) / REPORT if out is None else out)
    report.save(file, report.report([Path(folder), *map(Path, others)]).html())
    return file
