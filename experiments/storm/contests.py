"""Contests: a scenario at one setting, and what every policy scored there, replication by replication."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..metrics.metrics import Value
from ..scenario import versions
from ..scenario.files import varied
from ..scenario.wording import show
from ..sweeps.points import Plan
from .scores import COST, NAMES, Measured, cost, of_world

if TYPE_CHECKING:
    import pyarrow as pa

SCORES_FILE = "scores.parquet"
NO_SCORES = dict.fromkeys(NAMES)
Where = tuple[str, str, str]  # scenario, setting and case


class Contest(NamedTuple):
    """Where policies meet, and the scores of each: by policy, then by score, a value for each replication."""

    scenario: str
    setting: str  # what its sweep varies, in words; "": nothing
    case: str  # "": the scenario has none
    scores: Mapping[str, Mapping[str, Sequence[Value]]]
    measured_s: float

    @property
    def title(self) -> str:
        """Where it is, in words."""
        return ": ".join(filter(None, (self.scenario, self.case, self.setting)))

    @property
    def replications(self) -> int:
        """How many count."""
        return max((len(own[NAMES[0]]) for own in self.scores.values()), default=0)

    def applying(self) -> list[str]:
        """Return the scores that any policy has here."""
        return [
            name for name in NAMES if any(value is not None for own in self.scores.values() for value in own[name])
        ]

    def costs(self, policy: str, weights: Mapping[str, float]) -> list[Value]:
        """Return what a policy costs by some weights, a value for each replication."""
        own = self.scores[policy]
        rows = zip(*(own[name] for name in NAMES), strict=True)
        return [cost(dict(zip(NAMES, row, strict=True)), weights, self.measured_s) for row in rows]

    def values(self, policy: str, score: str, weights: Mapping[str, float]) -> Sequence[Value]:
        """Return the values of a score, or of the cost."""
        return self.costs(policy, weights) if score == COST else self.scores[policy][score]


def rows_of(scenario: str, plan: Plan, table: "pa.Table", oracle: str) -> Iterator[dict[str, Any]]:
    """Yield the scores of each world of a scenario's sweep beside the oracle's; of one that failed, its error.

    Where the oracle failed there is nothing to measure by, and no row.
    """
    rows = table.to_pylist()
    oracles = {_meeting(row): row for row in rows if row["arm"] == oracle and row["error"] is None}
    settings = _settings(plan)
    measured = {
        (point.number, version.case): Measured(
            version.scenario.workload.run_time_s, version.scenario.run.duration_s
        )
        for point in plan.points
        for version in _versions(plan, point.settings)
    }
    for row in rows:
        base = oracles.get(_meeting(row))
        if row["arm"] != oracle and base is not None:
            about = measured[row["point"], row["case"]]
            yield {
                "scenario": scenario,
                "setting": settings[row["point"]],
                "case": row["case"] or "",
                "policy": row["arm"],
                "replication": row["replication"],
                "measured_s": about.duration_s,
                "error": row["error"],
                **(NO_SCORES if row["error"] else of_world(row, base, about)),
            }


def _meeting(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return where all policies meet the same users."""
    return row["point"], row["case"], row["replication"]


def _versions(plan: Plan, settings: Mapping[str, Any]) -> Iterable[Any]:
    try:
        return varied(plan.base, settings)
    except ValueError:  # its worlds have failed, and said why
        return versions(plan.base)


def _settings(plan: Plan) -> dict[int, str]:
    """Return what each point sets, in words; what is the same at all of them is left out."""
    keys = [axis.key for axis in plan.axes if len(axis.values) > 1]
    return {
        point.number: ", ".join(_setting(key, point.settings[key]) for key in keys if key in point.settings)
        for point in plan.points
    }


def _setting(key: str, value: Any) -> str:
    """Return a key and its value in words; of a table, the keys that it sets."""
    if isinstance(value, Mapping):
        return ", ".join(_setting(name, item) for name, item in value.items())
    return f"{key.rpartition('.')[2]} = {value if isinstance(value, str) else show(value)}"


def write(folder: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write scores.parquet: a row for each world, a column for each score, and one for errors. Raises OSError."""
    import pyarrow as pa
    from pyarrow import parquet

    words = [(name, pa.string()) for name in ("scenario", "setting", "case", "policy")]
    types = [*words, ("replication", pa.int32()), ("measured_s", pa.float64()), ("error", pa.string())]
    columns = pa.schema([*types, *((name, pa.float64()) for name in NAMES)])
    parquet.write_table(pa.Table.from_pylist(list(rows), columns), folder / SCORES_FILE)


def read(folder: Path) -> list[Contest]:
    """Return the contests of a benchmark's folder; raises ValueError if they cannot be read."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        table = parquet.read_table(folder / SCORES_FILE)
        return contests(table.to_pylist())
    except (OSError, pa.ArrowException, KeyError) as error:
        raise ValueError(f"{folder / SCORES_FILE}: cannot be read: {error}") from error


def contests(rows: Iterable[Mapping[str, Any]]) -> list[Contest]:
    """Return the contests of some rows; only replications that all of its policies have run count.

    A policy that failed in any of its worlds is out of that contest. One that has rows missing, as after an
    interrupt, is not: the replications that it has not run count for nobody. Without any left there is no contest.
    """
    found: dict[Where, list[Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault((row["scenario"], row["setting"], row["case"]), []).append(row)
    made = [_contest(where, those) for where, those in found.items()]
    return [contest for contest in made if contest is not None]


def _contest(where: Where, rows: Sequence[Mapping[str, Any]]) -> Contest | None:
    failed = {row["policy"] for row in rows if row.get("error")}
    by_policy: dict[str, dict[int, Mapping[str, Any]]] = {}
    for row in rows:
        if row["policy"] not in failed:
            by_policy.setdefault(row["policy"], {})[row["replication"]] = row
    numbers = sorted(set.intersection(*map(set, by_policy.values()))) if by_policy else []
    scores = {
        policy: {name: [own[number][name] for number in numbers] for name in NAMES}
        for policy, own in by_policy.items()
    }
    return Contest(*where, scores, rows[0]["measured_s"]) if numbers else None
