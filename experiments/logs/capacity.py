"""How many licenses there were: the numbers that the fewest of the log's own decisions contradict."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from .log import Stated
from .pairing import Pool
from .site import is_of_capacity

CHANGE = 4  # decisions that a change must explain, at least


class Decisions(NamedTuple):
    """Decisions of one pool: a row for each."""

    row: Any  # of the event
    need: Any  # licenses in use, and those asked for
    granted: Any


class Fitted(NamedTuple):
    """The licenses of a pool from an event on; None: the log does not tell."""

    row: int
    licenses: int | None
    evidence: str
    denials: int


def decisions(events: Mapping[str, Sequence[Any]], in_use: Any) -> dict[Pool, Decisions]:
    """Return what servers decided for want of licenses or not, by pool.

    A license that was in use when the log began was not asked for; nor is a denial meant that has other reasons.
    """
    rows: dict[Pool, list[int]] = {}
    for row, (kind, detail) in enumerate(zip(events["kind"], events["detail"], strict=True)):
        if (kind == "out" and detail is None) or (kind == "denied" and is_of_capacity(detail)):
            rows.setdefault((events["server"][row], events["product"][row]), []).append(row)
    count, kind = np.array(events["count"], np.int64), np.array(events["kind"])
    return {
        pool: Decisions(np.array(own), in_use[own] + count[own], kind[own] == "out") for pool, own in rows.items()
    }


def fit(asked: Decisions, changes: Sequence[int]) -> list[Fitted]:
    """Return how many licenses a pool had, from event to event; it may change in the rows `changes`."""
    if asked.granted.all():
        peak = asked.need.max()
        return [Fitted(0, None, f"never denied: at least {peak}, the most in use", 0)]
    # A change lies before the first decision after it.
    rows = {0: 0} | dict(zip(np.searchsorted(asked.row, changes).tolist(), changes, strict=True))
    rows = {edge: row for edge, row in sorted(rows.items()) if edge < len(asked.row)}
    edges = [*rows, len(asked.row)]
    values = np.unique(np.append(0, asked.need[asked.granted]))
    costs = [_contradictions(asked, a, b, values) for a, b in pairwise(edges)]
    chosen = values[_path(costs)]
    begins = [0, *(np.flatnonzero(np.diff(chosen)) + 1).tolist()]
    spans = zip(begins, [*begins[1:], len(chosen)], strict=True)
    return [_told(asked, rows[edges[a]] if a else 0, edges[a], edges[b], int(chosen[a])) for a, b in spans]


def stated(rows: Sequence[Stated], asked: Decisions, time_s: Any) -> Iterator[tuple[float, Fitted]]:
    """Yield what a log says itself of a pool, from when on."""
    ends = [*(row.time_s for row in rows[1:]), np.inf]
    for row, end_s in zip(rows, ends, strict=True):
        own = (time_s[asked.row] >= row.time_s) & (time_s[asked.row] < end_s)
        yield row.time_s, Fitted(0, row.licenses, row.evidence, int((own & ~asked.granted).sum()))


def _contradictions(asked: Decisions, begin: int, end: int, values: Any) -> Any:
    """Return how many decisions each capacity contradicts: grants of more, and denials of what there was."""
    need, granted = asked.need[begin:end], asked.granted[begin:end]
    grants, denials = np.sort(need[granted]), np.sort(need[~granted])
    return len(grants) - np.searchsorted(grants, values, "right") + np.searchsorted(denials, values, "right")


def _path(costs: Sequence[Any]) -> Any:
    """Return the place of a capacity for each period: the fewest contradictions, and CHANGE for each change."""
    total, came = np.zeros(len(costs[0]), np.int64), []
    for cost in costs:
        best = int(total.argmin())
        changes = total > total[best] + CHANGE
        came.append(np.where(changes, best, np.arange(len(total))))
        total = np.where(changes, total[best] + CHANGE, total) + cost
    place, path = int(total.argmin()), []
    for before in reversed(came):
        path.append(place)
        place = int(before[place])
    return path[::-1]


def _told(asked: Decisions, row: int, begin: int, end: int, licenses: int) -> Fitted:
    """Return a capacity with the decisions that speak for it."""
    need, granted = asked.need[begin:end], asked.granted[begin:end]
    denials = int((~granted).sum())
    against = int(_contradictions(asked, begin, end, np.array([licenses]))[0])
    for_it = int((need[~granted] > licenses).sum())
    if not for_it:
        said = f"{denials} denials say nothing: as many were in use at another time" if denials else "never denied"
        return Fitted(row, None, f"{said}; at least {need[granted].max(initial=0)}, the most in use", denials)
    most = int(need[~granted & (need > licenses)].min()) - 1
    words = f"{end - begin - against} of {end - begin} decisions fit, {for_it} of {denials} denials among them"
    if most > licenses:
        words += f"; so they do with any number up to {most}"
    return Fitted(row, licenses, words, denials)
