"""Absolute times for lines that give the time of day, and only sometimes the date.

A *part* is a stretch of lines in which time only moves forward: a file, or one piece of several that were
concatenated.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

DAY_S = 86400
NO_TIME = -1  # of a line without a clock
MIDNIGHT_S = DAY_S // 2  # a larger step back is a midnight
OVERTAKEN_S = 60  # threads write lines out of order by no more than this
BLOCK_S = 60  # lines closer than this follow on each other
BLOCK_LINES = 1000  # no block is longer
TOLERANCE_S = 7200  # what a change to or from summer time may do to the order
UNDATED = 719163  # 1970-01-01: where no line says the day
LAST = np.iinfo(np.int64).max


class Clock(NamedTuple):
    """What lines say of the time: a row for each line."""

    second: Any  # of the day, or NO_TIME
    is_event: Any  # of users: no line of a banner
    day: Mapping[int, int]  # ordinals of days, by line


class Order(NamedTuple):
    """Lines with a clock, in order of time, and when each was written (absolute, s)."""

    line: Any
    time: Any


def times(clock: Clock, begin: int, end: int) -> Order:
    """Return the lines of a part that have a clock, and their times, which never go back.

    Lines before the first one that says the day are dated by counting midnights backwards. Where days are told
    that are out of order, the clock was wrong: the most that are in order are believed.
    """
    lines = np.arange(begin, end)[clock.second[begin:end] != NO_TIME]
    if not len(lines):
        return Order(lines, lines)
    told = [(line, clock.day[line]) for line in lines.tolist() if line in clock.day]
    believed = {told[place] for place in in_order([day for _, day in told])}
    is_sure = np.ones(len(lines), bool)
    for line, day in told:
        if (line, day) not in believed:
            is_sure[_block(clock, lines, line)] = False
    time = _times(clock, lines[is_sure], dict(believed))
    return Order(lines, time[np.maximum(np.cumsum(is_sure) - 1, 0)])


def _block(clock: Clock, lines: Any, line: int) -> slice:
    """Return which lines were written by the clock that told a wrong day in this one: those around it."""
    begin = block_start(clock, line, int(lines[0]))
    end = line
    for other in lines[np.searchsorted(lines, line) + 1 :][:BLOCK_LINES].tolist():
        if clock.is_event[other] or not 0 <= clock.second[other] - clock.second[end] <= BLOCK_S:
            break
        end = other
    return slice(*np.searchsorted(lines, [begin, end + 1]))


def _times(clock: Clock, lines: Any, day_of: Mapping[int, int]) -> Any:
    """Return the times of lines, some of which give dates; these dates are in order."""
    second = clock.second[lines].astype(np.int64)
    told = [(at, day_of[line]) for at, line in enumerate(lines.tolist()) if line in day_of] or [(0, UNDATED)]
    days = _days(clock, lines, _midnights(second), told)
    return _never_back(days * DAY_S + second, told, second)


def in_order(values: Sequence[int]) -> list[int]:
    """Return the places of a longest subsequence that never decreases."""
    ends: list[int] = []  # the least end of a subsequence of each length, and its place
    places: list[int] = []
    before: list[int] = []
    for place, value in enumerate(values):
        length = bisect_right(ends, value)
        before.append(places[length - 1] if length else -1)
        ends[length : length + 1], places[length : length + 1] = [value], [place]
    found, place = [], places[-1] if places else -1
    while place >= 0:
        found.append(place)
        place = before[place]
    return found[::-1]


def block_start(clock: Clock, line: int, begin: int) -> int:
    """Return the first of the lines that lead to this one without a pause and without an event of a user."""
    second, found = int(clock.second[line]), line
    for other in range(line - 1, max(begin, line - BLOCK_LINES) - 1, -1):
        at = int(clock.second[other])
        if at == NO_TIME:
            continue
        if clock.is_event[other] or not 0 <= (second - at) % DAY_S <= BLOCK_S:
            break
        second, found = at, other
    return found


def _midnights(second: Any) -> Any:
    """Return how many midnights lie between the first line and each one."""
    step = np.diff(second)
    passed = (step < -MIDNIGHT_S).astype(np.int64) - (step > DAY_S - OVERTAKEN_S)
    return np.append(0, np.cumsum(passed))


def _days(clock: Clock, lines: Any, midnights: Any, told: Sequence[tuple[int, int]]) -> Any:
    """Return each line's day: as told last, and the midnights since."""
    before, day = told[0]
    known = day - midnights[before]
    base = np.full(len(lines), known)
    for at, day in told[1:]:
        if (found := day - midnights[at]) != known:
            base[_change(clock, lines, before, at) :] = known = found
        before = at
    return base + midnights


def _change(clock: Clock, lines: Any, before: int, at: int) -> int:
    """Return where, after one line that tells the day and up to the next, days went by unseen.

    After the last step back, be it of less than half a day; else before all that leads to the line that tells.
    """
    steps = np.flatnonzero(np.diff(clock.second[lines[before : at + 1]]) < -TOLERANCE_S)
    if len(steps):
        return before + int(steps[-1]) + 1
    return int(np.searchsorted(lines, block_start(clock, int(lines[at]), int(lines[before]) + 1)))


def _never_back(found: Any, told: Sequence[tuple[int, int]], second: Any) -> Any:
    """Hold each time above all before, and below the next that is told for sure."""
    bound = np.full(len(found), LAST)
    for at, day in told:
        bound[at] = day * DAY_S + second[at]
    bound = np.minimum.accumulate(bound[::-1])[::-1]
    is_late = found - TOLERANCE_S > bound
    return np.maximum.accumulate(np.where(is_late, bound, found))
