"""Memory for tables, and more rows for those with free lists."""

from typing import Any

import numpy as np

from .rows import CACHE_LINE
from .world import World


def zeros(count: int, dtype: Any) -> Any:
    """Return rows of zeros that begin with a line of the cache, and take memory only when they are used."""
    raw = np.zeros(count * dtype.itemsize + CACHE_LINE, np.uint8)
    start = -raw.ctypes.data % CACHE_LINE
    return np.ndarray((count,), dtype, raw, start).view(np.recarray)


def extended(rows: Any, more: int) -> Any:
    """Return a copy of a table with `more` rows of zeros, made as bytes: by fields takes five times as long."""
    larger = zeros(rows.size + more, rows.dtype)
    larger.view(np.uint8, np.ndarray)[: rows.nbytes] = rows.view(np.uint8, np.ndarray)
    return larger


def _linked(rows: Any, more: int, head: int) -> Any:
    """Return the table with `more` rows, chained by `next` in front of the free row `head`."""
    size = rows.size
    larger = extended(rows, more)
    larger["next"][size:] = np.arange(size + 1, size + more + 1)
    larger["next"][size + more - 1] = head
    return larger


def more_events(world: World, more: int) -> None:
    """Have `more` rows for events."""
    world.control[0].free_events += more
    world.replace(events=extended(world.events, more), chains=extended(world.chains, more))


def more_due(world: World, more: int) -> None:
    """Have `more` rows in the heap of the open bucket."""
    world.replace(due=extended(world.due, more))


def more_leases(world: World, more: int) -> None:
    """Have `more` rows for leases."""
    control = world.control[0]
    leases = _linked(world.leases, more, control.free_lease)
    control.free_lease = world.leases.size
    control.free_leases += more
    world.replace(leases=leases)


def more_pending_releases(world: World, more: int) -> None:
    """Have `more` rows for pending releases."""
    control = world.control[0]
    pending = _linked(world.pending_releases, more, control.free_pending_release)
    control.free_pending_release = world.pending_releases.size
    control.free_pending_releases += more
    world.replace(pending_releases=pending)
