"""The rows in use of a world's tables."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from meterstorm.actors.state import counters, kinds
from meterstorm.actors.state.events import EVENT, VOID
from meterstorm.actors.state.rows import NONE


class Tables:
    """Leases, events and slots of one shard, and what was counted."""

    def __init__(self, shard: Any) -> None:
        self.world = shard.world
        self.config = shard.world.config[0]
        self.control = shard.world.control[0]
        self.slots = self.world.slots.reshape(self.config.clients, self.config.programs)
        self.leases = used(self.world.leases, self.world.leases["state"] != 0)
        self.own = self._rows_of_clients()
        self.total = self.world.series.reshape(-1, counters.COLUMNS).sum(axis=0)
        self.site_of = np.arange(self.config.servers) // self.config.members  # of each server
        self._find_events()

    def _rows_of_clients(self) -> list[Any]:
        """The row of `config` of each client."""
        rows = self.world.groups if len(self.world.groups) else [0] * int(self.config.clients)
        return [self.world.config[row] for row in rows]

    def _find_events(self) -> None:
        """All events; and of these, what is `alive`: on its way, or waiting for service.

        Not alive are the denied requests whose users wait to be called back, and a message that died in a crash,
        which keeps its row until its service would have ended.
        """
        self.links = self.world.chains[self.slots.size :]  # of rows of events
        self.called = [chain(self.links["next"], n) for n in self.world.pools["queue_head"]]
        in_use = ~listed(self.links, self.control.free_event)
        in_use[self.control.fresh_event :] = False
        timers = self._timers_of_slots()
        self.events = np.concatenate([timers, used(self.world.events, in_use)])
        in_use[[n for rows in self.called for n in rows]] = False
        in_use &= self.world.events["flag"] & VOID == 0
        self.alive = np.concatenate([timers, used(self.world.events, in_use)])
        # The same, by kind, source, target, slot and program.
        self.under_way = set(columns(self.alive, "kind", "source", "target", "slot", "program"))

    def _timers_of_slots(self) -> Any:
        """The timers that lie in slots' rows, as rows of events."""
        slots = self.world.slots.view(np.ndarray)
        row = np.flatnonzero(slots["timer"] != kinds.FREE)
        rows = np.zeros(len(row), EVENT)
        rows["source"] = rows["target"] = row // self.config.programs
        rows["slot"] = row % self.config.programs
        rows["kind"], rows["attempt"] = slots["timer"][row], slots["timer_epoch"][row]
        for name in ("time", "serial", "program"):
            rows[name] = slots[f"timer_{name}"][row]
        return rows


def used(rows: Any, mask: Any) -> Any:
    return rows.view(np.ndarray)[mask]


def columns(rows: Any, *names: str) -> Iterator[tuple[int, ...]]:
    """The rows as tuples of some fields."""
    return zip(*(rows[name].tolist() for name in names), strict=True)


def chain(following: Any, first: int) -> list[int]:
    """The rows of a linked list."""
    found, n = [], int(first)
    while n != NONE:
        found.append(n)
        n = int(following[n])
    return found


def listed(rows: Any, first: int) -> Any:
    """A mask of the rows in a linked list."""
    mask = np.zeros(len(rows), bool)
    mask[chain(rows["next"], first)] = True
    return mask
