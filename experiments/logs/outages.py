"""When servers were down: from their last word to their next start."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class Outage(NamedTuple):
    """A server did not serve."""

    start_row: int | None  # of the event "stop"; None: it fell silent
    end_row: int  # of the event "start"
    start_s: float
    end_s: float
    server: str
    evidence: str


def outages(events: Mapping[str, Sequence[Any]], last_seen_s: Mapping[int, float]) -> list[Outage]:
    """Return the outages that ended; a server's first start in the log ends none."""
    stopped: dict[str, int] = {}
    found = []
    for row, (kind, server) in enumerate(zip(events["kind"], events["server"], strict=True)):
        if kind == "stop":
            stopped.setdefault(server, row)
        elif kind == "start":
            stop = stopped.pop(server, None)
            if row in last_seen_s:
                found.append(_outage(events, row, stop, last_seen_s[row]))
    return found


def _outage(events: Mapping[str, Sequence[Any]], row: int, stop: int | None, seen_s: float) -> Outage:
    end_s = events["time_s"][row]
    started = f"started at {_place(events, row)}"
    if stop is None:
        evidence = f"silent, then {started}: at most this long"
        return Outage(None, row, seen_s, end_s, events["server"][row], evidence)
    evidence = f"stopped at {_place(events, stop)}, {started}"
    return Outage(stop, row, max(seen_s, events["time_s"][stop]), end_s, events["server"][row], evidence)


def _place(events: Mapping[str, Sequence[Any]], row: int) -> str:
    return f"{events['file'][row]}:{events['line'][row]}"
