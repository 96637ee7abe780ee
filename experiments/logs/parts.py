"""The parts of logs in order of time: files in any order, several logs in one file, and duplicates."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from .dates import DAY_S, TOLERANCE_S, UNDATED, Clock, Order, block_start, times

MIX = 1_000_003  # tells the same text at different times apart
OF_ANOTHER = (
    "is of the same time as another file, but not of the same events; "
    "import the logs of each server into a folder of its own"
)
DAYLESS = "no line says which day it is, as those with TIMESTAMP do; import this file alone"
REPEATS = 0.5  # share of lines from which on a part counts as a repetition of another


class Lines(NamedTuple):
    """All lines of all files: a row for each."""

    clock: Clock
    text: Any  # a hash of each line's text
    files: Sequence[int]  # the first line of each file
    banners: Sequence[int]  # lines of banners that say the day
    names: Sequence[str]  # of the files


class Part(NamedTuple):
    """Lines in which time goes on."""

    begin: int
    order: Order


def in_order(lines: Lines) -> Order:
    """Return the lines in order, without those that are repeated; raises ValueError for two servers' files.

    A banner that is dated before what stands above it begins an older log, or the clock was set back: then its
    lines are neither older than all others nor repeated.
    """
    begins = set(lines.files) | set(_older(lines))
    while True:
        parts = _parts(lines, begins)
        order, misplaced = _merged(lines, parts)
        if misplaced is None:
            return order
        if misplaced in lines.files:
            raise ValueError(f"{_name(lines, misplaced)}: {OF_ANOTHER}")
        begins.discard(misplaced)


def _older(lines: Lines) -> list[int]:
    """Return where banners begin that are dated before what stands above them in their file."""
    found, banners, starts = [], set(lines.banners), set(lines.files)
    latest, begin, files = 0, 0, sorted(lines.files)
    for line, day in lines.clock.day.items():
        while files and files[0] <= line:
            latest, begin = 0, files.pop(0)
        if line in banners and day < latest:
            found.append(block_start(lines.clock, line, begin))
            latest, begin = 0, line
        latest = max(latest, day)
    return [line for line in found if line not in starts]


def _parts(lines: Lines, begins: set[int]) -> list[Part]:
    """Return the parts that have times, the oldest first; raises ValueError for one of several without a day."""
    edges = [*sorted(begins), len(lines.text)]
    parts = [Part(begin, times(lines.clock, begin, end)) for begin, end in pairwise(edges)]
    timed = [part for part in parts if len(part.order.line)]
    for part in timed:
        if len(timed) > 1 and part.order.time[0] < (UNDATED + 2) * DAY_S:
            raise ValueError(f"{_name(lines, part.begin)}: {DAYLESS}")
    return sorted(timed, key=lambda part: int(part.order.time[0]))


def _name(lines: Lines, line: int) -> str:
    return lines.names[bisect_right(lines.files, line) - 1]


def _merged(lines: Lines, parts: Sequence[Part]) -> tuple[Order, int | None]:
    """Return the lines of parts that begin in this order; or where one begins that does not fit among them."""
    kept: list[Order] = [Order(np.zeros(0, np.int64), np.zeros(0, np.int64))]
    end = -np.inf
    for part in parts:
        own = part.order
        if own.time[0] < end - TOLERANCE_S:
            is_repeated = _repeated(lines, own, kept)
            if is_repeated[own.time <= end].mean() < REPEATS:
                return own, _younger(lines, part, parts)
            own = Order(own.line[~is_repeated], own.time[~is_repeated])
        kept.append(own)
        end = max(end, part.order.time[-1])
    line, time = (np.concatenate(rows) for rows in zip(*kept, strict=True))
    order = np.argsort(time, kind="stable")
    return Order(line[order], time[order]), None


def _repeated(lines: Lines, own: Order, others: Sequence[Order]) -> Any:
    """Return which lines are in other parts, too, at the same times."""
    theirs = np.concatenate([_marks(lines, other) for other in others])
    return np.isin(_marks(lines, own), theirs)


def _marks(lines: Lines, order: Order) -> Any:
    return lines.text[order.line] + order.time * MIX


def _younger(lines: Lines, part: Part, parts: Sequence[Part]) -> int:
    """Return where the part begins that is no part of its own: one that a banner begins, if there is one."""
    inner = [other.begin for other in parts if other.begin not in lines.files]
    if part.begin in inner:
        return part.begin
    return max(inner, default=part.begin)
