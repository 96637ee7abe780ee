"""What a run's processes leave for a watcher: one file each in the run's folder, which it keeps replacing.

A watched process takes a look at itself only so often that it costs next to no time. A reader always finds the
last file complete.
"""

import os
import pickle
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ..shards.glance import Glance
from .measures import NodeMeasures

PAUSE_S = 0.4  # between two looks at least
COST = 0.01  # of the time, looks take at most this part


class Sight(NamedTuple):
    """A process at a moment."""

    glance: Glance
    measures: NodeMeasures


class Sights:
    """What one process leaves."""

    def __init__(self, folder: str, node: int) -> None:
        self._file = _file(folder, node)
        self._due_s = 0.0

    def leave(self, look: Callable[[], Sight]) -> None:
        """Leave what the process is now, if it is time to."""
        if time.monotonic() < self._due_s:
            return
        began_s = time.thread_time()  # on a busy machine real time says nothing of what a look costs
        aside = self._file.with_suffix(".new")
        aside.write_bytes(pickle.dumps(look()))
        os.replace(aside, self._file)
        self._due_s = time.monotonic() + max(PAUSE_S, (time.thread_time() - began_s) / COST)


def seen(folder: str, nodes: int) -> list[Sight]:
    """Return what all processes have left last; none, unless all have left something."""
    try:
        return [pickle.loads(_file(folder, node).read_bytes()) for node in range(nodes)]
    except FileNotFoundError:
        return []


def _file(folder: str, node: int) -> Path:
    return Path(folder) / f"sight-{node}"
