"""When clients crash: their outages, worked out from the scenario's list of faults."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

import numpy as np

from ..randomness import distributions
from ..state.rows import NONE
from ..state.schedule import FAULT, OUTAGE, RESTART
from . import groups, spells
from .scenario import DISTRIBUTIONS, Fault, Scenario, is_client_crash, ns

Held = tuple[int, int, int, int]  # an entry of the list, a client, a start and an end, ns


def lay_out(scenario: Scenario, keys: Any) -> list[Held]:
    """Return when each crash holds at each client, in the order of the list."""
    return [
        (entry, client, *when)
        for entry, fault in enumerate(scenario.faults)
        if is_client_crash(fault)
        for place, client in enumerate(hit(scenario, fault))
        for when in spells.times(scenario, fault, place, spells.draw(keys, entry, client))
    ]


def hit(scenario: Scenario, fault: Fault) -> Sequence[int]:
    """Return the clients that a fault hits, or else the servers, in the order in which it comes to them."""
    if is_client_crash(fault):
        return groups.numbers_of(scenario, fault.clients)
    return spells.servers_of(fault, scenario.servers.count)


def as_faults(held: list[Held]) -> Any:
    """Return a row of FAULT for each entry of the list: from its first start to its last end."""
    entries = {entry: [times[2:] for times in rows] for entry, rows in groupby(held, itemgetter(0))}
    rows = [
        (entry, NONE, min(start for start, _ in times), max(end for _, end in times))
        for entry, times in entries.items()
    ]
    return np.array(rows, dtype=FAULT).view(np.recarray)


def crash_tables(scenario: Scenario, held: list[Held], first: int, local: int) -> dict[str, Any]:
    """Return the tables of the crashes of a shard's clients, the first of whom has number `first`."""
    here = sorted(
        (client, start, end, entry) for entry, client, start, end in held if first <= client < first + local
    )
    rows = [row for client, outages in groupby(here, itemgetter(0)) for row in _merged(client, outages)]
    outages = np.array(rows, dtype=OUTAGE).view(np.recarray)
    numbers = np.arange(first, first + local if any(map(is_client_crash, scenario.faults)) else first)
    begin, end = (np.searchsorted(outages["client"], numbers, side) for side in ("left", "right"))
    return {
        "outages": outages,
        "outages_next": begin.astype(np.int64),
        "outages_end": end.astype(np.int64),
        "started": np.zeros(len(numbers), np.int32),
        "restarts": np.array([_restart(fault) for fault in scenario.faults], dtype=RESTART).view(np.recarray),
    }


def _merged(client: int, outages: Iterator[tuple[int, int, int, int]]) -> Iterator[tuple[int, ...]]:
    """Yield a client's rows of OUTAGE: crashes that overlap or touch are one, with the first one's settings."""
    row: list[int] = []
    for _, start, end, entry in outages:
        if row and start <= row[1]:
            row[1] = max(row[1], end)
            continue
        if row:
            yield tuple(row)
        row = [start, end, client, row[3] + 1 if row else 0, entry]
    yield tuple(row)


def _restart(fault: Any) -> tuple[Any, ...]:
    """Return the row of RESTART of a fault; users start nothing again after others than crashes of clients."""
    if not is_client_crash(fault):
        return (0, 0.0, distributions.CONSTANT, 0.0)
    distribution = DISTRIBUTIONS[fault.restart_delay]
    return (fault.restart == "all", ns(fault.restart_delay_s), distribution, fault.restart_delay_cv)
