"""summary.json and the other files of a run's folder."""

import json
import math
import platform
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from ..actors import world
from ..actors.pace import Pace, sum_of
from .metrics import Value
from .metrics_names import METRICS
from .run import Results, VersionResult, digest_of
from .scenario import to_toml
from .statistics import estimate

SCHEMA = 1
PACKAGES = ("meterstorm", "numba", "numpy", "ray", "msgpack", "pydantic", "pyarrow", "scipy")

# Columns of timeseries.parquet beside the keys, in the order of world.py's columns.
SERIES = (
    "launches", "suppressed", "attempts", "grants", "denials_misplaced", "denials_stranded", "denials_ghost",
    "denials_exhausted", "evictions", "gave_up", "timeouts", "refusals", "overloaded", "retries", "failovers",
    "offline_spells", "unmetered_starts", "messages", "messages_lost", "requests_served", "queue_us_total",
    "licenses_in_use", "ghost_leases", "waiting_users", "unmetered_programs",
)  # fmt: skip
assert len(SERIES) == world.COLUMNS

SERVER_COLUMNS = ("arrivals", "refused", "dropped", "decided", "denied", "queue_max", "peak", "clients")


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
        "engine": {
            "events": events,
            "cpu_s": cpu_s,
            "wall_s": results.wall_s,
            "events_per_cpu_s": events / cpu_s if cpu_s > 0 else None,
            "peak_memory_bytes": max((row.memory_bytes for row in rows), default=0),
            **_pace(results.shards, [row.pace for row in rows if row.pace]),
        },
        "arms": arms,
    }


def _pace(shards: int, paces: list[Pace]) -> dict[str, Any]:
    """Return what only runs on shards have: windows, and how the shards spent their wall time."""
    return {"pace": sum_of(paces).shares(shards)} if paces else {}


def _arm(result: VersionResult) -> dict[str, Any]:
    rows = result.replications
    digests = [f"{row.digest:016x}" for row in rows]
    return {
        "case": result.version.case,
        "name": result.version.arm,
        "replications": len(rows),
        "digest": digest_of(digests),
        "digests": digests,
        "metrics": {name: _metric([row.metrics[name] for row in rows]) for name in METRICS},
    }


def _metric(values: list[Value]) -> dict[str, Any]:
    """Mean and interval over the replications to which the metric applies; an infinite number is "inf"."""
    known = [value for value in values if value is not None]
    mean, half_width = estimate(known) if known else (None, None)
    return {"mean": plain(mean), "ci95": plain(half_width), "values": [plain(value) for value in values]}


def plain(value: Value) -> Any:
    """Return a number as JSON has it: an infinite one is "inf"."""
    return "inf" if value is not None and math.isinf(value) else value


def to_json(content: dict[str, Any]) -> str:
    """Return JSON text; NaN would be an error."""
    return json.dumps(content, indent=1, allow_nan=False)


def write_folder(folder: Path, results: Results, content: dict[str, Any]) -> None:
    """Write a run's files: scenario.toml, summary.json, provenance.json and the Parquet tables."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "scenario.toml").write_text(to_toml(results.scenario), encoding="utf-8")
    (folder / "summary.json").write_text(to_json(content) + "\n", encoding="utf-8")
    (folder / "provenance.json").write_text(to_json(_provenance(results, content)) + "\n", encoding="utf-8")
    parquet.write_table(_time_series(results), folder / "timeseries.parquet")
    parquet.write_table(_servers(results), folder / "servers.parquet")
    if any(row.journal is not None for _, row in _rows(results)):
        parquet.write_table(_journal(results), folder / "journal.parquet")


def _provenance(results: Results, content: dict[str, Any]) -> dict[str, Any]:
    return {
        "digest": content["digest"],
        "seed": content["seed"],
        "shards": content["shards"],
        "interrupted": results.interrupted,
        "packages": {name: package_version(name) for name in PACKAGES},
        "python": platform.python_version(),
        "system": platform.platform(),
        "machine": platform.machine(),
        "host": platform.node(),
    }


def _time_series(results: Results) -> pa.Table:
    """One row for each sample of each replication; sample -1 is the warm-up."""
    tables = []
    for result, row in _rows(results):
        samples = len(row.series)
        columns: dict[str, Any] = _keys(result, row.number, samples)
        columns["start_s"] = pa.array(
            [-results.scenario.run.warmup_s, *(k * results.scenario.run.sample_s for k in range(samples - 1))]
        )
        columns.update({name: pa.array(row.series[:, k]) for k, name in enumerate(SERIES)})
        tables.append(pa.table(columns))
    return pa.concat_tables(tables) if tables else pa.table({})


def _servers(results: Results) -> pa.Table:
    """One row for each server of each replication, over the whole run (arrivals: the measured time)."""
    tables = []
    for result, row in _rows(results):
        count = len(row.servers)
        columns: dict[str, Any] = _keys(result, row.number, count)
        columns["server"] = pa.array(range(count))
        columns["utilization"] = pa.array(row.servers["busy_area"] / (results.scenario.run.duration_s * 1e6))
        columns.update({name: pa.array(row.servers[name].astype("int64")) for name in SERVER_COLUMNS})
        tables.append(pa.table(columns))
    return pa.concat_tables(tables) if tables else pa.table({})


def _journal(results: Results) -> pa.Table:
    """One row for each row of each replication's journal: see actors/journal.py."""
    tables = []
    for result, row in _rows(results):
        columns: dict[str, Any] = _keys(result, row.number, len(row.journal))
        columns.update({name: pa.array(row.journal[name]) for name in row.journal.dtype.names})
        tables.append(pa.table(columns))
    return pa.concat_tables(tables)


def _rows(results: Results) -> Any:
    return ((result, row) for result in results.versions for row in result.replications)


def _keys(result: VersionResult, replication: int, count: int) -> dict[str, Any]:
    text = pa.string()
    return {
        "case": pa.array([result.version.case] * count, text),
        "arm": pa.array([result.version.arm] * count, text),
        "replication": pa.array([replication] * count, pa.int32()),
    }
