"""What users do when they are denied or lose their server, and how often servers are away."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..logs.site import Site
from ..whatif.demand import Launch, Pool

RETRY_WINDOW_S = 8 * 3600.0  # who asks again within a working day still wants the same
HALF = 0.5 + 1e-9  # a product of many shares that is one half may round to more
BACK_S = 3600.0  # who is back within this time has come back
LOST = ("restart", "crash", "shutdown")


class Retries(NamedTuple):
    """What denied users do."""

    launches: int  # that were denied at first
    gaps_s: Any  # between tries
    patience_s: Any  # of those who gave up: until their last try
    half_gone_s: float  # until half would have given up, had nobody had a license; infinite: fewer than half do
    gave_up: float  # share of the launches


class Away(NamedTuple):
    """When a server was up and down."""

    up_s: Any
    down_s: Any


def as_logged(launches: Sequence[Launch], tick_s: float) -> Sequence[Launch]:
    """Return launches at the log's own times: a second's lines have fractions only for their order."""
    if not tick_s:
        return launches
    return [launch._replace(attempts_s=tuple(np.floor(launch.attempts_s).tolist())) for launch in launches]


def retries(launches: Sequence[Launch]) -> Retries:
    """Return what users did whose launches were denied at first."""
    denied = [launch for launch in launches if len(launch.attempts_s) > launch.is_granted]
    gaps = [np.diff(launch.attempts_s) for launch in denied]
    lost = [launch for launch in denied if not launch.is_granted]
    patience = [launch.attempts_s[-1] - launch.attempts_s[0] for launch in lost]
    share = len(lost) / len(denied) if denied else 0.0
    half_gone_s = _half_gone_s(denied)
    return Retries(len(denied), np.concatenate([np.zeros(0), *gaps]), np.array(patience), half_gone_s, share)


def _half_gone_s(denied: Sequence[Launch]) -> float:
    """Return the median patience: who had a license had at least as much (Kaplan and Meier, JASA 53, 1958)."""
    rows = sorted((launch.attempts_s[-1] - launch.attempts_s[0], launch.is_granted) for launch in denied)
    still_there = 1.0
    for n, (time_s, is_granted) in enumerate(rows):
        still_there *= 1.0 if is_granted else 1.0 - 1.0 / (len(rows) - n)
        if still_there <= HALF:
            return float(time_s)
    return np.inf


def away(site: Site, server: str) -> Away:
    """Return the spells of a server."""
    rows = sorted((row["start_s"], row["end_s"]) for row in site.outages.to_pylist() if row["server"] == server)
    begins, ends = (np.array([row[n] for row in rows], float) for n in (0, 1))
    return Away(np.maximum(0.0, begins - np.append(0.0, ends[:-1])), ends - begins)


def returns_s(site: Site, pool: Pool) -> list[float | None]:
    """Return how long after the end of each outage the users are back who lost a license; None: not in an hour."""
    begun = defaultdict(list)
    lost = []
    for row in site.sessions.to_pylist():
        if (row["server"], row["product"]) == pool:
            begun[row["user"]].append(row["start_s"])
            if row["ended"] in LOST:
                lost.append((row["end_s"], row["user"]))
    ends = sorted((row["start_s"], row["end_s"]) for row in site.outages.to_pylist() if row["server"] == pool[0])
    return [_back(ends, end_s, begun[user]) for end_s, user in lost]


def _back(outages: Sequence[tuple[float, float]], lost_s: float, begun_s: Sequence[float]) -> float | None:
    up_s = next((end_s for _, end_s in outages if end_s >= lost_s), lost_s)
    later = [time_s - up_s for time_s in begun_s if lost_s < time_s and up_s <= time_s <= up_s + BACK_S]
    return min(later, default=None)
