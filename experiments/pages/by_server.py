"""What happened over time server by server: for each quantity a figure of each server, all of one scale."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ..drawing import lines
from ..drawing.figure import Figure, Key
from ..drawing.lines import Axis, Line, Plot
from ..drawing.scales import time_in_words
from ..drawing.text import number
from .chapters import Group
from .folders import Arm, Book
from .samples import ServerSamples
from .timeseries import DRAWN, TIME, Case, bands
from .windows import Faults, Shading, merged

SERVERS_MAX = 8  # that are drawn: more cannot be taken in
ARMS_MAX = 4  # that are told in words


class Quantity(NamedTuple):
    """A column of the file: how it is called, of what it is a number, and what it is."""

    column: str
    title: str
    unit: str
    meaning: str
    is_brief: bool = False  # whether it is its peak that tells, not its end


QUANTITIES = (
    Quantity("clients", "Clients", "clients", "Clients of its site that each server was the last to hear from"),
    Quantity("connected", "Connections", "clients", "Clients with a connection to each server"),
    Quantity("leases", "Leases", "licenses", "Leased licenses of each server's pools"),
    Quantity("queue", "Queue", "requests", "Requests that wait at each server", is_brief=True),
)


class Servers:
    """The servers of a report that are drawn, with what was seen of them."""

    def __init__(self, book: Book, faults: Sequence[Faults]) -> None:
        """Read the files; raises ValueError if one cannot be read."""
        self._faults = {id(run): one for run, one in zip(book.runs, faults, strict=True)}
        self._count = max(one.servers.count for run in book.runs for one in run.scenarios.values())
        self._shown = _chosen(self._count, set().union(*(one.servers() for one in faults)))
        columns = [quantity.column for quantity in QUANTITIES]
        self._samples = {id(run): ServerSamples(run, self._shown, columns) for run in book.runs}

    def left_out(self) -> str:
        """Return in words which servers are not drawn; nothing, if all are."""
        if self._count <= SERVERS_MAX or not any(one.is_there for one in self._samples.values()):
            return ""
        names = ", ".join(map(str, self._shown))
        return f"By server, {SERVERS_MAX} of {self._count:,} are drawn, those with faults first: {names}."

    def lines(self, case: Case, quantity: Quantity) -> dict[int, list[Line]]:
        """Return the lines of each server, one for each arm; none for a single server."""
        found: dict[int, list[Line]] = {}
        for arm, _ in case.arms:
            curves = self._samples[id(arm.run)].curves(case.name, arm.name, quantity.column)
            for server, curve in curves.items():
                found.setdefault(server, []).append(Line(arm.key, *curve))
        return found if len(found) > 1 else {}

    def shading(self, case: Case, server: int) -> Shading:
        """Return when faults held at a server under any arm."""
        return merged([self._faults[id(arm.run)].at_server(case.name, arm.name, server) for arm, _ in case.arms])


class ByServer:
    """A case, server by server."""

    def __init__(self, servers: Servers, case: Case) -> None:
        self._servers, self._case = servers, case
        self._drawn = {quantity: servers.lines(case, quantity) for quantity in QUANTITIES}

    def groups(self) -> Iterator[Group]:
        """Yield a group of figures for each quantity that differs from server to server."""
        for quantity, by_server in self._drawn.items():
            if _is_there(by_server) and not _is_alike(by_server):
                title = self._case.title(f"{quantity.title} by server")
                yield Group(title, list(self._figures(quantity)), self._words(quantity))

    def still(self) -> list[str]:
        """Return the titles of the quantities that are 0 throughout."""
        return [f"{one.title} by server" for one, found in self._drawn.items() if found and not _is_there(found)]

    def alike(self) -> list[str]:
        """Return the titles of the quantities that are the same at all servers, but not 0."""
        return [one.title for one, found in self._drawn.items() if _is_there(found) and _is_alike(found)]

    def _figures(self, quantity: Quantity) -> Iterator[Figure]:
        """Yield a figure for each server, all of one scale."""
        case, by_server = self._case, self._drawn[quantity]
        top = max(float(line.edges[1].max()) for here in by_server.values() for line in here)
        for server, here in by_server.items():
            plot = Plot(
                here, TIME, Axis(quantity.unit), self._servers.shading(case, server).windows, case.span, top
            )
            name = case.file(f"{quantity.column} of server {server}")
            title = case.title(f"{quantity.title} of server {server}")
            yield lines.figure(name, title, _caption(here, quantity, case.first_fault), plot)

    def _words(self, quantity: Quantity) -> str:
        """Return what the figures are of, and at which server there is most."""
        case, by_server = self._case, self._drawn[quantity]
        every = [line for here in by_server.values() for line in here]
        tell = _peaks if quantity.is_brief else _ends
        told = [tell(arm, by_server, case.first_fault) for arm, _ in case.arms[:ARMS_MAX]]
        drawn = f" {DRAWN}" if any(self._servers.shading(case, one).is_drawn for one in by_server) else ""
        before = "at first" if case.first_fault is None else "before the first fault"
        head = "Most at once" if quantity.is_brief else f"Server by server, {before} → at the end"
        return f"{quantity.meaning}. {head}: {'; '.join(filter(None, told))}. {bands(every)}{drawn}"


def _chosen(count: int, with_faults: set[int]) -> list[int]:
    """Return the servers that are drawn, in order: those with faults before the others."""
    ordered = sorted(range(count), key=lambda server: (server not in with_faults, server))
    return sorted(ordered[:SERVERS_MAX])


def _is_there(by_server: dict[int, list[Line]]) -> bool:
    return any(np.any(line.y) for here in by_server.values() for line in here)


def _is_alike(by_server: dict[int, list[Line]]) -> bool:
    """Whether every arm has the same values at all of its servers."""
    first: dict[Key, Line] = {}
    every = [line for here in by_server.values() for line in here]
    return all(np.array_equal(line.y, first.setdefault(line.key, line).y) for line in every)


def _caption(here: Sequence[Line], quantity: Quantity, fault: float | None) -> str:
    """Return in words how a server fares under each arm."""
    told = []
    for line in here[:ARMS_MAX]:
        who = f" (“{line.key.name}”)" if len(here) > 1 else ""
        if quantity.is_brief:
            told.append(f"{number(float(line.y.max()))}{who}")
        else:
            told.append(f"from {_first(line, fault)} to {number(float(line.y[-1]))}{who}")
    more = f" and {len(here) - ARMS_MAX} more arms" if len(here) > ARMS_MAX else ""
    return f"{'At most ' if quantity.is_brief else 'Goes '}{', '.join(told)}{more}."


def _first(line: Line, fault: float | None) -> str:
    """Return what a line is before the first fault, or where it begins."""
    place = np.searchsorted(line.x, fault or 0.0) - 1
    return number(float(line.y[max(place, 0)]))


def _of_arm(arm: Arm, by_server: dict[int, list[Line]]) -> dict[int, Line]:
    return {server: line for server, here in by_server.items() for line in here if line.key == arm.key}


def _ends(arm: Arm, by_server: dict[int, list[Line]], fault: float | None) -> str:
    """Return what an arm has at all servers before the first fault and at the end, and where it then has most."""
    found = _of_arm(arm, by_server)
    if not found:
        return ""
    firsts = [_first(line, fault) for line in found.values()]
    lasts = [number(float(line.y[-1])) for line in found.values()]
    most = max(found, key=lambda server: float(found[server].y[-1]))
    where = "alike at all" if len(set(lasts)) == 1 else f"most at server {most}"
    return f"“{arm.key.name}” {' / '.join(firsts)} → {' / '.join(lasts)}, {where}"


def _peaks(arm: Arm, by_server: dict[int, list[Line]], _: float | None) -> str:
    """Return at which server an arm has its peak, and when."""
    found = _of_arm(arm, by_server)
    if not found:
        return ""
    most = max(found, key=lambda server: float(found[server].y.max()))
    line = found[most]
    place = int(line.y.argmax())
    if line.y[place] == 0:
        return f"“{arm.key.name}” none"
    at = time_in_words(float(line.x[place]))
    return f"“{arm.key.name}” {number(float(line.y[place]))} at server {most} after {at}"
