"""Parts of a world over the samples that have ended, and as they are right now."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..records import sums
from ..state import counters
from ..state.world import World
from .figures import links


class Glance(NamedTuple):
    """A part of a world at a moment; several add up to the world (`together`)."""

    now: int  # ns
    events: int
    links: dict[str, int]  # clients by the state of their link
    waiting: int  # requests in queues
    series: Any  # int64, shape (samples that are over, COLUMNS), the warm-up left out
    queueing: Any  # SUM rows, ns, one for each of these samples


def glance(world: World) -> Glance:
    """Return what a part of a world is now; it stays as it is."""
    control = world.control[0]
    over = slice(1, int(control.sample_index))
    series = world.series.reshape(len(world.config), -1, counters.COLUMNS)[:, over].sum(axis=0)
    waiting = int(world.servers["waiting"].sum())
    return Glance(
        int(control.now), int(control.events), links(world), waiting, series, world.queueing[over].copy()
    )


def together(parts: Sequence[Glance]) -> Glance:
    """Return what a world is; a part that is behind the others, as one that was killed is, adds nothing more."""
    samples = max(len(part.series) for part in parts)
    by_link: Counter[str] = Counter()
    for part in parts:
        by_link.update(part.links)
    return Glance(
        max(part.now for part in parts),
        sum(part.events for part in parts),
        dict(by_link),
        sum(part.waiting for part in parts),
        sum(_longer(part.series, samples) for part in parts),
        sums.merged([_longer(part.queueing, samples) for part in parts]),
    )


def _longer(rows: Any, samples: int) -> Any:
    """Return rows padded with zeros to a given number of rows."""
    return np.concatenate([rows, np.zeros((samples - len(rows), *rows.shape[1:]), rows.dtype)])
