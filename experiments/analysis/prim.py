"""Boxes of parameters that hold the bad points: the patient rule induction method, PRIM.

Friedman & Fisher 1999 (Statistics and Computing 9, 123-143): peel a small share of the points off one side at a
time, then paste. As Bryant & Lempert 2010 (Technological Forecasting and Social Change 77, 34-49) use it for
scenario discovery: coverage is the share of all bad that a box holds, density the share of bad in it, and a
restriction that could be chance is dropped. Of all boxes peeled the one with the best harmonic mean of the two is
kept.

Known limit: where two regions of bad points overlap in a parameter, peeling may keep a box that has parts of both.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from .boxes import Box, Column, Kept, changed, mask, restricted, take

ALPHA = 0.05  # share of a box that is peeled or pasted at once: patience
SUPPORT_MIN = 0.01  # share of the points that a box has at least, and never fewer than two points
QUASI_P_MAX = 0.05  # above it a restriction could be chance
CHANCE_MAX = 0.05  # above it the whole box could be
FOLDS = 5  # the density of a box is also measured on points that it was not found on
BOXES_MAX = 4


class Restriction(NamedTuple):
    """What a box keeps of one parameter, and the chance of its density if this restriction did nothing."""

    column: int
    kept: Kept
    quasi_p: float


class Found(NamedTuple):
    """A box of bad points; coverage and mass are shares of all points, those of earlier boxes included."""

    restrictions: list[Restriction]
    density: float
    density_held_out: float  # on points that the search had not seen
    coverage: float
    mass: float
    chance: float  # of the density held out, if the search found nothing


class Discovery(NamedTuple):
    """All boxes, best first; and the failed box of a further search, if there was one."""

    base_rate: float
    boxes: list[Found]
    vain: Found | None


def discover(columns: list[Column], bad: Any) -> Discovery:
    """Return boxes one after the other, each on the points that are in none before.

    `bad` is the share of bad worlds at each point. The last search is in vain where its box does no better on
    points held out than their base rate.
    """
    left, whole = np.ones(len(bad), bool), float(bad.sum())
    boxes: list[Found] = []
    while len(boxes) < BOXES_MAX and 0 < bad[left].mean() < 1:
        found, inside = _one(take(columns, left), bad[left])
        found = found._replace(
            coverage=found.coverage * bad[left].sum() / whole, mass=found.mass * left.sum() / len(bad)
        )
        if not found.restrictions or found.chance > CHANCE_MAX:
            return Discovery(float(bad.mean()), boxes, found)
        boxes.append(found)
        left[np.flatnonzero(left)[inside]] = False
        if not left.any():
            break
    return Discovery(float(bad.mean()), boxes, None)


def _one(columns: list[Column], bad: Any) -> tuple[Found, Any]:
    """Return one box of these points, and which of them are in it."""
    box = search(columns, bad)
    inside = mask(columns, box)
    restrictions = [Restriction(i, box[i], quasi_p(columns, bad, box, i)) for i in restricted(columns, box)]
    held_out, chance = held_out_density(columns, bad)
    density = float(bad[inside].mean())
    return Found(restrictions, density, held_out, _coverage(bad, inside), float(inside.mean()), chance), inside


def search(columns: list[Column], bad: Any) -> Box:
    """Return the best box: peeled, pasted, and without restrictions that could be chance.

    Peeling may have gone astray before the best of its boxes, so pasting also begins at the densest one.
    """
    peeled = [(box, mask(columns, box)) for box in _peel(columns, bad)]
    best, _ = max(peeled, key=lambda pair: score(bad, pair[1]))
    densest, _ = max(peeled, key=lambda pair: (bad[pair[1]].mean(), pair[1].sum()))
    pasted = [_paste(columns, bad, box) for box in dict.fromkeys((best, densest))]
    return _without_chance(columns, bad, max(pasted, key=lambda box: score(bad, mask(columns, box))))


def score(bad: Any, inside: Any) -> float:
    """Return the harmonic mean of coverage and density."""
    return 2 * float(bad[inside].sum()) / float(inside.sum() + bad.sum())


def _coverage(bad: Any, inside: Any) -> float:
    return float(bad[inside].sum() / bad.sum())


def _peel(columns: list[Column], bad: Any) -> Iterator[Box]:
    """Yield ever smaller boxes; each step gains the most density for each point that it takes off."""
    box: Box = tuple(c.whole for c in columns)
    inside, least = np.ones(len(bad), bool), max(2, SUPPORT_MIN * len(bad))
    while True:
        yield box
        candidates = list(_smaller(columns, box, inside))
        kept = [(c, i, k) for c, i, k in candidates if c.sum() >= least]
        if not kept:
            return
        inside, i, part = max(kept, key=lambda candidate: _gain(bad, inside, candidate[0]))
        box = changed(box, i, part)


def _gain(bad: Any, inside: Any, smaller: Any) -> float:
    """Return the density gained for each point taken off: else levels of words, which are many, would win."""
    return float(bad[smaller].mean() - bad[inside].mean()) / int(inside.sum() - smaller.sum())


def _smaller(columns: list[Column], box: Box, inside: Any) -> Iterator[tuple[Any, int, Kept]]:
    for i, (c, kept) in enumerate(zip(columns, box, strict=True)):
        for part in kept.smaller(c.values[inside], ALPHA):
            yield inside & part.holds(c.values), i, part


def _paste(columns: list[Column], bad: Any, box: Box) -> Box:
    """Return the box enlarged for as long as its score gets no worse; first where that costs no density."""
    while True:
        now = mask(columns, box)
        density, least = bad[now].mean(), score(bad, now)
        wider = [(mask(columns, other), other) for other in _larger(columns, box)]
        judged = [(bad[inside].mean() >= density, score(bad, inside), other) for inside, other in wider]
        allowed = [candidate for candidate in judged if candidate[1] >= least]
        if not allowed:
            return box
        *_, box = max(allowed, key=lambda candidate: candidate[:2])


def _larger(columns: list[Column], box: Box) -> Iterator[Box]:
    count = max(1, int(ALPHA * mask(columns, box).sum()))
    for i, (c, kept) in enumerate(zip(columns, box, strict=True)):
        outside = c.values[mask(columns, changed(box, i, c.whole)) & ~kept.holds(c.values)]
        for part in kept.larger(outside, count):
            yield changed(box, i, part)


def _without_chance(columns: list[Column], bad: Any, box: Box) -> Box:
    """Return the box without the restrictions that could be chance, the likeliest first."""
    while True:
        chances = [(quasi_p(columns, bad, box, i), i) for i in restricted(columns, box)]
        worst, i = max(chances, default=(0.0, 0))
        if worst <= QUASI_P_MAX:
            return box
        box = changed(box, i, columns[i].whole)


def quasi_p(columns: list[Column], bad: Any, box: Box, i: int) -> float:
    """Return the chance of as many bad points in the box, were each as likely as without the restriction on i.

    Quasi, since the restriction was chosen to have many.
    """
    inside, without = mask(columns, box), mask(columns, changed(box, i, columns[i].whole))
    return _chance(bad[inside].sum(), int(inside.sum()), float(bad[without].mean()))


def _chance(bad: float, points: int, rate: float) -> float:
    """Return the probability of at least this many bad points."""
    from scipy import special

    count = round(bad)
    return float(special.betainc(count, points - count + 1, rate)) if count > 0 else 1.0


def held_out_density(columns: list[Column], bad: Any) -> tuple[float, float]:
    """Return the density, in each fold of the points, of boxes found without it; and its chance if all is noise.

    The boxes are searched anew without each fold. Equal points are in one fold: one would give the other away.
    Without a single point in a box the density is the base rate.
    """
    fold = _folds(columns)
    inside = np.zeros(len(bad), bool)
    for k in range(FOLDS):
        seen = fold != k
        if bad[seen].any() and not seen.all():
            inside |= ~seen & mask(columns, search(take(columns, seen), bad[seen]))
    base_rate = float(bad.mean())
    density = float(bad[inside].mean()) if inside.any() else base_rate
    return density, _chance(bad[inside].sum(), int(inside.sum()), base_rate)


def _folds(columns: list[Column]) -> Any:
    rows = np.nan_to_num(np.stack([c.values for c in columns], axis=1), nan=np.inf)
    different, place = np.unique(rows, axis=0, return_inverse=True)
    return (np.random.default_rng(0).permutation(len(different)) % FOLDS)[place]
