"""A live view of a running world in an 80 x 24 terminal: spark lines over its measured time.

Below them, what only the wall clock measures: CPU time has three numbers, before, during and after the faults.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from meterstorm.actors.wall.outcome import Measures

from ..drawing.scales import time_in_words
from ..drawing.text import EM, NOT_XML, cut, number
from ..pages.measures import CAUSES
from ..pages.windows import windows
from ..runs.watching import Look, See, Watch, Watcher
from ..scenario import Version
from .console import messages

WIDTH, NAME, SPARK = 79, 18, 44  # signs: of a line, of what it is of, and of its spark line
PAUSE_S = 0.4  # between two looks at least
COST = 0.01  # of the time, looks take at most this part
BLOCKS, PLAIN = "▁▂▃▄▅▆▇█", ".:-=+*#%"  # where the terminal has no Unicode: the latter
FAULT = {BLOCKS: "▒", PLAIN: "x"}


class Clock(NamedTuple):
    """The samples of a scenario, and which of them are drawn as one sign."""

    duration_s: float
    sample_s: float

    def place(self, time_s: float) -> int:
        """Return in which sign a time is."""
        return min(SPARK - 1, int(time_s / self.duration_s * SPARK))

    def columns(self, samples: int) -> Any:
        """Return the sign of each sample, by its middle."""
        middles = np.minimum((np.arange(samples) + 0.5) * self.sample_s, self.duration_s)
        return np.minimum(SPARK - 1, (middles / self.duration_s * SPARK).astype(int))


def spark(values: Any, columns: Any, blocks: str = BLOCKS) -> str:
    """Return a sign for each column, by the largest value in it; 0 is a space, as what is not there yet."""
    tops = np.zeros(SPARK)
    np.maximum.at(tops, columns, values)
    top = tops.max(initial=0.0)
    if top <= 0:
        return " " * SPARK
    steps = np.ceil(tops / top * len(blocks)).astype(int)
    return "".join(blocks[step - 1] if step else " " for step in steps)


def faults(version: Version, clock: Clock, blocks: str = BLOCKS) -> str:
    """Return a sign in each column in which a fault holds."""
    signs = [" "] * SPARK
    for window in windows(version.scenario):
        for place in range(clock.place(window.begin), clock.place(window.end) + 1):
            signs[place] = FAULT[blocks]
    return "".join(signs)


def lines(version: Version, replication: int, seen: Look, speed: float, blocks: str = BLOCKS) -> list[str]:
    """Return what is on the screen of one world."""
    run = version.scenario.run
    clock = Clock(run.duration_s, run.sample_s)
    who = " / ".join(filter(None, (version.case, version.arm))) or "the scenario"
    now = time_in_words(seen.now_s) if seen.now_s >= 0 else "warming up"
    links = [f"{name} {number(count)}" for name, count in seen.links.items()]
    return [
        _fitting(f"{who}, replication {replication}"),
        _fitting(
            f"{now} of {time_in_words(run.duration_s)}; {number(speed)} events/s, {number(seen.events)} done"
        ),
        "",
        f"{'clients online':{NAME}} {', '.join(links[:2])}",
        f"{'not online':{NAME}} {', '.join(links[2:])}",
        f"{'faults':{NAME}} {faults(version, clock, blocks)}",
        *(_row(name, values, word, clock, blocks) for name, values, word in _measures(seen, run.sample_s)),
        f"{'':{NAME}} {'0':{SPARK - 8}}{time_in_words(run.duration_s):>8}",
        *(
            _fitting(f"{name:{NAME}} {words}")
            for name, words in (_wall(version, seen, seen.wall) if seen.wall else ())
        ),
    ]


def _wall(version: Version, seen: Look, measured: Measures) -> Iterator[tuple[str, str]]:
    """Yield what only real time has: CPU time before, during and after the faults, and how late all is."""
    attempts, run = sum(measured.attempts()), version.scenario.run
    for name, of_servers in (("CPU of clients", False), ("CPU of servers", True)):
        cpu_s = measured.cpu_s(of_servers)
        each = f"{number(1e6 * sum(cpu_s) / attempts)} us an attempt, " if attempts else ""
        per_client = f"{number(1e3 * sum(cpu_s) / version.scenario.clients.count)} ms a client"
        yield name, f"{' / '.join(map(number, cpu_s))} s; {each}{per_client}"
    trips, late = measured.round_trips, measured.lateness
    quantiles = [trips.quantile(0.5), trips.quantile(0.99), trips.largest]
    yield "round trips", f"{' / '.join(map(_ms, quantiles))} ms: median, 99 %, longest"
    unsent, samples = sum(node.unsent for node in measured.nodes), seen.series["messages"]
    rate = sum(samples) / (max(1, len(samples)) * run.sample_s / run.pace)
    by = f"99 % by {_ms(late.quantile(0.99))} ms"
    yield (
        "late",
        f"{measured.late_share:.2%}, {by}; {unsent:,} unsent; {number(rate)} messages/s",
    )


def _ms(ns: float | None) -> str:
    return "-" if ns is None else number(ns / 1e6)


def _measures(seen: Look, sample_s: float) -> Iterator[tuple[str, Any, str]]:
    """Yield what has a spark line: its name, its values, and the latest in words."""
    minutes = sample_s / 60
    for column, cause in CAUSES.items():
        yield f"denied, {cause}", seen.series[column] / minutes, "/min"
    yield "attempts", seen.series["attempts"] / minutes, "/min"
    yield "time in queue", seen.queue_s, " s"
    yield "waiting users", seen.series["waiting_users"], ""
    yield "licenses in use", seen.series["licenses_in_use"], ""


def _row(name: str, values: Any, word: str, clock: Clock, blocks: str) -> str:
    latest = f"{number(float(values[-1]))}{word}" if len(values) else ""
    return f"{name:{NAME}} {spark(values, clock.columns(len(values)), blocks)} {latest:>13}"


def _fitting(text: str) -> str:
    return cut(NOT_XML.sub("\ufffd", text), WIDTH, 1 / EM)  # of a size that makes a sign 1 wide


class View:
    """The screen: which world runs, how many are done, and when it is time to look again."""

    def __init__(self, title: str, total: int, show: Callable[[str], None], blocks: str) -> None:
        self._title, self._total, self._show, self._blocks = title, total, show, blocks
        self._done = 0.0
        self._due_s = time.perf_counter() + PAUSE_S

    def advance(self, done: float) -> None:
        """Note how many worlds are done, fractions included."""
        self._done = done

    def watch(self, version: Version, replication: int) -> Watcher:
        """Return what looks at a world, as often as costs next to nothing."""
        before = [0, time.perf_counter()]

        def watcher(see: See) -> None:
            began_s = time.perf_counter()
            if began_s < self._due_s or (seen := see()) is None:
                return
            speed = (seen.events - before[0]) / (began_s - before[1]) if before[0] else 0.0
            before[:] = [seen.events, began_s]
            self._show("\n".join([*self._heads(), *lines(version, replication, seen, speed, self._blocks)]))
            ended_s = time.perf_counter()
            self._due_s = ended_s + max(PAUSE_S, (ended_s - began_s) / COST)

        return watcher

    def _heads(self) -> Sequence[str]:
        share = min(1.0, self._done / self._total)
        bar = "#" * round(SPARK * share)
        return [_fitting(self._title), f"{'worlds':{NAME}} {bar:-<{SPARK}} {self._done:,.1f} of {self._total:,}"]


@contextmanager
def watched(title: str, total: int) -> Iterator[tuple[Callable[[float], None], Watch]]:
    """Show worlds as they run, on the terminal of standard error, which is as before at the end."""
    from rich.live import Live
    from rich.text import Text

    console = messages()
    blocks = BLOCKS if console.encoding.startswith("utf") else PLAIN
    with Live(console=console, auto_refresh=False, transient=True) as screen:
        view = View(title, total, lambda text: screen.update(Text(text, no_wrap=True), refresh=True), blocks)
        yield view.advance, view.watch
