"""summary.json and the other files of a run's folder."""

import json
import platform
from collections.abc import Sequence
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Any, NamedTuple

from meterstorm.actors.shards.storage import Location
from meterstorm.actors.shards.timing import ShardTiming, sum_of
from meterstorm.actors.wall.backends.process import version
from meterstorm.actors.wall.backends.registry import backend_of

from ..metrics.groups import sizes
from ..metrics.intervals import estimate
from ..metrics.metrics import Value
from ..metrics.names import METRICS, METRICS_OF_GROUPS, WALL_METRICS
from ..metrics.wall import in_full
from ..runs.folder import SUMMARY, made_aside
from ..runs.inputs import Input
from ..runs.results import Replication, Results, VersionResult, digest_of, with_digest
from ..scenario import Scenario, to_toml
from . import compared, expected
from .numbers import number, plain
from .parquet import write_parquet
from .verdicts import Verdict, verdicts

SCHEMA = 1
PACKAGES = ("meterstorm", "numba", "numpy", "ray", "msgpack", "pydantic", "pyarrow", "scipy")


class Finished(NamedTuple):
    """A scenario that has been run: its name, what it gave, its summary, and the folder that has its files."""

    name: str
    results: Results
    summary: dict[str, Any]
    folder: Location

    @property
    def worlds(self) -> int:
        """The number of worlds that have been kept; fewer than there are after an interrupt."""
        return sum(arm["replications"] for arm in self.summary["arms"])


def summary(results: Results) -> dict[str, Any]:
    """Return the content of summary.json."""
    arms = [_arm(result) for result in results.versions if result.replications]
    rows = [row for result in results.versions for row in result.replications]
    events, cpu_s = sum(row.events for row in rows), sum(row.cpu_s for row in rows)
    run = results.scenario.run
    return {
        "schema": SCHEMA,
        "title": results.scenario.title,
        "digest": digest_of([arm["digest"] for arm in arms]),
        "seed": run.seed,
        "shards": results.shards,
        "clock": run.clock,
        "warnings": results.warnings,
        "engine": {
            "events": events,
            "cpu_s": cpu_s,
            "wall_s": results.wall_s,
            "events_per_cpu_s": events / cpu_s if cpu_s > 0 else None,
            "peak_memory_bytes": max((row.memory_bytes for row in rows), default=0),
            **_timing(results.shards, [row.timing for row in rows if row.timing]),
        },
        "arms": arms,
        "symptoms": _symptoms(results),
        "comparisons": compared.content(results),
        "expectations": expected.content(results),
    }


def _symptoms(results: Results) -> list[dict[str, Any]]:
    """Return for each symptom what every arm shows of it: the screen has the same."""
    found: dict[str, dict[str, Any]] = {}
    for verdict in verdicts(results):
        case = verdict.case
        named = {"symptom": case.symptom, "case": case.name, "baseline": case.baseline, "metric": case.metric}
        found.setdefault(case.name, named | {"arms": []})["arms"].append(_verdict(verdict))
    return list(found.values())


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "arm": verdict.arm,
        "mean": plain(verdict.here.mean),
        "ci95": plain(verdict.here.half_width),
        "in_baseline": number(verdict.baseline),
        "excess": number(verdict.excess),
        "shown": verdict.shown,
    }


def _timing(shards: int, timings: list[ShardTiming]) -> dict[str, Any]:
    """Return what only runs on shards have: windows, and how the shards spent their wall time."""
    return {"pace": sum_of(timings).shares(shards)} if timings else {}


def _arm(result: VersionResult) -> dict[str, Any]:
    rows = result.replications
    digests = [f"{row.digest:016x}" for row in rows]
    names = (*METRICS, *WALL_METRICS) if rows[0].wall else METRICS
    return {
        "case": result.version.case,
        "name": result.version.arm,
        "replications": len(rows),
        "digest": digest_of(digests),
        "digests": digests,
        "metrics": {name: _metric([row.metrics[name] for row in rows]) for name in names},
        **({"wall": [in_full(row.wall) for row in rows if row.wall]} if rows[0].wall else {}),
        "groups": [_group(name, clients, rows) for name, clients in sizes(result.version.scenario).items()],
    }


def _group(name: str, clients: int, rows: list[Replication]) -> dict[str, Any]:
    metrics = {metric: _metric([row.groups[name][metric] for row in rows]) for metric in METRICS_OF_GROUPS}
    return {"name": name, "clients": clients, "metrics": metrics}


def _metric(values: list[Value]) -> dict[str, Any]:
    """Mean and interval over the replications to which the metric applies; an infinite number is "inf"."""
    known = [value for value in values if value is not None]
    mean, half_width = estimate(known) if known else (None, None)
    return {"mean": plain(mean), "ci95": plain(half_width), "values": [plain(value) for value in values]}


def to_json(content: dict[str, Any]) -> str:
    """Return JSON text; NaN would be an error."""
    return json.dumps(content, indent=1, allow_nan=False)


def write_folder(folder: Path, results: Results, content: dict[str, Any], keeps: bool = False) -> None:
    """Write a run's files in place of what the folder has, or, with `keeps`, beside it; raises OSError.

    Each has the run's digest: scenario.toml, summary.json, provenance.json and the Parquet tables. Users' own
    policies are kept in policies/.
    """
    with made_aside(folder, keeps) as aside:
        provenance = {"shards": content["shards"], "interrupted": results.interrupted, **_backends(results)}
        write_papers(aside, results.scenario, content, results.inputs, provenance)
        write_parquet(aside, results, content["digest"])


def _backends(results: Results) -> dict[str, Any]:
    """The servers of others that have decided in place of the model's, and what they say of themselves."""
    backends = filter(None, (backend_of(result.version.scenario) for result in results.versions))
    found = {backend.name: version(backend) for backend in backends}
    return {"backends": found} if found else {}


def write_papers(
    folder: Path,
    scenario: Scenario,
    content: dict[str, Any],
    inputs: Sequence[Input],
    provenance: dict[str, Any],
) -> None:
    """Write the scenario, the summary, where all came from, and users' own policies; raises OSError."""
    facts = {"digest": content["digest"], "seed": content["seed"], **provenance, **_provenance(inputs)}
    (folder / "scenario.toml").write_text(with_digest(to_toml(scenario), content["digest"]), encoding="utf-8")
    (folder / SUMMARY).write_text(to_json(content) + "\n", encoding="utf-8")
    (folder / "provenance.json").write_text(to_json(facts) + "\n", encoding="utf-8")
    for file in inputs:
        if file.source is not None:
            kept = folder / _kept(file)
            kept.parent.mkdir(exist_ok=True)
            kept.write_bytes(file.source)


def _kept(file: Input) -> str:
    """Return where a run's folder keeps a policy: its hash tells policies of one file name apart."""
    return f"policies/{file.sha256[:8]}-{Path(file.path).name}"


def _input(file: Input) -> dict[str, Any]:
    return {
        "path": file.path,
        "sha256": file.sha256,
        "kept": None if file.source is None else _kept(file),
    }


def _provenance(inputs: Sequence[Input]) -> dict[str, Any]:
    return {
        "inputs": [_input(file) for file in inputs],
        "packages": {name: package_version(name) for name in PACKAGES},
        "python": platform.python_version(),
        "system": platform.platform(),
        "machine": platform.machine(),
        "host": platform.node(),
    }
