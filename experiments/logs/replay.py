"""The exact oracle: a request is granted if and only if in use + asked for <= capacity.

Each decision is judged by what the log itself has in use at that time, so one difference does not cause another.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from .capacity import decisions
from .pairing import Pairs, Pool, pair
from .site import Site

CELLS = ("file", "line", "time_s", "kind", "server", "product", "count")
UNKNOWN = np.iinfo(np.int64).max  # licenses that no request exceeds


class Contradiction(NamedTuple):
    """A decision of the log that the oracle does not repeat."""

    file: str
    line: int
    time_s: float
    kind: str  # what the log says: out or denied
    server: str
    product: str
    in_use: int
    asked: int
    licenses: int | None  # how many there are; None: unknown


class Replayed(NamedTuple):
    """How many decisions of a log the oracle repeats."""

    decisions: int
    denials: int
    of_known_capacity: int  # decisions about products whose number of licenses the log tells
    contradictions: list[Contradiction]

    @property
    def repeated(self) -> int:
        """How many decisions are as in the log."""
        return self.decisions - len(self.contradictions)


def _columns(site: Site) -> dict[str, list[Any]]:
    """Return the events of a site as lists."""
    return {name: column.to_pylist() for name, column in zip(site.events.column_names, site.events, strict=True)}


def replay(site: Site) -> Replayed:
    """Let the oracle take every decision of a site's log."""
    events, owned = _columns(site), _capacities(site)
    pairs = pair(events, {})
    time_s, against, total, denials, known = np.array(events["time_s"]), [], 0, 0, 0
    for pool, asked in decisions(events, pairs.in_use).items():
        from_s, licenses = owned[pool]
        there = licenses[np.searchsorted(from_s, time_s[asked.row], "right") - 1]
        wrong = (asked.need <= there) != asked.granted
        against += [(int(row), int(there[place])) for place, row in enumerate(asked.row) if wrong[place]]
        total, denials = total + len(asked.row), denials + int((~asked.granted).sum())
        known += int((there != UNKNOWN).sum())
    found = [_contradiction(events, row, pairs, licenses) for row, licenses in sorted(against)]
    return Replayed(total, denials, known, found)


def lines(replayed: Replayed) -> Iterator[str]:
    """Yield what a replay found, in words."""
    total = f"{replayed.decisions:,} decisions"
    yield f"{replayed.repeated:,} of {total} are repeated by: granted if and only if in use + n <= capacity"
    yield f"{replayed.denials:,} of them are denials; {replayed.of_known_capacity:,} are about known capacities"
    for row in replayed.contradictions:
        said = "granted" if row.kind == "out" else "denied"
        there = "an unknown number of" if row.licenses is None else f"{row.licenses:,}"
        yield (
            f"{row.file}:{row.line}: {row.product} of {row.server}: {said} {row.asked:,}, "
            f"with {row.in_use:,} of {there} licenses in use"
        )


def as_json(replayed: Replayed) -> dict[str, Any]:
    """Return what a replay found, for programs."""
    counts = replayed._asdict() | {"repeated": replayed.repeated}
    return counts | {"contradictions": [row._asdict() for row in replayed.contradictions]}


def _capacities(site: Site) -> dict[Pool, tuple[Any, Any]]:
    """Return since when each pool has how many licenses."""
    found: dict[Pool, list[tuple[float, int]]] = {}
    for row in site.capacity.to_pylist():
        licenses = UNKNOWN if row["licenses"] is None else row["licenses"]
        found.setdefault((row["server"], row["product"]), []).append((row["from_s"], licenses))
    return {
        pool: (np.array([a for a, _ in sorted(rows)]), np.array([b for _, b in sorted(rows)]))
        for pool, rows in found.items()
    }


def _contradiction(events: Mapping[str, Sequence[Any]], row: int, pairs: Pairs, licenses: int) -> Contradiction:
    file, line, time_s, kind, server, product, asked = (events[name][row] for name in CELLS)
    known = None if licenses == UNKNOWN else licenses
    in_use = int(pairs.in_use[row])
    return Contradiction(file, line, time_s, kind, server, product, in_use, asked, known)
