"""When faults strike processes: which server is killed or stopped, from when until when."""

from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Any, NamedTuple

from ..randomness.streams import stream_keys
from ..setup import faults, spells
from ..setup.scenario import Scenario

KILL, STOP = "kill", "stop"


class Strike(NamedTuple):
    """What is done to a server's process for a stretch of the world's time, ns."""

    start: int
    end: int
    server: int
    what: str  # KILL: it is gone until `end`; STOP: it stands still


def strikes(scenario: Scenario, replication: int, end: int) -> list[Strike]:
    """Return all that start before the end of the run, in order; a process that is killed is not stopped, too."""
    schedule = faults.schedule(scenario, spells.lay_out(scenario, stream_keys(scenario.run.seed, replication)))
    found = [
        strike
        for s in range(scenario.servers.count)
        for strike in _of_server(s, schedule.spells[schedule.spells_from[s] : schedule.spells_from[s + 1]])
    ]
    return sorted(strike for strike in found if strike.start < end)


def stretches(states: Any, what: Callable[[Any], Any]) -> Iterator[tuple[int, int, Any]]:
    """Yield when (start, end) something is so, and what, given a server's fault states in order of time."""
    for said, rows in groupby(states, key=what):
        several = list(rows)
        if said:
            yield int(several[0].start), int(several[-1].end), said


def _of_server(s: int, states: Any) -> Iterator[Strike]:
    """Yield the strikes at a server, given its fault states in order of time."""
    for start, end, what in stretches(states, _what):
        yield Strike(start, end, s, what)


def _what(state: Any) -> str:
    if state.crashed:
        return KILL
    return STOP if state.stalled else ""
