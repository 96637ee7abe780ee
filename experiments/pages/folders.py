"""The folders that a report is of: those of runs, beside each other, or that of a sweep or of a benchmark."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..bench.report import REPETITIONS
from ..drawing.figure import Key
from ..reports import diff
from ..runs.folder import SUMMARY
from ..scenario import Scenario, versions

FACTS = (SUMMARY, "provenance.json")
RUN, SWEEP, BENCH = "run", "sweep", "benchmark"


class Run(NamedTuple):
    """A run's folder, and what its files say."""

    name: str
    folder: diff.RunFolder
    summary: dict[str, Any]
    provenance: dict[str, Any]
    scenarios: dict[tuple[str | None, str | None], Scenario]  # what ran, by case and arm

    @property
    def arms(self) -> list[str | None]:
        """The names of its arms that have finished replications, in order."""
        return list(dict.fromkeys(entry["name"] for entry in self.summary["arms"]))

    def entry(self, case: str | None, arm: str | None) -> dict[str, Any] | None:
        """Return what the summary has of an arm in a case."""
        return next((one for one in self.summary["arms"] if (one["case"], one["name"]) == (case, arm)), None)


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
    """Return what a folder is of: BENCH, SWEEP or RUN; raises ValueError for anything else."""
    if (folder / REPETITIONS).exists():
        return BENCH
    try:
        summary = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError):
        words = f"it has no {SUMMARY} and no {REPETITIONS}"
        raise ValueError(f"{folder}: not the folder of a finished run, sweep or benchmark; {words}") from None
    if summary.get("hunt"):
        raise ValueError(f"{folder}: the folder of a hunt; a report is of a run, a sweep or a benchmark")
    return SWEEP if summary.get("sweep") else RUN


def book(folders: Sequence[Path]) -> Book:
    """Read the folders of runs; raises ValueError for one that is none."""
    runs = [_run(folder, name) for folder, name in zip(folders, _names(folders), strict=True)]
    named = [(run, arm) for run in runs for arm in run.arms]
    if not named:
        raise ValueError(f"{folders[0]}: has no finished replication")
    return Book(runs, [Arm(run, arm, Key(_name(runs, run, arm), n)) for n, (run, arm) in enumerate(named)])


def _run(folder: Path, name: str) -> Run:
    found = diff.read(folder)
    summary, provenance = (json.loads((folder / file).read_text(encoding="utf-8")) for file in FACTS)
    return Run(
        name, found, summary, provenance, {(one.case, one.arm): one.scenario for one in versions(found.scenario)}
    )


def _names(folders: Sequence[Path]) -> list[str]:
    """Return the folders' last names, or all of each where two end alike."""
    ends = [folder.resolve().name for folder in folders]
    return ends if len(set(ends)) == len(ends) else [str(folder) for folder in folders]


def _name(runs: Sequence[Run], run: Run, arm: str | None) -> str:
    if len(runs) == 1:
        return arm or "the scenario"
    return f"{run.name}: {arm}" if arm else run.name
