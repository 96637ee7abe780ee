"""Results as a run would have them, with metrics made up."""

from typing import Any

from meterstorm.experiments.metrics.metrics import Value
from meterstorm.experiments.metrics.names import METRICS
from meterstorm.experiments.runs.results import Replication, Results, VersionResult
from meterstorm.experiments.scenario import validate, versions

Cell = tuple[str | None, str | None]  # case and arm
Values = dict[str, list[Value]]  # by metric


def replication(number: int, metrics: dict[str, Value]) -> Replication:
    """A replication of which nothing is known but its metrics."""
    unseen = dict.fromkeys(("series", "queueing", "servers", "server_series", "faults"))
    return Replication(number, 0, metrics, 0, 0.0, 0, **unseen)


def results_of(
    raw: dict[str, Any], made_up: dict[Cell, Values], numbers: dict[Cell, list[int]] | None = None
) -> Results:
    """Results of a scenario: values of some metrics by case and arm; the others do not apply.

    `numbers` are those of the replications that are finished, if they are not the first ones.
    """
    scenario = validate({"title": "made up", **raw})
    found = []
    for version in versions(scenario):
        cell = version.case, version.arm
        given = made_up.get(cell, {})
        count = max(map(len, given.values()), default=0)
        rows = []
        for place, number in enumerate((numbers or {}).get(cell, range(count))):
            metrics = dict.fromkeys(METRICS, None) | {name: values[place] for name, values in given.items()}
            rows.append(replication(number, metrics))
        found.append(VersionResult(version, rows))
    return Results(scenario, 1, found)
