"""When faults hold: as the scenario says, and as they actually came."""

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from meterstorm.actors.setup import crashes
from meterstorm.actors.setup.scenario import is_client_crash

from ..drawing.lines import Window
from ..reports.finished_runs import Run
from ..scenario import Scenario
from .samples import read

FILE = "faults.parquet"
KINDS = {"cut": "cut off", "stall": "stalled", "client-crash": "down"}  # the others are words already
WINDOWS_MAX = 500  # more would touch each other
DRAWN_MAX = 30  # windows at drawn times that can be told apart


class Shading(NamedTuple):
    """What is shaded, and whether its times are those that the first replication drew."""

    windows: Sequence[Window]
    is_drawn: bool


def merged(shadings: Sequence[Shading]) -> Shading:
    """Return what is shaded for several arms: windows that are alike once."""
    found = dict.fromkeys(window for one in shadings for window in one.windows)
    return Shading(list(found), any(one.is_drawn for one in shadings))


class Faults:
    """When faults held in the first replication of a run, version by version."""

    def __init__(self, run: Run) -> None:
        """Read the file, if the folder has it; raises ValueError if it cannot be read."""
        self._scenarios = run.scenarios
        self._held = _first_replication(run)

    def servers(self) -> set[int]:
        """Return the servers at which any fault held."""
        rows = [held for held_in_version in self._held.values() for held in held_in_version]
        return {held.server for held in rows if held.server is not None}

    def shading(self, case: str | None, arm: str | None) -> Shading:
        """Return when faults hold in a version: as planned, or as drawn, where that is known and they are few."""
        if self._is_drawn(case, arm) and len(found := self._came(case, arm)) <= DRAWN_MAX:
            return Shading(found, is_drawn=True)
        return Shading(list(windows(self._scenarios[case, arm])), is_drawn=False)

    def at_server(self, case: str | None, arm: str | None, server: int) -> Shading:
        """Return when faults held at a server: of many drawn ones, from the first to the last."""
        found = self._came(case, arm, server)
        is_drawn = self._is_drawn(case, arm)
        if is_drawn and len(found) > DRAWN_MAX:
            begin, end = min(one.begin for one in found), max(one.end for one in found)
            return Shading([Window(begin, end, "faults at drawn times")], is_drawn)
        return Shading(found, is_drawn)

    def _is_drawn(self, case: str | None, arm: str | None) -> bool:
        """Whether times of faults of a version are drawn, and known."""
        faults = self._scenarios[case, arm].faults
        return (case, arm) in self._held and any(fault.mtbf_s > 0 or fault.mttr_s > 0 for fault in faults)

    def _came(self, case: str | None, arm: str | None, server: int | None = None) -> list[Window]:
        """Return when faults held at a server, or at any: at several of them at once, one window."""
        scenario = self._scenarios[case, arm]
        kinds = [_words(fault) if is_client_crash(fault) else _kind(fault) for fault in scenario.faults]
        held = [one for one in self._held.get((case, arm), ()) if server in (None, one.server)]
        found = [part for one in held for part in _within(one.begin, one.end, scenario, kinds[one.fault])]
        return list(dict.fromkeys(found))


class _Held(NamedTuple):
    """A fault that held at a server for some time, or some of clients, at none."""

    fault: int
    server: int | None
    begin: float
    end: float


def _first_replication(run: Run) -> dict[tuple[str | None, str | None], list[_Held]]:
    """Return what the file says of the first replication, by case and arm; nothing, if there is no file."""
    file = run.folder.path / FILE
    if not file.exists():
        return {}
    table = read(file)
    first = table.take(np.flatnonzero(table["replication"].to_numpy() == 0))
    found: dict[tuple[str | None, str | None], list[_Held]] = {}
    for row in first.to_pylist():
        held = _Held(row["fault"], row["server"], row["start_s"], row["end_s"])
        found.setdefault((row["case"], row["arm"]), []).append(held)
    return found


def windows(scenario: Scenario) -> Iterator[Window]:
    """Yield when faults hold, and what they are; of one whose times are drawn, when it may."""
    for fault in scenario.faults:
        if fault.mtbf_s > 0:
            yield from _within(fault.start_s, math.inf, scenario, f"{_words(fault)}, at drawn times")
            continue
        lasts = (fault.mttr_s or fault.duration_s) + fault.stagger_s * (len(crashes.hit(scenario, fault)) - 1)
        words = f"{_words(fault)}, on average" if fault.mttr_s else _words(fault)
        times = fault.repeats if fault.repeat_s > 0 else 1
        for n in range(min(times, WINDOWS_MAX)):
            begin = fault.start_s + n * fault.repeat_s
            yield from _within(begin, begin + lasts, scenario, words)


def _within(begin: float, until: float, scenario: Scenario, words: str) -> Iterator[Window]:
    """Yield the part of a window that is in the measured time."""
    begin, end = max(begin, 0.0), min(until, scenario.run.duration_s)
    if begin < end:
        yield Window(begin, end, words)


def _words(fault: Any) -> str:
    """Return in words what goes wrong, and where."""
    if is_client_crash(fault):
        return f"{_clients(fault)} {_kind(fault)}"
    if fault.servers == "all":
        where = "all servers"
    elif isinstance(fault.servers, Sequence):
        where = f"server {fault.servers[0]}" if len(fault.servers) == 1 else f"{len(fault.servers)} servers"
    else:
        where = f"{100 * fault.servers.fraction:g} % of the servers"
    return f"{where} {_kind(fault)}"


def _clients(fault: Any) -> str:
    if fault.clients == "all":
        return "all clients"
    if isinstance(fault.clients, Sequence):
        first, last = fault.clients
        return f"client {first}" if first == last else f"clients {first} to {last}"
    if hasattr(fault.clients, "group"):
        return f"clients of “{fault.clients.group}”"
    return f"{100 * fault.clients.fraction:g} % of the clients"


def _kind(fault: Any) -> str:
    return KINDS.get(fault.kind, str(fault.kind))
