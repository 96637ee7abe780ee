"""A report of folders: of runs side by side, of a sweep, of a benchmark, or of a what-if."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

from ..runs.folder import REPORT, SUMMARY
from . import bench, folders, runs, storm, sweep, whatif
from .chapters import Report
from .sweep import Shown


def report(paths: Sequence[Path], shown: Shown | None = None) -> Report:
    """Return the report of folders; `shown` is of a sweep.

    Raises ValueError and ScenarioError for what is none, and for kinds that do not go together.
    """
    kinds = {path: folders.kind(path) for path in paths}
    others = [path for path in paths if kinds[path] != folders.RUN]
    if others and len(paths) > 1:
        raise ValueError(folders.alone(others[0], kinds[others[0]]))
    if shown and kinds[paths[0]] != folders.SWEEP:
        what = "--metric and --bad are for sweeps: what is drawn over its settings, and what of it is bad"
        raise ValueError(f"{paths[0]}: the folder of a {kinds[paths[0]]}; {what}")
    if not others:
        return runs.report(folders.book(paths))
    if kinds[paths[0]] == folders.WHAT_IF:
        return whatif.report(paths[0])
    if kinds[paths[0]] == folders.STORM:
        return storm.report(paths[0])
    provenance = _json(paths[0], kinds[paths[0]], "provenance.json")
    if kinds[paths[0]] == folders.BENCH:
        return bench.report(paths[0], provenance)
    return sweep.report(paths[0], _json(paths[0], kinds[paths[0]], SUMMARY), provenance, shown or Shown())


def _json(folder: Path, kind: str, file: str) -> dict[str, object]:
    try:
        found: dict[str, object] = json.loads((folder / file).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"{folder}: not the folder of a finished {kind}; it has no {file}") from None
    except OSError as error:
        raise ValueError(f"{folder / file}: cannot be read: {error.strerror}") from None
    return found


def write(folder: Path) -> Path:
    """Write the report of a folder into it, and return its path; raises OSError."""
    file = folder / REPORT
    save(file, report([folder]).html())
    return file


def save(file: Path, html: str) -> None:
    """Write a page in place of what is there; raises OSError."""
    aside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        aside.write_text(html, encoding="utf-8")
        os.replace(aside, file)
    except OSError as error:
        error.filename = str(file)  # the one beside it is ours
        raise
    finally:
        aside.unlink(missing_ok=True)
