"""What only the wall clock measures: CPU time before, during and after the faults, round trips, lateness."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from meterstorm.actors.wall.measures import LATE_NS, PHASES

from ..drawing import rows
from ..drawing.figure import Figure, Table
from ..drawing.rows import Kind, Mark, Row
from ..drawing.text import number
from ..metrics.intervals import estimate
from .beside import FLOOR_S
from .chapters import Chapter, Group
from .folders import Arm, Book
from .markup import paragraph
from .quantities import rounded, value

SIDES = ("clients", "servers")
SHAPES = ("circle", "square", "diamond")  # of PHASES
IN_PHASES = "Before the first fault (circle), until the last one ends (square), after it (diamond)."
HEADS = ("CPU s", "messages", "late messages", "unsent", "refused", "back late, ms")  # of KEYS
KEYS = ("cpu_s", "messages", "late_messages", "unsent", "refused", "back_late_ms")

Entry = tuple[Arm, dict[str, Any]]  # what summary.json has of an arm in a case


class Share(NamedTuple):
    """CPU time over something that a replication has of each phase."""

    name: str
    title: str
    unit: str
    meaning: str
    times: float  # of s in the unit
    over: Callable[[Entry, dict[str, Any], str], float | None]  # given arm, replication and phase


def _attempts(_: Entry, one: dict[str, Any], phase: str) -> float | None:
    return (one["attempts"][phase] or None) if "attempts" in one else None


def _client_seconds(entry: Entry, one: dict[str, Any], phase: str) -> float | None:
    arm, found = entry
    clients = arm.run.scenarios[found["case"], found["name"]].clients.count
    return (one["phases_s"][phase] * clients or None) if "phases_s" in one else None


SHARES = (
    Share("cpu", "CPU time", "s", "CPU seconds of all processes of clients, and of servers", 1.0, lambda *_: 1.0),
    Share("cpu per attempt", "CPU time per attempt", "us", "CPU time for each request sent in the same time", 1e6,
          _attempts),
    Share("cpu per client", "CPU time per client and second", "us",
          "CPU time for each client, in each real second", 1e6, _client_seconds),
)  # fmt: skip


class Ladder(NamedTuple):
    """Quantiles in ms that are metrics, with their names, and the entry of a replication that has the largest."""

    name: str
    title: str
    quantiles: Mapping[str, str]
    largest: str
    meaning: str

    def quantiles_of(self, entry: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield each with what an arm has of it."""
        for metric in self.quantiles:
            yield metric, entry["metrics"][metric]


class Single(NamedTuple):
    """A metric with a figure of its own."""

    name: str
    title: str
    metric: str
    unit: str
    meaning: str


LADDERS = (
    Ladder("round trips", "Round trips", {"round_trip_ms_p50": "median", "round_trip_ms_p99": "99 %"},
           "round_trip_ms_max", "The world's time from when a request was meant to be sent to its answer"),
    Ladder("lateness", "Lateness", {"lateness_ms_p99": "99 %"}, "lateness_ms_max",
           "Real time by which events were late"),
)  # fmt: skip
SINGLES = (
    Single("messages a second", "Messages a second", "messages_per_s", "1/s", "Of all processes, in real time"),
    Single("unsent", "Due and not sent", "messages_unsent", "messages",
           "Messages that never left their process: whom they were for was gone, or stood still"),
)  # fmt: skip


def chapter(book: Book) -> Chapter | None:
    """Return what the wall-clock runs of a book measured; None where there is none."""
    groups, tables = [], []
    for case in book.cases:
        found = [(arm, entry) for arm, entry in book.entries(case) if entry.get("wall")]
        if found:
            groups.append(Group(case or "", list(_figures(found, case))))
            tables.append((f"Processes{f' in “{case}”' if case else ''}", _processes(found)))
    words = (
        "Real time, real processes: means over the replications. CPU time, attempts and messages a second are of "
        "the measured time; round trips, lateness and what was not sent are of the whole run."
    )
    return Chapter("wall", "The wall clock", paragraph(words, "soft"), groups, tables) if groups else None


def _figures(found: Sequence[Entry], case: str | None) -> Iterator[Figure]:
    at = f" in “{case}”" if case else ""
    for share in SHARES:
        yield _cpu(share, found, at)
    for ladder in LADDERS:
        yield _ladder(ladder, found, at)
    for single in SINGLES:
        yield _single(single, found, at)


def _name(arm: Arm, found: Sequence[Entry], what: str = "") -> str:
    alone = arm.key.name if len(found) > 1 or not what else ""
    return ": ".join(filter(None, (alone, what)))


