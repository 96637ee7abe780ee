"""The finding of the storm benchmark: which policy, in which storm."""

from collections.abc import Mapping, Sequence
from math import comb
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from ..storm import contests, roster, sources
from ..storm.run import Part, worlds
from ..storm.run import run as run_storms
from ..storm.scores import WEIGHTS
from ..storm.standing import Row, Standing, standing
from ..storm.tables import number, overall
from ..sweeps.options import SweepOptions
from .answer import Answer, Finding, prose
from .figures import Figures
from .study import file_of, read, write

COST = "cost"


class StormStudy(NamedTuple):
    """The storm benchmark's short form, and how often it is run; its rows are those of scores.parquet."""

    name: str
    replications: int

    @property
    def file(self) -> Path:
        """The results in the repository."""
        return file_of(self.name)

    @property
    def command(self) -> str:
        """The command that runs the same."""
        return f"meterstorm bench storm --quick --replications {self.replications}"

    @property
    def size(self) -> int:
        """How many rows it has: a world of the oracle has none."""
        parts = self._parts(None)
        return worlds(parts) - len(parts) * self.replications

    def run(self, folder: Path, seed: int | None = None) -> list[dict[str, Any]]:
        """Run the benchmark in a folder; raises ValueError for a world that failed, and KeyboardInterrupt."""
        outcome = run_storms(self._parts(seed), roster.read(), SweepOptions(), folder, lambda done: None)
        if outcome.interrupted:
            raise KeyboardInterrupt
        if outcome.failures:
            raise ValueError(f"{self.name}: {outcome.failures[0]}")
        return [{key: value for key, value in row.items() if key != "error"} for row in outcome.rows]

    def _parts(self, seed: int | None) -> list[Part]:
        choice = sources.Choice(is_quick=True, replications=self.replications, seed=seed)
        own = roster.read()
        return [Part(one.name, sources.planned(one, own, choice).plan) for one in sources.built_in()]

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Keep results in the repository; raises OSError."""
        write(self.name, rows)

    def read(self) -> list[dict[str, Any]]:
        """Return the results in the repository; raises OSError."""
        return read(self.name)


STORMS = StormStudy("storms", 8)


def _answer(figures: Figures) -> Answer:
    baseline = roster.baseline(roster.read(), None)
    found = standing(contests.contests(figures.rows), baseline, WEIGHTS)
    rows = overall(found)
    whole = [row for row in rows if row.contests == len(found.contests)]
    costs = _costs(found, whole)
    best = whole[0].policy
    dearer = [row.policy for row in whole[1:] if costs.is_less(COST, {"policy": best}, {"policy": row.policy})]
    figures.claims += comb(len(whole), 2)  # `best` is chosen by the same results: any pair might have been told
    shipped = costs.claim_less(COST, {"policy": best}, {"policy": baseline})
    everywhere = [row.policy for row in rows if row.cheaper == row.contests]
    words = prose(
        f"""
        In {len(found.contests)} storms, {_list(everywhere)} costs less
        than “{baseline}” in all of them by what holds for all {_family(found):,} comparisons of scores and costs
        at once. By the stated weights and over all storms, “{best}” has the least mean cost, {shipped} beside
        “{baseline}”. That is shown beside {len(dearer)} of the {len(whole) - 1} other policies that every storm
        can have{_but([row.policy for row in whole[1:] if row.policy not in dearer])}.
        {_never(rows)}
        """
    )
    heads = ["policy", "mean cost", "cheaper", "dearer", "scores better", "worse", "on the front of"]
    table = [
        [row.policy, number(row.cost), *map(str, row[2:6]), f"{row.on_front} of {row.contests}"] for row in rows
    ]
    stops = prose(
        """
        At other weights: the cost is a choice, and [the benchmark's page](storm/README.md) says how to make yours.
        With eight scores a policy that does little (no retries, offline for hours) is beaten in all of them by
        hardly anyone, so that being on the front is no praise, and being off it is a reason to leave it out.
        Each storm is at its first setting here; the whole benchmark runs the others.
        """
    )
    return Answer(words, heads, table, stops)


def _costs(found: Standing, rows: Sequence[Row]) -> Figures:
    """Return the mean cost over all storms, for each policy and replication."""
    made = []
    for row in rows:
        costs = [contest.costs(row.policy, found.weights) for contest in found.contests]
        for replication, own in enumerate(zip(*costs, strict=True)):
            mean = fmean(float(value or 0.0) for value in own)
            made.append({"policy": row.policy, "replication": replication, COST: mean})
    return Figures(made)


def _family(found: Standing) -> int:
    return next(one.comparison.family for one in found.compared.values())


def _never(rows: Sequence[Row]) -> str:
    """Return in words which policies are worse in more scores than they are better in."""
    worse = [row.policy for row in rows if row.worse > row.better]
    return f"Worse than that in more scores than better are {_list(worse)}."


def _but(names: Sequence[str]) -> str:
    return f", and not beside {_list(names)}" if names else ""


def _list(names: Sequence[str]) -> str:
    return ", ".join(f"“{name}”" for name in names) or "no policy"


FINDINGS = (
    Finding(
        "Which policy, in which storm?",
        "The question of the storm benchmark; each storm has its source.",
        STORMS,
        _answer,
    ),
)
