"""Finished runs, read from their folders to stand beside each other."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..runs.folder import SUMMARY
from ..scenario import Scenario, versions
from . import diff

FACTS = (SUMMARY, "provenance.json")


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

    def named(self, arm: str | None) -> str:
        """Return what one of its arms is called beside those of other runs."""
        return f"{self.name}: {arm}" if arm else self.name


def read(folders: Sequence[Path]) -> list[Run]:
    """Read the folders of runs, each under a name of its own; raises ValueError for one that is none."""
    runs = [_run(folder, name) for folder, name in zip(folders, _names(folders), strict=True)]
    for run in runs:
        if not run.arms:
            raise ValueError(f"{run.folder.path}: has no finished replication")
    return runs


def _run(folder: Path, name: str) -> Run:
    found = diff.read(folder)
    summary, provenance = (json.loads((folder / file).read_text(encoding="utf-8")) for file in FACTS)
    scenarios = {(one.case, one.arm): one.scenario for one in versions(found.scenario)}
    return Run(name, found, summary, provenance, scenarios)


def _names(folders: Sequence[Path]) -> list[str]:
    """Return the folders' last names, or all of each where two end alike."""
    ends = [folder.resolve().name for folder in folders]
    return ends if len(set(ends)) == len(ends) else [str(folder) for folder in folders]
