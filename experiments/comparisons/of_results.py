"""Every arm of a run beside the baseline, in every case; which metrics, `[compare]` says."""

from collections.abc import Iterator
from typing import NamedTuple

from ..metrics.metrics import Value
from ..runs.results import Replication, Results
from ..scenario import Scenario
from ..scenario.rivals import rivals
from ..scenario.schema import facts
from .families import Comparison, compare

# Compared unless `compare.metrics` says otherwise: of each case, those that apply in it.
AUTO = (
    "denial_fraction",
    "abnormal_denial_fraction",
    "wait_s_mean",
    "amplification",
    "storm_peak_ratio",
    "time_to_recover_s",
    "time_to_last_client_s",
)
# Likewise, where another metric is above 0 in any arm.
WHERE_ANY = {
    "unmetered_license_hours": "unmetered_license_hours",
    "failbacks": "failbacks",
    "time_to_balance_s": "failbacks",
}

Cell = tuple[str | None, str | None]  # case and arm
Rows = dict[Cell, list[Replication]]  # those that are finished


class Rival(NamedTuple):
    """An arm in a case, and the same case under the baseline; without arms a case, and the baseline case."""

    case: str | None
    arm: str | None
    baseline: str | None

    @property
    def own(self) -> Cell:
        """Its own case and arm."""
        return self.case, self.arm

    @property
    def other(self) -> Cell:
        """The case and arm that it is compared with."""
        return (self.baseline, None) if self.arm is None else (self.case, self.baseline)


class Compared(NamedTuple):
    """One metric of a rival and its baseline."""

    rival: Rival
    metric: str
    comparison: Comparison


def all_rivals(scenario: Scenario) -> list[Rival]:
    """Return all that is compared, by case; none where there are no two."""
    word, names, baseline = rivals(facts(scenario))
    others = [name for name in names if name != baseline]
    if word == "case":
        return [Rival(case, None, baseline) for case in others]
    cases: list[str | None] = [case.name for case in scenario.cases]
    return [Rival(case, arm, baseline) for case in cases or [None] for arm in others]


def comparisons(results: Results) -> list[Compared]:
    """Return all comparisons of a run, as one family; of an interrupted run, those that have begun."""
    rows = finished(results)
    plan = [(rival, metric) for rival in all_rivals(results.scenario) for metric in _metrics(results, rows, rival)]
    pairs = [side_by_side(rows, rival, metric) for rival, metric in plan]
    found = compare(pairs, results.scenario.compare.confidence)
    return [Compared(rival, metric, one) for (rival, metric), one in zip(plan, found, strict=True)]


def finished(results: Results) -> Rows:
    """Return the finished replications of every arm in every case."""
    return {(row.version.case, row.version.arm): row.replications for row in results.versions if row.replications}


def side_by_side(rows: Rows, rival: Rival, metric: str) -> tuple[list[Value], list[Value]]:
    """Return the values of a metric in the replications that a rival and its baseline have both finished."""
    found = [rows.get(cell, []) for cell in (rival.own, rival.other)]
    own, other = ({row.number: row.value(metric) for row in replications} for replications in found)
    both = sorted(own.keys() & other.keys())
    return [own[number] for number in both], [other[number] for number in both]


def _metrics(results: Results, rows: Rows, rival: Rival) -> Iterator[str]:
    """Yield the metrics of a rival that are compared: all that are named, or the few that apply in its case."""
    if rival.own not in rows or rival.other not in rows:
        return
    named = results.scenario.compare.metrics
    if isinstance(named, tuple):
        yield from named
        return
    here = [row for (case, _), found in rows.items() if rival.arm is None or case == rival.case for row in found]
    yield from (metric for metric in AUTO if any(row.metrics[metric] is not None for row in here))
    yield from (metric for metric, shown in WHERE_ANY.items() if any(row.metrics[shown] for row in here))
