"""What a run shows on the screen: symptoms and verdicts, or headline metrics when the scenario names none.

For a collection: one line a symptom, and whether it is reproduced.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from meterstorm.actors.shards.storage import Location
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..metrics.groups import sizes
from ..metrics.intervals import estimate
from ..metrics.names import WALL_METRICS, Named
from ..runs.results import Replication, Results, VersionResult
from ..scenario import counted
from .kb import digest
from .layout import Column, add_whole_column, show_columns, show_whole
from .numbers import shown
from .summary import Finished
from .verdicts import Reproduction, Verdict, reproductions, verdicts

HEADLINES = (
    "denial_fraction",
    "abnormal_denial_fraction",
    "amplification",
    "client_busy_fraction",
    "imbalance_mean",
    "ghost_license_hours",
    "unmetered_license_hours",
    "queue_s_p99",
    "time_to_recover_s",
    "time_to_last_client_s",
)
HEADLINES_OF_GROUPS = (
    "launches",
    "attempts",
    "denials",
    "denial_fraction",
    "abnormal_denial_fraction",
    "amplification",
    "client_busy_fraction",
    "unmetered_license_hours",
    "wait_s_mean",
)
COMING_BACK = ("failbacks", "probes", "programs_moved", "double_grants", "time_to_balance_s")


def show(console: Console, results: Results) -> None:
    """Print a run's table, and the verdicts if its cases name symptoms."""
    found = verdicts(results)
    if found:
        _show_symptoms(console, found, _replications(results))
    else:
        _show_headlines(console, results)
    for result in results.versions:
        if result.replications and result.version.scenario.groups:
            _show_groups(console, result)


def _show_groups(console: Console, result: VersionResult) -> None:
    """Print a table of a version's groups of clients: a row for each metric, a column for each group."""
    rows, version = result.replications, result.version
    name = ": ".join(filter(None, (version.case, version.arm)))
    console.print(f"{name}: groups of clients" if name else "Groups of clients", style="italic")
    parts = {f"{name} ({clients:,})": name for name, clients in sizes(version.scenario).items()}
    columns = [Column(f"all ({version.scenario.clients.count:,})", _in_words(rows, None))]
    columns += [Column(head, _in_words(rows, group)) for head, group in parts.items()]
    show_columns(console, Column("", list(HEADLINES_OF_GROUPS)), columns)


def _in_words(rows: list[Replication], group: str | None) -> list[str]:
    """Return the headlines of a group, or of all clients."""
    return [
        metric_in_words(row.value(str(Named(metric, group))) for row in rows) for metric in HEADLINES_OF_GROUPS
    ]


def _show_symptoms(console: Console, found: list[Verdict], replications: int) -> None:
    cases = list({verdict.case.name: verdict.case for verdict in found}.values())
    console.print(f"Symptoms by arm: {_what(replications)}; in brackets the baseline case", style="italic")
    labels = Column("", [f"{case.metric}\n  {case.name}\n  ({case.baseline})" for case in cases])
    by_arm: dict[str | None, list[Text]] = {}
    for verdict in found:
        by_arm.setdefault(verdict.arm, []).append(_cell(verdict))
    show_columns(console, labels, [Column(arm or "", cells) for arm, cells in by_arm.items()])
    for case in cases:
        console.print(_verdict_line([verdict for verdict in found if verdict.case.name == case.name]))


def _what(replications: int) -> str:
    """Return in words what the numbers of a table are."""
    if replications > 1:
        return f"mean and 95 % interval of {counted(replications, 'replication')}"
    return "one replication; --replications 10 gives means with 95 % intervals"


def _cell(verdict: Verdict) -> Text:
    style = {True: "bold red", False: "green", None: ""}[verdict.shown]
    here, baseline = shown(verdict.here), shown(verdict.baseline)
    return Text(f"\n{here}\n({baseline})", style=style)


