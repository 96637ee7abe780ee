"""When a server was last heard from, if only its events tell."""

from collections.abc import Mapping, Sequence
from typing import Any


def last_seen(events: Mapping[str, Sequence[Any]]) -> dict[int, float]:
    """Return the time of the event before each start of a server, by the row of the start."""
    latest: dict[str, float] = {}
    found = {}
    for row, (kind, server, time_s) in enumerate(
        zip(events["kind"], events["server"], events["time_s"], strict=True)
    ):
        if kind == "start" and server in latest:
            found[row] = latest[server]
        latest[server] = time_s
    return found