def _cpu(share: Share, found: Sequence[Entry], at: str) -> Figure:
    """Return a row for each arm and side, with a mark for each phase."""
    made, lines = [], []
    for arm, entry in found:
        for side in SIDES:
            means = [_mean(share, (arm, entry), side, phase) for phase in PHASES]
            marks = [
                Mark(mean, shape=shape) for (mean, _), shape in zip(means, SHAPES, strict=True) if mean is not None
            ]
            words = " / ".join("-" if mean is None else number(mean) for mean, _ in means)
            name = _name(arm, found, side)
            made.append(Row(name, arm.key, marks, f"{words} {share.unit}", is_joined=True))
            lines.append([name, *("-" if mean is None else rounded(mean, half) for mean, half in means)])
    caption = f"{share.meaning}. {IN_PHASES}"
    return rows.figure(
        share.name, f"{share.title}{at}, {share.unit}", caption, made, Kind(share.unit),
        Table(["", *PHASES], lines),
    )  # fmt: skip


def _mean(share: Share, entry: Entry, side: str, phase: str) -> tuple[float | None, float | None]:
    """Return the mean over the replications that have it, and its interval."""
    wall = entry[1]["wall"]
    overs = [(one["cpu_s"][side][phase], share.over(entry, one, phase)) for one in wall]
    values = [share.times * cpu_s / over for cpu_s, over in overs if over]
    return estimate(values) if values else (None, None)


def _ladder(ladder: Ladder, found: Sequence[Entry], at: str) -> Figure:
    """Return a row for each arm: quantiles that are metrics, and the largest value of any replication."""
    made, lines = [], []
    for arm, entry in found:
        top = max(one[ladder.largest] for one in entry["wall"])
        means = [one for _, one in ladder.quantiles_of(entry)]
        known = [
            (one["mean"], shape) for one, shape in zip(means, SHAPES, strict=False) if one["mean"] is not None
        ]
        marks = [Mark(max(ms, FLOOR_S), shape=shape) for ms, shape in [*known, (top, "bar")]]
        words = " / ".join(number(ms) for ms, _ in [*known, (top, "")])
        made.append(Row(_name(arm, found), arm.key, marks, f"{words} ms", is_joined=True))
        cells = [value(metric, one["mean"], one["ci95"]) for metric, one in ladder.quantiles_of(entry)]
        lines.append([_name(arm, found), *cells, f"{number(top)} ms"])
    names = list(ladder.quantiles.values())
    caption = (
        f"{ladder.meaning}. From left to right: {', '.join(names)}, and the longest of any replication (bar). "
        f"{_late(found)}"
    )
    table = Table(["", *names, "longest"], lines)
    return rows.figure(ladder.name, f"{ladder.title}{at}, ms", caption, made, Kind("ms", is_log=True), table)


def _late(found: Sequence[Entry]) -> str:
    """Return in words how many events were late, which tells whether the other figures are of the scenario."""
    shares = [(max(one["late_share"] for one in entry["wall"]), arm.key.name) for arm, entry in found]
    words = ", ".join(f"{100 * share:.3g} % (“{name}”)" for share, name in shares)
    return f"Events more than {LATE_NS / 1e6:g} ms late, at worst in a replication: {words}."


def _single(single: Single, found: Sequence[Entry], at: str) -> Figure:
    """Return a row for each arm with a metric's mean and interval."""
    made, lines = [], []
    for arm, entry in found:
        mean, half = (entry["metrics"][single.metric][key] for key in ("mean", "ci95"))
        ends = (None, None) if half is None else (max(0.0, mean - half), mean + half)
        words = value(single.metric, mean, half)
        made.append(Row(_name(arm, found), arm.key, [Mark(mean, *ends)], words))
        lines.append([_name(arm, found), words])
    caption = f"{single.meaning}. 95 % intervals of the mean, where there are several replications."
    table = Table(["", single.metric], lines)
    return rows.figure(single.name, f"{single.title}{at}", caption, made, Kind(single.unit), table)


def _processes(found: Sequence[Entry]) -> Table:
    """Return what each process of each arm did."""
    lines = []
    for arm, entry in found:
        for one in zip(*(replication["processes"] for replication in entry["wall"]), strict=True):
            cells = [number(estimate([process[key] for process in one]).mean) for key in KEYS]
            lines.append([_name(arm, found, one[0]["name"]), *cells])
    return Table(["process", *HEADS], lines)
