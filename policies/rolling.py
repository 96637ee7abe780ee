"""Counts over a sliding window, in a policy's memory: a ring of parts, each with a few counts."""

import math
from typing import TYPE_CHECKING

from .compilable import compilable

if TYPE_CHECKING:
    from .failover import Memory

SHORTEST_S = 1e-3  # of a window: parts are numbered, and their numbers are whole
PARTS = 10  # into which a window is cut: a count is forgotten one to two tenths of the window late


def size(counts: int) -> int:
    """Return how many numbers of memory a window takes: the latest part's number, then the parts."""
    return 1 + PARTS * counts


def check(name: str, window_s: float) -> None:
    """Raise ValueError where a window is too short, or endless."""
    if not SHORTEST_S <= window_s < math.inf:
        raise ValueError(f"{name}: {window_s} is not allowed; it must be >= {SHORTEST_S} and finite")


@compilable
def turn(memory: "Memory", counts: int, now_s: float, window_s: float) -> int:
    """Forget what is older than the window; return where the counts of the present part begin."""
    part = int(now_s / (window_s / PARTS))
    behind = PARTS if memory[0] == 0.0 else min(PARTS, part + 1 - int(memory[0]))
    for k in range(behind):
        start = 1 + (part - k) % PARTS * counts
        memory[start : start + counts] = 0.0
    memory[0] = part + 1
    return 1 + part % PARTS * counts


@compilable
def total(memory: "Memory", counts: int, which: int) -> float:
    """Return one of the counts over the window, which must have been turned."""
    found = 0.0
    for part in range(PARTS):
        found += memory[1 + part * counts + which]
    return found
