"""From log files to a site."""

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from . import as_scenario, capacity, flexnet, outages, page, plain, rlm
from .capacity import Fitted
from .log import Log
from .names import Names
from .pairing import Pairs, Pool, pair, peaks
from .site import TABLES, VERSION, Site, table
from .trace import Trace, trace

Owned = dict[Pool, list[tuple[float, Fitted]]]
READERS: dict[str, Callable[[Sequence[Path], Names], Log]] = {
    flexnet.KIND: flexnet.read,
    rlm.KIND: rlm.read,
    plain.KIND: plain.read,
}
SPAN_MAX_S = 1e9 - 2  # of a scenario


def site_of(kind: str, paths: Sequence[Path], keeps_names: bool) -> Site:
    """Read logs of one server; raises ValueError with a finished message."""
    with _uncollected():
        return _site_of(kind, paths, keeps_names)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Look for no garbage: among millions of rows that all stay, that takes a third of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _site_of(kind: str, paths: Sequence[Path], keeps_names: bool) -> Site:
    log = READERS[kind](paths, Names(keeps_names))
    _check(log)
    pairs = pair(log.events, log.last_seen_s)
    most = peaks(log.events, pairs.in_use)
    owned = _owned(log, pairs)
    known = {pool for pool, rows in owned.items() if any(fitted.licenses is not None for _, fitted in rows)}
    made = trace(log.events, pairs, log.span_s, known)
    found = outages.outages(log.events, log.last_seen_s)
    site = Site(
        _facts(log, pairs, made),
        events=table("events", log.events),
        sessions=table("sessions", _sessions(log.events, pairs)),
        outages=table("outages", {name: [getattr(row, name) for row in found] for name in TABLES["outages"]}),
        capacity=table("capacity", _capacity(owned)),
        trace=table("trace", made.columns),
        scenario=as_scenario.scenario(
            f"Replay of {', '.join(file['name'] for file in log.files)}",
            log.span_s,
            made,
            as_scenario.products(made, most, owned, log.span_s + 1.0),
            as_scenario.crashes(log.events, found),
        ),
        page="",
    )
    return site._replace(page=page.text(page.Told(site, log, most, made)))


def _check(log: Log) -> None:
    where = f"{log.files[0]['name']}{' and others' if len(log.files) > 1 else ''}"
    if "out" not in log.events["kind"]:
        counts = ", ".join(f"{count:,} {fate}" for fate, count in log.lines.items() if count)
        raise ValueError(f"{where}: has no checkout as a log of {log.kind} has them; lines: {counts or 'none'}")
    if log.span_s > SPAN_MAX_S:
        years = log.span_s / 86400 / 365
        raise ValueError(f"{where}: spans {years:.0f} years; allowed: {SPAN_MAX_S / 86400 / 365:.0f} at most")


def _owned(log: Log, pairs: Pairs) -> Owned:
    """Return how many licenses each pool had, from when on: as the log says, or as its decisions tell."""
    changes: dict[str, list[int]] = {}
    for row, kind in enumerate(log.events["kind"]):
        if kind in {"start", "reread"}:
            changes.setdefault(log.events["server"][row], []).append(row)
    said = {pool: list(rows) for pool, rows in groupby(sorted(log.stated, key=_pool_of), key=_pool_of)}
    times_s = log.events["time_s"]
    found: Owned = {}
    for pool, asked in sorted(capacity.decisions(log.events, pairs.in_use).items()):
        if pool in said:
            found[pool] = list(capacity.stated(said[pool], asked, np.array(times_s)))
        else:
            fitted = capacity.fit(asked, changes.get(pool[0], []))
            found[pool] = [(times_s[one.row] if one.row else 0.0, one) for one in fitted]
    return found


def _pool_of(row: Any) -> Pool:
    return row.server, row.product


def _sessions(events: dict[str, list[Any]], pairs: Pairs) -> dict[str, list[Any]]:
    rows = [session.row for session in pairs.sessions]
    users = {name: [events[name][row] for row in rows] for name in ("server", "product", "user", "host")}
    return {
        "start_s": [events["time_s"][row] for row in rows],
        "end_s": [session.end_s for session in pairs.sessions],
        **users,
        "count": [session.licenses for session in pairs.sessions],
        "ended": [session.ended for session in pairs.sessions],
    }


def _capacity(owned: Owned) -> dict[str, list[Any]]:
    rows = [(pool, from_s, fitted) for pool, fits in owned.items() for from_s, fitted in fits]
    return {
        "server": [pool[0] for pool, _, _ in rows],
        "product": [pool[1] for pool, _, _ in rows],
        "from_s": [from_s for _, from_s, _ in rows],
        "licenses": [fitted.licenses for _, _, fitted in rows],
        "evidence": [fitted.evidence for _, _, fitted in rows],
        "denials": [fitted.denials for _, _, fitted in rows],
    }


def _facts(log: Log, pairs: Pairs, made: Trace) -> dict[str, Any]:
    return {
        "version": VERSION,
        "log": log.kind,
        "origin": log.origin.isoformat(),
        "span_s": log.span_s,
        "files": log.files,
        "lines": log.lines,
        "clients": made.users,
        "checkins_without_checkout": pairs.alone,
        "held_before_the_log": pairs.held_before,
    }
