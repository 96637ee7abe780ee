"""What is counted day by day, and intervals by a block bootstrap over days."""

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .demand import SEED, Demand
from .oracle import Fate

DAYS_MIN = 5
RESAMPLES = 400
CONFIDENCE = 0.95
COLUMNS = ("launches", "denials", "denied", "wait_s", "waited")
LAUNCHES, DENIALS, DENIED, WAIT_S, WAITED = range(len(COLUMNS))


class Figure(NamedTuple):
    """A number, and its interval if there are days enough."""

    value: float | None
    low: float | None = None
    high: float | None = None


def counts(demand: Demand, fates: Sequence[Fate], window_s: float) -> Any:
    """Return for each day the launches, denials, truly denied launches, the time waited, and by how many.

    A launch is truly denied if its user has no license of the product within the window of its first denial.
    """
    found = np.zeros((demand.days, len(COLUMNS)))
    first_s = np.array([launch.attempts_s[0] for launch in demand.launches])
    denials = np.array([fate.denials for fate in fates])
    granted_s = np.array([fate.granted_s for fate in fates])
    missed = np.flatnonzero((denials > 0) | np.isinf(granted_s))
    denied = missed[_truly(demand, missed, first_s, granted_s, window_s)]
    waited = missed[np.isfinite(granted_s[missed])]
    every = np.arange(len(first_s))
    for column, rows, amount in (
        (LAUNCHES, every, 1.0),
        (DENIALS, missed, denials[missed]),
        (DENIED, denied, 1.0),
        (WAIT_S, waited, granted_s[waited] - first_s[waited]),
        (WAITED, waited, 1.0),
    ):
        np.add.at(found[:, column], demand.day(first_s[rows]), amount)
    return found


def _truly(demand: Demand, missed: Any, first_s: Any, granted_s: Any, window_s: float) -> Any:
    """Return which of the launches that were not granted at once have users without a license in the window."""
    users = {demand.launches[n].user for n in missed}
    grants: dict[str, list[float]] = {user: [] for user in users}
    for launch, time_s in zip(demand.launches, granted_s.tolist(), strict=True):
        if launch.user in users:
            grants[launch.user].append(time_s)
    times = {user: sorted(known) for user, known in grants.items()}
    found = [not _is_granted(times[demand.launches[n].user], first_s[n], window_s) for n in missed]
    return np.array(found, bool)


def _is_granted(times: list[float], from_s: float, window_s: float) -> bool:
    """Return whether one of the times is within a window."""
    place = bisect_right(times, from_s)
    return place < len(times) and times[place] <= from_s + window_s


def draws(days: int, resamples: int = RESAMPLES) -> Any:
    """Return as many days as there are for each resample, drawn; none where there are too few."""
    if days < DAYS_MIN:
        return None
    return np.random.default_rng(SEED).integers(0, days, (resamples, days))


def total(by_day: Any, drawn: Any, column: int) -> Figure:
    """Return the sum of a column."""
    return _figure(by_day[:, column].sum(), None if drawn is None else by_day[drawn, column].sum(axis=1))


def ratio(by_day: Any, drawn: Any, top: int, bottom: int) -> Figure:
    """Return the ratio of the sums of two columns; no number where there is nothing below."""
    return _figure(*(None if found is None else ratios(found, top, bottom) for found in _both(by_day, drawn)))


def _both(by_day: Any, drawn: Any) -> tuple[Any, Any]:
    return by_day, None if drawn is None else by_day[drawn]


def ratios(by_day: Any, top: int, bottom: int) -> Any:
    """Return the ratio of the sums of two columns over days, or those of each resample; nan: nothing below."""
    sums = by_day.sum(axis=-2)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(sums[..., bottom] > 0, sums[..., top] / sums[..., bottom], np.nan)


def _figure(value: Any, resampled: Any) -> Figure:
    if not np.isfinite(value):
        return Figure(None)
    known = () if resampled is None else resampled[np.isfinite(resampled)]
    if len(known) == 0:
        return Figure(float(value))
    low, high = np.quantile(known, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Figure(float(value), float(low), float(high))
