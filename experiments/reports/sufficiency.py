"""Whether a run suffices: what its folder has, judged question by question, as a table or as JSON."""

import json
import math
from typing import Any

import numpy as np
from meterstorm.actors.randomness.streams import stream_keys
from meterstorm.actors.setup import crashes, spells
from rich.console import Console
from rich.table import Table

from ..analysis.adequacy import COUNTS, STATES, Times, Verdict, Version, check
from ..runs.folder import SUMMARY
from ..scenario import Scenario
from .diff import RunFolder, scenario_of
from .tables import HEADLINES

SECOND = 1_000_000_000


def examine(run: RunFolder) -> list[Verdict]:
    """Return the verdicts on a run; raises ValueError if its folder lacks what they need."""
    found = versions(run)
    if not found:
        raise ValueError(f"{run.path}: has no finished replication")
    return check(found, HEADLINES)


def versions(run: RunFolder) -> list[Version]:
    """Return what a run's folder has of each version; raises ValueError."""
    arms = json.loads((run.path / SUMMARY).read_text(encoding="utf-8"))["arms"]
    series = _series(run)
    return [
        Version(
            arm["case"],
            arm["name"],
            times(scenario_of(run, (arm["case"], arm["name"], 0))),
            {name: [_number(value) for value in metric["values"]] for name, metric in arm["metrics"].items()},
            _of(series, arm["case"], arm["name"], arm["replications"]),
        )
        for arm in arms
    ]


def _number(value: float | str | None) -> float | None:
    return math.inf if value == "inf" else value  # type: ignore[return-value]


def _series(run: RunFolder) -> Any:
    from pyarrow import ArrowException, parquet

    file = run.path / "timeseries.parquet"
    try:
        return parquet.read_table(file, columns=["case", "arm", *STATES, *COUNTS])
    except (OSError, ArrowException) as error:
        raise ValueError(f"{file}: cannot be read: {error}") from error


def _of(table: Any, case: str | None, arm: str | None, replications: int) -> dict[str, Any]:
    """Return a version's columns, with a row for each replication."""
    import numpy as np

    cells = zip(table["case"].to_pylist(), table["arm"].to_pylist(), strict=True)
    chosen = np.array([cell == (case, arm) for cell in cells])
    return {name: table[name].to_numpy()[chosen].reshape(replications, -1) for name in STATES + COUNTS}


def times(scenario: Scenario) -> Times:
    """Return what a version was told of time."""
    run = scenario.run
    faults = _faults(scenario)
    starts_s, ends_s = (faults[name] / SECOND - run.warmup_s for name in ("start", "end"))
    happening = starts_s < run.duration_s
    return Times(
        run.warmup_s,
        run.duration_s,
        run.sample_s,
        float(starts_s.min()) if happening.any() else None,
        float(ends_s.max()) if happening.any() else None,
        float((ends_s - starts_s)[happening].min()) if happening.any() else None,
        _unsteady(scenario),
    )


def _faults(scenario: Scenario) -> Any:
    """Return rows of FAULT, of all replications where they differ."""
    run = scenario.run
    drawn = any(fault.mtbf_s > 0 or fault.mttr_s > 0 for fault in scenario.faults)
    numbers = range(run.first_replication, run.first_replication + (run.replications if drawn else 1))
    every = [stream_keys(run.seed, number) for number in numbers]
    at_clients = [crashes.as_faults(crashes.lay_out(scenario, keys)) for keys in every]
    return np.concatenate([*(spells.lay_out(scenario, keys) for keys in every), *at_clients])


def _unsteady(scenario: Scenario) -> str | None:
    if scenario.workload.arrivals == "trace":
        return "launches come from workload.trace, which has no steady state to reach"
    if scenario.workload.profile:
        return "launches follow workload.profile, so there is no steady state to reach"
    return None


def show(console: Console, found: list[Verdict]) -> None:
    """Print a line for each question."""
    table = Table.grid(padding=(0, 2))
    for column in ("question", "word"):
        table.add_column(column, no_wrap=True)
    table.add_column("reason", overflow="fold")
    for verdict in found:
        table.add_row(verdict.question, verdict.answer.word, f"{verdict.answer.reason}{_where(verdict)}")
    console.print(table, soft_wrap=False)


def _where(verdict: Verdict) -> str:
    """Return in words which version an answer is of, if there are several."""
    if len(verdict.versions) == 1:
        return ""
    names = [repr(name) for name in (verdict.version.case, verdict.version.arm) if name is not None]
    return f" [{', '.join(names)}; {verdict.alike} of {len(verdict.versions)} versions: {verdict.answer.word}]"


def content(found: list[Verdict]) -> dict[str, Any]:
    """Return the verdicts as JSON has them, with the answers of every version."""
    return {
        verdict.question: {
            "verdict": verdict.answer.word,
            "reason": verdict.answer.reason,
            "versions": [
                {"case": version.case, "arm": version.arm, "verdict": answer.word, "reason": answer.reason}
                for version, answer in zip(verdict.versions, verdict.answers, strict=True)
            ],
        }
        for verdict in found
    }
