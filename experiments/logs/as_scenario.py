"""The scenario that replays a log's launches on the engine."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .capacity import Fitted
from .outages import Outage
from .pairing import Pool
from .trace import Trace, exact_times

SAMPLES = 1000  # of the time series, at most
SAMPLE_S = 60.0

# Decisions come at the instants of the requests, and what the log's users did next is in the trace, too.
INSTANT: dict[str, Any] = {
    "network": {"latency_ms": 0.0},
    "servers": {"count": 1, "service_ms": 0.0, "durable": False, "reclaim_after_s": 0.0},
    "policies": {
        "balancing": {"name": "static"},
        "failover": {"name": "never"},
        "denial": {"name": "give-up"},
    },
}


def scenario(
    title: str, span_s: float, made: Trace, products: Sequence[Mapping[str, Any]], crashes: Sequence[Any]
) -> str:
    """Return the text of the scenario file."""
    import tomli_w

    duration_s = span_s + 1.0
    return tomli_w.dumps(
        {
            "title": title,
            "run": {"duration_s": duration_s, "warmup_s": 0.0, "sample_s": max(SAMPLE_S, duration_s / SAMPLES)},
            **INSTANT,
            "clients": {
                "count": made.clients,
                "programs": made.programs,
                "enforcement": "before-start",
                "heartbeat_s": 0.0,
                "rerequest": False,
            },
            "workload": {"arrivals": "trace", "trace": "trace.parquet"},
            "products": list(products),
            "faults": list(crashes),
        }
    )


def products(
    made: Trace, peaks: Mapping[Pool, int], owned: Mapping[Pool, Sequence[tuple[float, Fitted]]], end_s: float
) -> list[dict[str, Any]]:
    """Return the products of the launches: as many licenses as there were for the longest time, or all in use."""
    found = []
    for pool, name in made.names.items():
        licenses = _longest(owned.get(pool, ()), end_s)
        found.append({"name": name, "licenses": peaks.get(pool, 0) if licenses is None else licenses})
    return found


def crashes(events: Mapping[str, Sequence[Any]], found: Sequence[Outage]) -> list[dict[str, Any]]:
    """Return the outages of the server with the most events as faults."""
    servers = [server for server, product in zip(events["server"], events["product"], strict=True) if product]
    busiest = max(sorted(set(servers)), key=servers.count, default=None)
    times = exact_times(events["time_s"])
    rows = np.flatnonzero(np.array(events["server"], object) == busiest)
    return [_crash(times, rows, outage) for outage in found if outage.server == busiest]


def _longest(owned: Sequence[tuple[float, Fitted]], end_s: float) -> int | None:
    """Return the number of licenses that a pool had for the longest time."""
    time_of: dict[int | None, float] = {}
    ends = [*(from_s for from_s, _ in owned[1:]), end_s]
    for (from_s, fitted), until_s in zip(owned, ends, strict=False):
        time_of[fitted.licenses] = time_of.get(fitted.licenses, 0.0) + until_s - from_s
    return max(time_of, key=lambda licenses: time_of[licenses], default=None)


def _crash(times: Any, rows: Any, outage: Outage) -> dict[str, Any]:
    """Return an outage as a fault that begins after the server's last event, be it in the same second."""
    end_s = float(times[outage.end_row])
    before = rows[rows < outage.end_row]
    last_s = float(times[before[-1]]) if len(before) else 0.0
    start_s = outage.start_s if outage.start_s > last_s else (last_s + end_s) / 2
    return {"kind": "crash", "servers": [0], "start_s": start_s, "duration_s": end_s - start_s}
