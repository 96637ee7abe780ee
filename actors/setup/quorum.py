"""When too few servers of a site are up, none of them serves (FlexNet's three-server redundancy: two of three).

Source: FlexNet Publisher license administration guide, "redundant license servers, three-server redundancy". There
servers need a few heartbeats to notice that others are gone or back; here they know at once.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from .scenario import Scenario

AWAY = ("crash", "unreachable")  # kinds of faults of a server that others do not see up


class TooFew(NamedTuple):
    """What holds at each server of the site, as if it were one of the scenario's faults."""

    kind: str = "refusing"


Spells = list[tuple[int, int, Any]]  # of a server: from when, until when (ns), which fault


def too_few(scenario: Scenario, by_server: list[Spells]) -> list[Spells]:
    """Return the times in which too few servers of its site are up, for each server."""
    if scenario.servers.quorum == 0:
        return [[] for _ in by_server]
    members = scenario.servers.count // scenario.servers.sites
    sites = [by_server[first : first + members] for first in range(0, len(by_server), members)]
    found = [list(_at_site(site, members - scenario.servers.quorum)) for site in sites]
    return [found[server // members] for server in range(len(by_server))]


def _at_site(servers: list[Spells], spared: int) -> Iterator[tuple[int, int, Any]]:
    """Yield when more servers than can be spared are away."""
    turns: dict[int, list[tuple[int, int]]] = {}  # by time: which servers have a fault more, or less
    for server, spells in enumerate(servers):
        for start, end, fault in spells:
            if fault.kind in AWAY:
                turns.setdefault(start, []).append((server, 1))
                turns.setdefault(end, []).append((server, -1))
    faults, since = [0] * len(servers), -1
    for time in sorted(turns):
        for server, change in turns[time]:
            faults[server] += change
        lacks = sum(map(bool, faults)) > spared
        if lacks and since < 0:
            since = time
        elif not lacks and since >= 0:
            yield since, time, TooFew()
            since = -1
