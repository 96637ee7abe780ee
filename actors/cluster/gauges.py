"""The current state of worlds on a cluster, as Ray metrics, which its dashboard and Prometheus show.

Ray exports them if `ray[default]` is installed; otherwise they go nowhere. Whatever goes wrong with them, the run
goes on without them.
"""

import logging
import time
from collections.abc import Iterator, Mapping
from typing import Any

from ..shards.figures import Figures, figures
from ..shards.shard import Shard
from ..state.rows import NEVER

PERIOD_S = 1.0
SERVERS_MAX = 100  # of a world: a dashboard keeps a line for each
TAGS = ("scenario", "case", "arm", "replication", "shard")  # of every gauge

# Of each gauge its meaning, and the tag that it has beside TAGS, if any.
GAUGES = {
    "simulated_s": ("simulated time, s, from the end of the warm-up", None),
    "events": ("events handled since the start", None),
    "events_per_s": ("events handled in a second of wall time, of late", None),
    "attempts": ("requests sent to servers since the start", None),
    "denials": ("denials since the start, by cause", "cause"),
    "clients": ("clients by the state of their link", "link"),
    "waiting_users": ("denied users who wait for a license", None),
    "queue": (f"requests that wait at a server; the first {SERVERS_MAX} servers", "server"),
    "leases": (f"licenses that a server has leased; the first {SERVERS_MAX} servers", "server"),
}

Value = tuple[str, float, str | None]  # of a gauge: its name, what it is, and its own tag's value

_log = logging.getLogger("meterstorm")


class Gauges:
    """The gauges of one shard of one world, or of a whole one; without tags there are none."""

    def __init__(self, tags: Mapping[str, str] | None, shard: int = 0) -> None:
        self._tags = None if tags is None else {**tags, "shard": str(shard)}
        self._gauges: dict[str, Any] = {}
        self._before: tuple[float, int] | None = None  # when they were set, and the events then
        self._due_s = time.monotonic() + PERIOD_S

    def watch(self, shard: Shard) -> None:
        """Set them if a second has passed; and at the end, if they have been set before: a blink has none."""
        if self._tags is None:
            return
        is_over = self._before is not None and shard.next_time == NEVER
        if not is_over and time.monotonic() < self._due_s:
            return
        try:
            self._set(figures(shard.world))
        except Exception as error:  # of Ray, which may be of another version: nothing is worth a run
            _log.warning("no more metrics for Ray's dashboard: %s", error)
            self._tags = None

    def _set(self, found: Figures) -> None:
        now_s = time.monotonic()
        self._due_s = now_s + PERIOD_S
        for name, value, own in _values(found, self._speed(now_s, found.events)):
            tag = GAUGES[name][1]
            self._gauge(name, tag).set(value, {tag: own} if tag and own else None)

    def _speed(self, now_s: float, events: int) -> float:
        """Return the events handled in a second since the gauges were set before; 0 at first."""
        then_s, before = self._before or (now_s, events)
        self._before = now_s, events
        return (events - before) / (now_s - then_s) if now_s > then_s else 0.0

    def _gauge(self, name: str, tag: str | None) -> Any:
        if name not in self._gauges:
            from ray.util.metrics import Gauge

            keys = (*TAGS, tag) if tag else TAGS
            self._gauges[name] = Gauge(f"meterstorm_{name}", GAUGES[name][0], keys)
            self._gauges[name].set_default_tags(self._tags)
        return self._gauges[name]


def _values(found: Figures, speed: float) -> Iterator[Value]:
    """Yield the value of each gauge."""
    yield "simulated_s", found.now_s, None
    yield "events", found.events, None
    yield "events_per_s", speed, None
    yield "attempts", found.attempts, None
    yield "waiting_users", found.waiting_users, None
    for name, parts in (("denials", found.denials), ("clients", found.links)):
        yield from ((name, count, part) for part, count in parts.items())
    for name, counts in (("queue", found.queues), ("leases", found.leases)):
        yield from ((name, count, str(server)) for server, count in counts.items() if server < SERVERS_MAX)
