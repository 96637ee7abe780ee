"""A site: what the logs of a license server say, as a folder of tables that other commands read."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
from meterstorm.actors.state.limits import LICENSES_MAX
from pyarrow import parquet

from ..runs.folder import made_aside

VERSION = 1  # of the layout
COUNT_MAX = LICENSES_MAX  # of one line: as many as a launch may take
FACTS, SCENARIO, PAGE = "site.json", "scenario.toml", "README.md"
TEXT, SECONDS, WHOLE = pa.string(), pa.float64(), pa.int64()
DECISION = ("out", "denied")  # kinds of events in which the server decides
KINDS = (*DECISION, "in", "unsupported", "queued", "dequeued", "start", "stop", "reread")
USER = {"server": TEXT, "product": TEXT, "user": TEXT, "host": TEXT, "count": WHOLE}

# Columns of each table. Times are seconds of local wall time since the site's origin.
TABLES: dict[str, dict[str, pa.DataType]] = {
    "events": {
        "time_s": SECONDS,
        "kind": TEXT,
        **USER,
        "detail": TEXT,
        "handle": WHOLE,
        "file": TEXT,
        "line": WHOLE,
    },
    "sessions": {"start_s": SECONDS, "end_s": SECONDS, **USER, "ended": TEXT},
    "outages": {"start_s": SECONDS, "end_s": SECONDS, "server": TEXT, "evidence": TEXT},
    "capacity": {
        "server": TEXT,
        "product": TEXT,
        "from_s": SECONDS,
        "licenses": WHOLE,
        "evidence": TEXT,
        "denials": WHOLE,
    },
    "trace": {"time_s": SECONDS, "client": WHOLE, "product": TEXT, "run_time_s": SECONDS, "count": WHOLE},
}


class Site(NamedTuple):
    """What the logs say; `trace` and `scenario` replay it on the engine, `page` tells it to a reader."""

    facts: dict[str, Any]  # site.json: version, origin, span_s, log, files, lines, clients ...
    events: pa.Table
    sessions: pa.Table
    outages: pa.Table
    capacity: pa.Table
    trace: pa.Table
    scenario: str
    page: str


def table(name: str, columns: dict[str, Any]) -> pa.Table:
    """Return one of TABLES, of columns that are lists or arrays."""
    schema = pa.schema(list(TABLES[name].items()))
    return pa.table([pa.array(columns[field.name], field.type) for field in schema], schema=schema)


def is_of_capacity(detail: str | None) -> bool:
    """Return whether a denial with this detail is one because too few licenses were free.

    -4 is FlexNet's code, -22 RLM's; a denial without a code is taken for one.
    """
    return detail is None or detail == "-22" or detail.startswith("-4,")


def write_site(folder: Path, site: Site) -> None:
    """Write a site in the place of what is in its folder; raises OSError."""
    with made_aside(folder) as aside:
        for name in TABLES:
            parquet.write_table(getattr(site, name), aside / f"{name}.parquet", compression="zstd")
        (aside / FACTS).write_text(json.dumps(site.facts, indent=1) + "\n", encoding="utf-8")
        (aside / SCENARIO).write_text(site.scenario, encoding="utf-8")
        (aside / PAGE).write_text(site.page, encoding="utf-8")


def read_site(folder: Path) -> Site:
    """Read a site; raises ValueError with a finished message when the folder is none."""
    try:
        facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        _check(folder, facts)
        tables = {name: _read(folder / f"{name}.parquet", name) for name in TABLES}
        texts = [(folder / name).read_text(encoding="utf-8") for name in (SCENARIO, PAGE)]
    except FileNotFoundError as error:
        raise ValueError(f"{folder}: is no site: there is no {Path(error.filename).name}") from error
    except (OSError, UnicodeDecodeError, pa.ArrowException, json.JSONDecodeError) as error:
        raise ValueError(f"{folder}: cannot be read: {error}") from error
    return Site(facts, **tables, scenario=texts[0], page=texts[1])


def _check(folder: Path, facts: Any) -> None:
    found = facts.get("version") if isinstance(facts, dict) else None
    if found != VERSION:
        raise ValueError(f"{folder / FACTS}: version is {found!r}; allowed: {VERSION}")


def _read(path: Path, name: str) -> pa.Table:
    """Return a table with the columns that it must have."""
    found = parquet.ParquetFile(path).read()
    schema = pa.schema(list(TABLES[name].items()))
    if not found.schema.equals(schema):
        raise ValueError(f"{path}: has the columns {found.schema.names}; it must have {schema.names}")
    return found
