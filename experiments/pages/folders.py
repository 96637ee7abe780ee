"""The folders that a report covers: runs side by side, or a sweep, a benchmark or a what-if."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..bench.report import REPETITIONS
from ..drawing.figure import Key
from ..reports import finished_runs
from ..reports.finished_runs import Run
from ..runs.folder import SUMMARY
from ..storm.folder import STORM as STORM_FILE
from ..whatif.results import WHATIF

RUN, SWEEP, BENCH, STORM, WHAT_IF = "run", "sweep", "benchmark", "storm benchmark", "what-if"
NOT_FINISHED = "not the folder of a finished run, sweep, benchmark or what-if"


class Arm(NamedTuple):
    """An arm of one of the runs, under the name and color that it has in the report."""

    run: Run
    name: str | None
    key: Key


class Book(NamedTuple):
    """Runs side by side."""

    runs: Sequence[Run]
    arms: Sequence[Arm]

    @property
    def cases(self) -> list[str | None]:
        """The cases of all runs, in order."""
        return list(dict.fromkeys(entry["case"] for run in self.runs for entry in run.summary["arms"]))

    def entries(self, case: str | None) -> list[tuple[Arm, dict[str, Any]]]:
        """Return the arms that ran in a case, with what the summary has of each."""
        found = [(arm, arm.run.entry(case, arm.name)) for arm in self.arms]
        return [(arm, entry) for arm, entry in found if entry is not None]


def kind(folder: Path) -> str:
    """Return what a folder is of: BENCH, STORM, WHAT_IF, SWEEP or RUN; raises ValueError for anything else."""
    if (folder / REPETITIONS).exists():
        return BENCH
    if (folder / STORM_FILE).exists():
        return STORM
    if (folder / WHATIF).exists():
        return WHAT_IF
    try:
        summary = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError):
        words = f"it has no {SUMMARY} and no {REPETITIONS}"
        raise ValueError(f"{folder}: {NOT_FINISHED}; {words}") from None
    if not isinstance(summary, dict):
        raise ValueError(f"{folder}: {NOT_FINISHED}; its {SUMMARY} is of none")
    if summary.get("hunt"):
        raise ValueError(
            f"{folder}: the folder of a hunt; a report is of a run, a sweep, a benchmark or a what-if"
        )
    return SWEEP if summary.get("sweep") else RUN


def alone(folder: Path, kind: str) -> str:
    """Return in words why a folder goes with no other."""
    return f"{folder}: the folder of a {kind} stands alone; only runs go side by side"


def book(folders: Sequence[Path]) -> Book:
    """Read the folders of runs; raises ValueError for one that is none."""
    runs = finished_runs.read(folders)
    named = [(run, arm) for run in runs for arm in run.arms]
    return Book(runs, [Arm(run, arm, Key(_name(runs, run, arm), n)) for n, (run, arm) in enumerate(named)])


def _name(runs: Sequence[Run], run: Run, arm: str | None) -> str:
    return run.named(arm) if len(runs) > 1 else arm or "the scenario"
