"""The frame of a plot: its area, its grid, and what stands beside it."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from .figure import WIDTH
from .scales import Tick
from .text import SIZE, label, plain, width

GAP = 5
TOP, BOTTOM, RIGHT = 22, 24, 10


class Area(NamedTuple):
    """Where a plot's values lie."""

    left: float
    top: float
    right: float
    bottom: float


def area(height: float, y_ticks: Sequence[Tick]) -> Area:
    """Return the area of a plot that leaves room for the texts of its ticks."""
    left = max((width(tick.text) for tick in y_ticks), default=0) + 2 * GAP
    return Area(left, TOP, WIDTH - RIGHT, height - BOTTOM)


def grid(area: Area, y: Sequence[tuple[float, str]]) -> Iterator[str]:
    """Yield level lines with their texts, each at its place."""
    for place, text in y:
        yield f'<path class="grid" d="M{plain(area.left)} {plain(place)}H{plain(area.right)}"/>'
        yield label(area.left - GAP, place + SIZE / 3, text, "end")


def below(area: Area, x: Sequence[tuple[float, str]]) -> Iterator[str]:
    """Yield the lower edge and the texts under it, those that would touch the one before left out."""
    yield f'<path class="edge" d="M{plain(area.left)} {plain(area.bottom)}H{plain(area.right)}"/>'
    free_from = 0.0
    for place, text in x:
        half = width(text) / 2
        middle = min(max(place, half), WIDTH - half)
        yield f'<path class="edge" d="M{plain(place)} {plain(area.bottom)}v3"/>'
        if middle - half >= free_from:
            yield label(middle, area.bottom + 16, text, "middle")
            free_from = middle + half + GAP


def unit(area: Area, words: str) -> str:
    """Return what the heights are, above the plot."""
    return label(0, SIZE, words, kind="soft")
