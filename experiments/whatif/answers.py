"""The answers of a what-if: how launches fare with a given number of licenses, and how many are needed."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from . import days
from .days import Figure
from .demand import Demand
from .oracle import Fate, Rules, constant, replay


class Answer(NamedTuple):
    """What becomes of a pool's launches."""

    seats: float | None  # None: as many as the log tells
    launches: int
    most_in_use: float
    denials: Figure  # every request that is denied
    denied: Figure  # launches that are truly denied
    share: Figure  # of them
    wait_s: Figure  # mean wait of who was denied first and granted later


def answer(
    demand: Demand, fates: Sequence[Fate], most: float, window_s: float, resamples: int, seats: float | None
) -> Answer:
    """Return what fates say, with intervals."""
    by_day = days.counts(demand, fates, window_s)
    drawn = days.draws(demand.days, resamples)
    return Answer(
        seats,
        len(demand.launches),
        most,
        days.total(by_day, drawn, days.DENIALS),
        days.total(by_day, drawn, days.DENIED),
        days.ratio(by_day, drawn, days.DENIED, days.LAUNCHES),
        days.ratio(by_day, drawn, days.WAIT_S, days.WAITED),
    )


def exact(demand: Demand, rules: Rules, window_s: float, resamples: int, seats: int | None) -> Answer:
    """Return what the oracle says about this many licenses, or about those that the log tells."""
    given = rules if seats is None else rules._replace(owned=constant(seats))
    fates, most = replay(demand.launches, given)
    return answer(demand, fates, most, window_s, resamples, seats)


def needed(demand: Demand, rules: Rules, window_s: float, resamples: int, target: float) -> Figure:
    """Return the fewest licenses from which on, up to the most in use, the share of true denials is the target.

    More licenses may deny a launch more, so the number is looked for downward from the most that are ever in use.
    Each resample of days has its own number.
    """
    drawn = days.draws(demand.days, resamples)
    _, most = replay(demand.launches, rules._replace(owned=constant(np.inf)))
    meets = np.ones(1 + (0 if drawn is None else resamples), bool)
    fewest = np.full(len(meets), most)
    for seats in range(int(most) - 1, -1, -1):
        fates, _ = replay(demand.launches, rules._replace(owned=constant(seats)))
        by_day = days.counts(demand, fates, window_s)
        meets &= _shares(by_day, drawn) <= target
        fewest[meets] = seats
        if not meets.any():
            break
    return _interval(fewest)


def _shares(by_day: Any, drawn: Any) -> Any:
    """Return the share of true denials of all days, and of each resample; 0 where there is no launch."""
    found = [days.ratios(by_day, days.DENIED, days.LAUNCHES)]
    if drawn is not None:
        found.append(days.ratios(by_day[drawn], days.DENIED, days.LAUNCHES))
    return np.nan_to_num(np.hstack(found))


def _interval(fewest: Any) -> Figure:
    """Return the number of all days, and whole numbers that hold the middle of those of the resamples."""
    if len(fewest) == 1:
        return Figure(float(fewest[0]))
    drawn = np.sort(fewest[1:])
    last = len(drawn) - 1
    low, high = (1 - days.CONFIDENCE) / 2 * last, (1 + days.CONFIDENCE) / 2 * last
    return Figure(float(fewest[0]), float(drawn[math.floor(low)]), float(drawn[math.ceil(high)]))
