"""A sweep's folder, its summary, and its table on the screen."""

import re
import shlex
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from rich.console import Console

from ..runs.begun import Begun
from ..runs.folder import made_aside
from ..runs.inputs import Input
from ..runs.table import VIOLATED
from ..scenario.wording import in_toml, show
from ..sweeps import results
from ..sweeps.points import Plan
from ..sweeps.run import Outcome
from .layout import Column, show_columns
from .summary import write_papers
from .tables import metric_in_words

if TYPE_CHECKING:
    import pyarrow as pa

SCHEMA = 1
DEFAULT_METRICS = ("denial_fraction", "abnormal_denial_fraction", "amplification", "wait_s_mean")
FAILURES_KEPT = 100  # in the summary; metrics.parquet has all
ROWS_SHOWN = 20
TURNS = re.compile("[\u202a-\u202e\u2066-\u2069]")  # signs of Unicode for the direction of text


def summary(plan: Plan, table: "pa.Table", outcome: Outcome, source: str) -> dict[str, Any]:
    """Return the content of summary.json."""
    import pyarrow.compute as pc

    failed = results.failures(table)
    return {
        "schema": SCHEMA,
        "sweep": True,
        "title": plan.base.title,
        "digest": results.digest(table),
        "seed": plan.base.run.seed,
        "design": plan.design,
        "axes": [axis.key for axis in plan.axes],
        "points": len(plan.points),
        "worlds": outcome.worlds,
        "done": table.num_rows - len(failed),
        "failed": len(failed),
        "unmet": outcome.unmet,
        "defects": sum(row["error"].startswith(VIOLATED) for row in failed),
        "failures": [row | {"command": command(plan, row, source)} for row in failed[:FAILURES_KEPT]],
        "engine": {
            "events": pc.sum(table["events"]).as_py() or 0,
            "cpu_s": pc.sum(table["cpu_s"]).as_py() or 0.0,
            "wall_s": outcome.wall_s,
            "peak_memory_bytes": pc.max(table["memory_bytes"]).as_py() or 0,
        },
    }


def command(plan: Plan, row: dict[str, Any], source: str, replications: int = 1) -> str:
    """Return the command that runs one world of a sweep again, and the next ones; `source` is its scenario."""
    words = ["meterstorm", "run", source, "--replications", str(replications)]
    for key, value in {"run.first_replication": row["replication"], **plan.points[row["point"]].settings}.items():
        words += ["--set", f"{key}={in_toml(value)}"]
    return shlex.join([*words, "--arm", row["arm"]] if row["arm"] is not None else words)


def finish(
    begun: Begun[Path], plan: Plan, outcome: Outcome, inputs: Sequence[Input]
) -> "tuple[pa.Table, dict[str, Any]]":
    """Write a sweep's files as far as it came; return its rows and its summary; raises OSError.

    The rows as they came are kept until every world is done.
    """
    table = results.collect(plan, begun.checkpoints)
    content = summary(plan, table, outcome, str(begun.folder / "scenario.toml"))
    write_folder(begun.folder, plan, table, content, inputs)
    if not outcome.interrupted and content["failed"] == 0:
        results.forget(begun.checkpoints)
    return table, content


def write_folder(
    folder: Path, plan: Plan, table: "pa.Table", content: dict[str, Any], inputs: Sequence[Input]
) -> None:
    """Write a sweep's files beside the rows that are kept there until it is finished; raises OSError."""
    with made_aside(folder, keeps=True) as aside:
        write_papers(aside, plan.base, content, inputs, {"interrupted": content["done"] < content["worlds"]})
        results.write(aside, plan, table)


class Group(NamedTuple):
    """The worlds of one version at one point that did not fail."""

    point: int
    case: str | None
    arm: str | None
    values: list[dict[str, float | None]]  # metrics of each replication


def groups(plan: Plan, table: "pa.Table", metrics: Sequence[str]) -> list[Group]:
    """Return a group for every version at every point, in order."""
    import pyarrow.compute as pc

    good = table.filter(pc.is_null(table["error"])).select(["point", "case", "arm", *metrics])
    found: dict[tuple[int, str | None, str | None], list[dict[str, Any]]] = {}
    for row in good.to_pylist():
        found.setdefault((row["point"], row["case"], row["arm"]), []).append(row)
    return [Group(*key, rows) for key, rows in found.items()]


def columns(plan: Plan, shown: Sequence[Group], metrics: Sequence[str]) -> list[Column]:
    """Return a table of points: their numbers, what they set, and means with intervals of metrics."""
    found = [Column("point", [str(group.point) for group in shown])]
    heads = ends_of([axis.key for axis in plan.axes])
    found += [Column(heads[axis.key], [_value(plan, group, axis.key) for group in shown]) for axis in plan.axes]
    if any(group.case for group in shown):
        found.append(Column("case", [group.case or "" for group in shown]))
    if any(group.arm for group in shown):
        found.append(Column("arm", [group.arm or "" for group in shown]))
    found.append(Column("n", [str(len(group.values)) for group in shown]))
    for name in metrics:
        found.append(Column(name, [metric_in_words(row[name] for row in group.values) for group in shown]))
    return found


def show_points(console: Console, plan: Plan) -> None:
    """Print the first ROWS_SHOWN points."""
    shown = [Group(point.number, None, None, []) for point in plan.points[:ROWS_SHOWN]]
    labels, *others = columns(plan, shown, ())
    show_columns(console, labels, others[:-1])
    if len(plan.points) > ROWS_SHOWN:
        console.print(f"{len(plan.points) - ROWS_SHOWN} more points")


def show_table(console: Console, plan: Plan, table: "pa.Table", metrics: Sequence[str]) -> None:
    """Print the first ROWS_SHOWN rows of the table of points."""
    all_groups = groups(plan, table, metrics)
    labels, *others = columns(plan, all_groups[:ROWS_SHOWN], metrics)
    show_columns(console, labels, others)
    if len(all_groups) > ROWS_SHOWN:
        console.print(f"{len(all_groups) - ROWS_SHOWN} more rows: --csv and --md write all")


def ends_of(keys: Sequence[str]) -> dict[str, str]:
    """Return the end of each key, clients.count or failover.base_s, or all of it where two end alike."""
    ends = {key: ".".join(key.split(".")[-2:]) for key in keys}
    times = Counter(ends.values())
    return {key: end if times[end] == 1 else key for key, end in ends.items()}


def _value(plan: Plan, group: Group, key: str) -> str:
    settings = plan.points[group.point].settings
    if key not in settings:
        return "-"
    value = settings[key]
    return value if isinstance(value, str) else f"{value:.6g}" if isinstance(value, float) else show(value)


def to_markdown(plan: Plan, table: "pa.Table", metrics: Sequence[str]) -> str:
    """Return the table of points in Markdown."""
    parts = columns(plan, groups(plan, table, metrics), metrics)
    rows = [
        [column.head for column in parts],
        ["---"] * len(parts),
        *zip(*(part.cells for part in parts), strict=True),
    ]
    return "".join("| " + " | ".join(in_markdown(str(cell)) for cell in row) + " |\n" for row in rows)


def in_markdown(text: str) -> str:
    """Return text as a cell that shows it as it is; a line break would end the row.

    Signs that turn the direction of what follows them are spelled out: they would turn the rest of the line.
    """
    plain = TURNS.sub(lambda sign: f"\\u{ord(sign[0]):04x}", " ".join(text.splitlines()))
    return re.sub(r"([\\`*_\[\]<>|&])", r"\\\1", plain)
