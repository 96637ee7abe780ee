"""The folder of a benchmark: scores, comparisons and fronts in Parquet; storm.json says how it was run."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from . import contests
from .contests import Contest
from .standing import Standing, standing, tables

STORM = "storm.json"
SCHEMA = 1


class Facts(NamedTuple):
    """How a benchmark was run, and what of it has failed."""

    scenarios: Mapping[str, str]  # their titles by name
    baseline: str
    weights: Mapping[str, float]
    replications: int
    is_quick: bool
    failures: Sequence[str] = ()
    interrupted: bool = False


def write(folder: Path, rows: Sequence[Mapping[str, Any]], facts: Facts) -> Standing:
    """Write the files of a benchmark, as far as it came, and return how the policies stand; raises OSError."""
    import pyarrow as pa
    from pyarrow import parquet

    found = standing(contests.contests(rows), facts.baseline, facts.weights)
    contests.write(folder, rows)
    for name, content in tables(found).items():
        parquet.write_table(pa.Table.from_pylist(content), folder / f"{name}.parquet")
    mark(folder, facts)
    return found


def mark(folder: Path, facts: Facts) -> None:
    """Write storm.json, by which a folder is known to be that of a benchmark; raises OSError."""
    content = json.dumps({"schema": SCHEMA, **facts._asdict()}, indent=1, allow_nan=False)
    (folder / STORM).write_text(content + "\n", encoding="utf-8")


def read(folder: Path) -> tuple[Facts, list[Contest]]:
    """Return what a folder has of a benchmark; raises ValueError if it cannot be read."""
    try:
        content = json.loads((folder / STORM).read_text(encoding="utf-8"))
        facts = Facts(**{name: content[name] for name in Facts._fields})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{folder / STORM}: cannot be read: {error}") from error
    return facts, contests.read(folder)
