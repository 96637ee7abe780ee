"""The journals of a world's shards merged in the total order, a piece at a time, so none has to fit in memory."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..state.events import JOURNAL
from ..state.rows import NEVER
from .journal import HANDLED

_ORDER = ("time", "target", "source", "serial")
_NOTHING = np.empty(0, JOURNAL)


def in_order(shards: Sequence[Iterator[Any]]) -> Iterator[Any]:
    """Yield the journal of a world in pieces, given those of its shards, each in its own order.

    What is held meanwhile is a piece or two of each shard, and all that happens at one instant.
    """
    held = [_NOTHING] * len(shards)
    known = [-1] * len(shards)  # what each shard handled before this time, ns, is all here
    while (behind := min(known)) < NEVER:
        shard = known.index(behind)
        piece = next(shards[shard], None)
        known[shard] = NEVER if piece is None else _last_time(piece, behind)
        held[shard] = held[shard] if piece is None else np.concatenate([held[shard], piece])
        cuts = [_first_from(min(known), rows) for rows in held]
        if any(cuts):
            yield merged([rows[:cut] for rows, cut in zip(held, cuts, strict=True)])
        held = [rows[cut:] for rows, cut in zip(held, cuts, strict=True)]


def _last_time(piece: Any, before: int) -> int:
    """Return when the last event of a piece is handled, ns; `before` where it has none."""
    times = piece["time"][piece["what"] == HANDLED]
    return int(times[-1]) if times.size else before


def _first_from(time: int, rows: Any) -> int:
    """Return the place of the first event handled at this time, ns, or later: that after the rows, if none is."""
    later = (rows["what"] == HANDLED) & (rows["time"] >= time)
    return int(later.argmax()) if later.any() else len(rows)


def merged(journals: Sequence[Any]) -> Any:
    """Return the journals of a world's shards as one, in the total order.

    Each shard's own order stays: what happens at once may lead to more at that instant, which comes after it. So
    an event comes no sooner than any that its shard handled before it.
    """
    rows = np.concatenate(journals)
    is_handled = rows["what"] == HANDLED
    keys = rows[is_handled]
    rank = np.empty(len(keys), np.int64)
    rank[np.lexsort([keys[name] for name in reversed(_ORDER)])] = np.arange(len(keys))
    ends = np.cumsum([np.count_nonzero(journal["what"] == HANDLED) for journal in journals])
    latest = np.concatenate([np.maximum.accumulate(part) for part in np.split(rank, ends[:-1])])
    return rows[np.argsort(latest[np.cumsum(is_handled) - 1], kind="stable")].astype(JOURNAL)
