"""When launches come: by hour of the week, and how much more in bursts than at random."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np

HOUR_S = 3600.0
WEEK_H = 168
WEEK_S = WEEK_H * HOUR_S
BUSINESS = [day * 24 + hour for day in range(5) for hour in range(8, 18)]  # Monday to Friday, 8 to 18


class Arrivals(NamedTuple):
    """What is told of launches."""

    rate_per_s: float
    factors: Any  # of the rate, by hour of the week from Monday 0:00; their mean is 1
    business_share: float  # of launches in working hours
    cv: float  # of times between launches
    dispersion: float  # variance of launches an hour over their mean, against the hours' own means; 1: at random


def since_monday_s(origin: str) -> float:
    """Return the seconds from Monday 0:00 to the origin."""
    begin = datetime.fromisoformat(origin)
    return begin.weekday() * 86_400.0 + begin.hour * HOUR_S + begin.minute * 60.0 + begin.second


def arrivals(times_s: Sequence[float], origin: str, span_s: float) -> Arrivals:
    """Return what launches at these times since the origin say."""
    begin_s = since_monday_s(origin)
    times = np.sort(np.asarray(times_s, float)) + begin_s
    hours = np.arange(int(begin_s // HOUR_S), int(np.ceil((begin_s + span_s) / HOUR_S)))
    counts = np.bincount((times // HOUR_S).astype(int) - hours[0], minlength=len(hours))[: len(hours)]
    covered_s = np.minimum((hours + 1) * HOUR_S, begin_s + span_s) - np.maximum(hours * HOUR_S, begin_s)
    place = hours % WEEK_H
    launches, seconds = (np.bincount(place, values, WEEK_H) for values in (counts, covered_s))
    rates = _filled(launches, seconds)
    expected = rates[place] * covered_s
    gaps = np.diff(times)
    return Arrivals(
        float(rates.mean()),
        rates / rates.mean(),
        float(counts[np.isin(place, BUSINESS)].sum() / len(times)),
        float(gaps.std() / gaps.mean()),
        _dispersion(counts, expected, int((seconds > 0).sum())),
    )


def _filled(launches: Any, seconds: Any) -> Any:
    """Return the rate of each hour of the week; one that the log does not have is that of its time of day."""
    by_time = launches.reshape(7, 24).sum(axis=0), seconds.reshape(7, 24).sum(axis=0)
    usual = np.divide(*by_time, out=np.full(24, launches.sum() / seconds.sum()), where=by_time[1] > 0)
    return np.divide(launches, seconds, out=np.tile(usual, 7), where=seconds > 0)


def _dispersion(counts: Any, expected: Any, fitted: int) -> float:
    """Return Pearson's statistic over its degrees of freedom; hours of which the log has one say nothing."""
    known = expected > 0
    free = max(1, len(counts) - fitted)
    return float(((counts[known] - expected[known]) ** 2 / expected[known]).sum() / free)


def profile(found: Arrivals) -> list[list[float]]:
    """Return the engine's profile of a week, linear between the middles of the hours."""
    edge = float(found.factors[0] + found.factors[-1]) / 2
    middles = [[hour + 0.5, float(factor)] for hour, factor in enumerate(found.factors)]
    return [[0.0, edge], *middles, [float(WEEK_H), edge]]


def operational_gaps(users: Iterable[Sequence[float]], found: Arrivals, origin: str) -> Any:
    """Return times between launches of each user, in time that goes as fast as launches come."""
    begin_s = since_monday_s(origin)
    rows = [operational(np.sort(np.asarray(times, float)) + begin_s, found) for times in users]
    return np.concatenate([np.zeros(0), *map(np.diff, rows)])


def operational(times: Any, found: Arrivals) -> Any:
    """Return times since a Monday in time that goes as fast as launches come: a week of it is a week."""
    edges = np.append(0.0, np.cumsum(found.factors)) * HOUR_S
    weeks = times // WEEK_S
    return weeks * edges[-1] + np.interp(times - weeks * WEEK_S, np.arange(WEEK_H + 1) * HOUR_S, edges)