def _verdict_line(found: list[Verdict]) -> Text:
    case = found[0].case
    line = Text(f"{case.symptom}", style="bold")
    line.append(f" shows where {case.metric} in {case.name!r} exceeds {case.baseline!r}", style="not bold")
    is_judged = any(verdict.shown is not None for verdict in found)
    by = (
        "by more than the 95 % interval of the paired difference"
        if is_judged
        else "as one replication cannot tell"
    )
    line.append(f" {by}:", style="not bold")
    for verdict in found:
        word = {True: "shown", False: "not shown", None: "not judged (one replication)"}[verdict.shown]
        style = {True: "red", False: "green", None: ""}[verdict.shown]
        line.append(f"\n  {verdict.arm or 'the scenario'}: ", style="not bold")
        line.append(word, style=style)
        line.append(f" ({shown(verdict.excess, sign=True)})", style="not bold")
    return line


def _show_headlines(console: Console, results: Results) -> None:
    """Print a table for each case: a row for each metric, a column for each arm."""
    for case in dict.fromkeys(result.version.case for result in results.versions):
        found = [row for row in results.versions if row.version.case == case and row.replications]
        if found:
            title = f"{case}: " if case else ""
            console.print(f"{title}{_what(_replications(results))}", style="italic")
            names = _headlines(found)
            show_columns(console, Column("", names), [_column(result, names) for result in found])


def _headlines(found: list[VersionResult]) -> list[str]:
    """Return what is shown of a case: of clients that come back, too, where any do."""
    rows = [row for result in found for row in result.replications]
    come_back, is_real = any(row.metrics["failbacks"] for row in rows), any(row.wall for row in rows)
    return [*HEADLINES, *(COMING_BACK if come_back else ()), *(WALL_METRICS if is_real else ())]


def _column(result: VersionResult, names: list[str]) -> Column:
    rows = result.replications
    return Column(result.version.arm or "", [metric_in_words(row.metrics[name] for row in rows) for name in names])


def _replications(results: Results) -> int:
    return max((len(result.replications) for result in results.versions), default=0)


def show_collection(console: Console, finished: list[Finished], folder: Location) -> None:
    """Print a line for each symptom: its article, whether it is reproduced, and the numbers."""
    replications = max(_replications(scenario.results) for scenario in finished)
    console.print(f"Symptoms of the articles: {_what(replications)}", style="italic")
    table = Table()
    for name in ("article", "symptom", "reproduced"):
        table.add_column(name, overflow="fold")
    found = [(scenario, row) for scenario in finished for row in reproductions(scenario.results)]
    add_whole_column(table, Column("numbers", [_numbers(row) for _, row in found]), justify="left")
    for scenario, row in found:
        table.add_row(scenario.results.scenario.article, row.defect.case.symptom, _reproduced(row), _numbers(row))
    show_whole(console, table)
    engines = [scenario.summary["engine"] for scenario in finished]
    unjudged = sum(row.reproduced is None for _, row in found)
    console.print(
        f"{sum(row.reproduced is True for _, row in found)} of {counted(len(found), 'symptom')} reproduced"
        f"{f', {unjudged} not judged' if unjudged else ''}; "
        f"{counted(sum(engine['events'] for engine in engines), 'event')} in "
        f"{sum(engine['wall_s'] for engine in engines):.1f} s; results in {folder}; digest {digest(finished)}",
    )


def _reproduced(row: Reproduction) -> Text:
    word = {True: "reproduced", False: "not reproduced", None: "not judged (one replication)"}[row.reproduced]
    return Text(word, style={True: "bold", False: "red", None: ""}[row.reproduced])


def _numbers(row: Reproduction) -> str:
    arms = [f"{verdict.arm}: {shown(verdict.here)}" for verdict in (row.defect, row.cure)]
    return "\n".join([f"{row.defect.case.metric}", *arms])


def closing(summary: Mapping[str, Any], folder: Location) -> str:
    """Return the line under the tables of a run or a sweep."""
    engine = summary["engine"]
    return (
        f"{counted(engine['events'], 'event')} in {engine['wall_s']:.1f} s; results in {folder}; "
        f"digest {summary['digest']}"
    )


def metric_in_words(values: Iterable[float | None]) -> str:
    """Return the mean of the values that there are, with its interval."""
    known = [value for value in values if value is not None]
    return shown(estimate(known)) if known else "-"
