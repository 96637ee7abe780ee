"""Metrics of the wall clock: what only real time has, and what only simulated time has."""

from collections.abc import Mapping
from typing import Any

from meterstorm.actors.wall.measures import PHASES
from meterstorm.actors.wall.outcome import Measures

from .metrics import Value

MS = 1e6  # ns
# Known only where one process has all servers: there is no balancing, and each server hears its own clients only.
VIRTUAL_ONLY = ("imbalance_mean", "imbalance_max", "overissued", "time_to_balance_s")


def of_wall(found: Mapping[str, Value], measured: Measures) -> dict[str, Value]:
    """Return the metrics of a world together with what was measured of it in real time."""
    clients, servers = (sum(measured.cpu_s(of_servers)) for of_servers in (False, True))
    attempts, messages = found["attempts"] or 0, found["messages"] or 0
    trips = measured.round_trips
    return {
        **{name: None if name in VIRTUAL_ONLY else value for name, value in found.items()},
        "cpu_s_clients": clients,
        "cpu_s_servers": servers,
        "cpu_us_per_attempt": (clients + servers) * 1e6 / attempts if attempts else None,
        "messages_per_s": messages / measured.real_s,
        "round_trip_ms_p50": _in_ms(trips.quantile(0.5)),
        "round_trip_ms_p99": _in_ms(trips.quantile(0.99)),
        "messages_unsent": sum(node.unsent for node in measured.nodes),
        "lateness_ms_p99": _in_ms(measured.lateness.quantile(0.99)),
    }


def in_full(measured: Measures) -> dict[str, Any]:
    """Return what summary.json says of one replication besides its metrics."""
    return {
        "pace": measured.pace,
        "real_s": measured.real_s,
        "kills_and_stops": measured.strikes,
        "strikes_late_ms": measured.strikes_late_s * 1e3,
        "late_share": measured.late_share,
        "lateness_ms_max": measured.lateness.largest / MS,
        "round_trip_ms_max": measured.round_trips.largest / MS,
        "message_late_ms_mean": measured.late_ns_mean / MS,
        "unanswered": sum(node.unanswered for node in measured.nodes),
        "cpu_s": {
            who: dict(zip(PHASES, measured.cpu_s(of_servers), strict=True))
            for who, of_servers in (("clients", False), ("servers", True))
        },
        "attempts": dict(zip(PHASES, measured.attempts(), strict=True)),
        "phases_s": dict(zip(PHASES, measured.phases_s, strict=True)),
        "processes": [
            {
                "name": measured.name(number),
                "cpu_s": sum(node.cpu_s),
                "messages": node.messages,
                "late_messages": node.late_messages,
                "unsent": node.unsent,
                "refused": sum(node.refused.values()),
                "back_late_ms": node.back_late_s * 1e3,
            }
            for number, node in enumerate(measured.nodes)
        ],
    }


def _in_ms(ns: float | None) -> float | None:
    return None if ns is None else ns / MS
