"""What the rows of a sweep say so far: which worlds are done, and whether intervals are as narrow as asked.

All versions at a point get the same number of replications, so that they can be compared. That number depends only
on the values of earlier replications, so an interrupted sweep ends like one that was not.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ..analysis.stopping import Goal, shortfall, wanted
from ..metrics.metrics import Value
from ..scenario import versions
from .chunks import WorldKey
from .points import Plan

if TYPE_CHECKING:
    import pyarrow as pa

Cell = tuple[int, int]  # a point, and a version there


class Seen:
    """The worlds that are done, those that have failed, and what the goals' metrics are in the former."""

    def __init__(self, plan: Plan, goals: Sequence[Goal], at_most: int) -> None:
        self.done: set[WorldKey] = set()
        self.failed: set[WorldKey] = set()  # some of them may be done by now
        self._plan, self._goals, self._at_most = plan, goals, at_most
        self._names = [(version.case, version.arm) for version in versions(plan.base)]
        run = plan.base.run
        most = max(run.replications, at_most) if goals else run.replications
        self._numbers = range(run.first_replication, run.first_replication + most)
        self._counts = dict.fromkeys((point.number for point in plan.points), run.replications)
        self._values: dict[Cell, dict[int, list[Value]]] = {}  # by replication

    @property
    def rows(self) -> int:
        """How many worlds have a row."""
        return len(self.done | self.failed)

    @property
    def worlds(self) -> int:
        """How many worlds are wanted as far as is known."""
        return sum(self._counts.values()) * len(self._names)

    def add(self, rows: "pa.RecordBatch") -> None:
        """Take in a batch; rows of worlds that the plan will never want are ignored."""
        metrics = [goal.metric for goal in self._goals]
        columns = dict.fromkeys(["point", "case", "arm", "replication", "error", *metrics])
        for row in rows.select(list(columns)).to_pylist():
            if row["point"] in self._counts and row["replication"] in self._numbers:
                world = WorldKey(row["point"], self._names.index((row["case"], row["arm"])), row["replication"])
                (self.done if row["error"] is None else self.failed).add(world)
                if metrics and row["error"] is None:
                    values = self._values.setdefault((world.point, world.version), {})
                    values[world.replication] = [row[name] for name in metrics]

    def batches(self) -> Iterator[Iterator[WorldKey]]:
        """Yield the worlds that are left, and once these are run, more of them while the goals are not met."""
        yield self._left(dict.fromkeys(self._counts, 0))
        before = dict(self._counts)
        while self._goals and self._extend():
            yield self._left(before)
            before = dict(self._counts)

    def unmet(self) -> list[str]:
        """Return in words which intervals are not as narrow as asked, and why."""
        return [
            f"point {point}, {self._words(version)}{goal.metric}: {why}"
            for point in self._counts
            for version in range(len(self._names))
            for number, goal in enumerate(self._goals)
            if (why := shortfall(self._known(point, version, number), goal))
        ]

    def _left(self, before: dict[int, int]) -> Iterator[WorldKey]:
        """Yield worlds that are not done, point by point, each version's replications in a row."""
        first = self._plan.base.run.first_replication
        for point, count in self._counts.items():
            for version in range(len(self._names)):
                for replication in range(first + before[point], first + count):
                    if (world := WorldKey(point, version, replication)) not in self.done:
                        yield world

    def _extend(self) -> bool:
        """Raise the counts of replications where the goals ask for more; whether they do anywhere."""
        longer = {point: self._needed(point) for point in self._counts}
        is_longer = longer != self._counts
        self._counts = longer
        return is_longer

    def _needed(self, point: int) -> int:
        needs = [
            wanted(self._known(point, version, number), goal)
            for version in range(len(self._names))
            for number, goal in enumerate(self._goals)
        ]
        return max(self._counts[point], min(max(needs), self._at_most))

    def _known(self, point: int, version: int, goal: int) -> list[Value]:
        """Return the values of a goal's metric in the replications that are counted, as far as they are there."""
        end = self._plan.base.run.first_replication + self._counts[point]
        values = self._values.get((point, version), {})
        return [values[number][goal] for number in sorted(values) if number < end]

    def _words(self, version: int) -> str:
        return "".join(f"{name}, " for name in self._names[version] if name)
