"""A box: which values of each parameter it keeps, and how it is made a little smaller or larger.

It keeps a closed interval of a number, and a set of words or truth values. If a parameter does not apply, its
value is null: NaN among numbers, a level of its own among words.
"""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np


class Span(NamedTuple):
    """Numbers from `low` to `high`, and null if `nulls`."""

    low: float = -math.inf
    high: float = math.inf
    nulls: bool = True

    def holds(self, values: Any) -> Any:
        """Return for each value whether it is kept."""
        return ((values >= self.low) & (values <= self.high)) | (np.isnan(values) & self.nulls)

    def smaller(self, inside: Any, share: float) -> Iterator["Span"]:
        """Yield what is left without about this share of the values inside, at either end, or without null."""
        known = np.sort(inside[~np.isnan(inside)])
        if self.nulls and 0 < len(known) < len(inside):
            yield self._replace(nulls=False)
        if len(known) and known[0] < known[-1]:
            cut = max(1, int(share * len(known)))
            low, high = known[cut], known[-1 - cut]
            yield self._replace(low=low if low > known[0] else known[known > low][0])
            yield self._replace(high=high if high < known[-1] else known[known < high][-1])

    def larger(self, outside: Any, count: int) -> Iterator["Span"]:
        """Yield what also keeps one, or about `count`, of the values outside, at either end; a whole end; null."""
        if not self.nulls:
            yield self._replace(nulls=True)
        below, above = np.sort(outside[outside < self.low]), np.sort(outside[outside > self.high])
        for k in (1, count):
            if len(below):
                yield self._replace(low=below[-min(k, len(below))])
            if len(above):
                yield self._replace(high=above[min(k, len(above)) - 1])
        if self.low > -math.inf:
            yield self._replace(low=-math.inf)
        if self.high < math.inf:
            yield self._replace(high=math.inf)


class Levels(NamedTuple):
    """Which levels are kept, by number, out of how many."""

    kept: frozenset[int]
    whole: int

    def holds(self, values: Any) -> Any:
        """Return for each value whether it is kept."""
        return np.isin(values, list(self.kept))

    def smaller(self, inside: Any, share: float) -> Iterator["Levels"]:
        """Yield what is left without one of the levels inside, whatever share it has."""
        present = frozenset(map(int, np.unique(inside)))
        if len(present) > 1:
            for level in sorted(present):
                yield self._replace(kept=self.kept - {level})

    def larger(self, outside: Any, count: int) -> Iterator["Levels"]:
        """Yield what also keeps one more level."""
        for level in sorted(set(range(self.whole)) - self.kept):
            yield self._replace(kept=self.kept | {level})


Kept = Span | Levels
Box = tuple[Kept, ...]  # one for each column


class Column(NamedTuple):
    """A parameter: its values as numbers, and the words that the numbers stand for if it has words."""

    key: str
    values: Any
    levels: list[Any] | None  # None: the numbers are the values

    @property
    def whole(self) -> Kept:
        """What keeps every value."""
        if self.levels is None:
            return Span()
        return Levels(frozenset(range(len(self.levels))), len(self.levels))


def column(key: str, values: Any) -> Column:
    """Return a parameter of a sweep as a column; words and truth values become levels, in order."""
    if values.dtype != object:
        return Column(key, values, None)
    levels = sorted(dict.fromkeys(values), key=lambda value: (value is None, value))
    number = {level: n for n, level in enumerate(levels)}
    return Column(key, np.array([number[value] for value in values], float), levels)


def mask(columns: list[Column], box: Box) -> Any:
    """Return for each point whether it is in the box."""
    return np.logical_and.reduce([kept.holds(c.values) for c, kept in zip(columns, box, strict=True)])


def take(columns: list[Column], chosen: Any) -> list[Column]:
    """Return the columns at the chosen points only."""
    return [c._replace(values=c.values[chosen]) for c in columns]


def restricted(columns: list[Column], box: Box) -> list[int]:
    """Return the numbers of the columns that the box restricts."""
    return [i for i, (c, kept) in enumerate(zip(columns, box, strict=True)) if kept != c.whole]


def changed(box: Box, i: int, kept: Kept) -> Box:
    """Return the box with something else kept of column i."""
    return (*box[:i], kept, *box[i + 1 :])
