"""What an unfinished run keeps in its results folder: enough for another process to finish it.

In its `checkpoints/`, `run` says what runs, and how; `done-V-R` is replication R of version V, finished;
`world-V-R` has the checkpoints of one that is not (`actors/shards/checkpoints.py`). The run's end removes it.
"""

import logging
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import numpy as np
from meterstorm.actors.setup.origin import of_world
from meterstorm.actors.shards.checkpoints import Checkpoints, whole
from meterstorm.actors.shards.sealed import CheckpointError, Facts, Refused, check_identity, read, write
from meterstorm.actors.shards.storage import Location, names, patiently, remove
from meterstorm.actors.state import servers
from meterstorm.actors.state.events import JOURNAL
from meterstorm.actors.state.schedule import FAULT
from meterstorm.actors.state.sums import SUM

from ..scenario import Scenario, replications, to_toml, versions
from .begun import Begun, begin, reopen, sha256
from .folder import RUN, UNFINISHED
from .inputs import inputs
from .options import Options
from .results import Replication

# Fields of a finished replication: numbers, then arrays.
FACTS = ("number", "digest", "metrics", "events", "cpu_s", "memory_bytes", "groups", "origin")
ARRAYS = {
    "series": np.dtype("i8"),
    "queueing": SUM,
    "servers": servers.SERVER,
    "server_series": servers.SERVER_SAMPLE,
    "faults": FAULT,
}

_log = logging.getLogger("meterstorm")


def default_folder(name: str, scenario: Scenario, *more: str) -> Path:
    """Return where a run goes whose digest is not known yet; `more` is what it depends on besides."""
    return Path("results") / f"{name}-{sha256(chr(0).join([to_toml(scenario), *more]).encode())[:8]}"


def has_kept(folder: Location) -> bool:
    """Whether the unfinished run in a folder has finished a world, or a checkpoint of one. Raises OSError."""
    kept = folder / UNFINISHED
    there = names(kept)
    return any(name.startswith("done-") or (name.startswith("world-") and whole(kept / name)) for name in there)


class UnfinishedRun:
    """A run that keeps what it has done, for one process at a time: `begin` one, or `reopen` it.

    `done` has the finished replications by version and number; it `goes_on` where an earlier process has kept
    something. Leaving the context ends the process's hold.
    """

    def __init__(self, begun: Begun[Location]) -> None:
        self.folder, self.scenario = begun.folder, begun.scenario
        self.options = Options(**begun.options)
        self.done: dict[tuple[int, int], Replication] = {}
        self.goes_on = has_kept(begun.folder)
        self.began_s = time.time()
        self._checkpoints = begun.checkpoints
        with begun.lock as lock:  # let go where anything fails
            self._versions = versions(begun.scenario)
            self._origins = [of_world(version.scenario) for version in self._versions]
            self._read()
            self._lock = lock.pop_all()

    @classmethod
    def begin(cls, folder: Location, scenario: Scenario, options: Options) -> Self:
        """Set up a folder for a run, in place of what it has; raises OSError.

        An unfinished run is a CheckpointError, unless `options.force` replaces it and no other process is at it.
        """
        # The folder may be moved, so `out` is left out.
        kept = options._replace(out=None)._asdict()
        return cls(begin(RUN, folder, scenario, inputs(scenario), kept, options.force))

    @classmethod
    def reopen(cls, folder: Location) -> Self:
        """Go on with the run in a folder; raises OSError, and CheckpointError when it cannot go on, and why."""
        return cls(reopen(RUN, folder))

    def world(self, version: int, number: int) -> Checkpoints:
        """Return the checkpoints of one replication of a version."""
        every_s = self.options.checkpoint_every_s
        assert every_s is not None  # set for every unfinished run
        identity = self._identity(version, number)
        return Checkpoints(self._path("world", version, number), every_s, identity, self.began_s)

    def _identity(self, version: int, number: int) -> Facts:
        """Return what must be equal in what was kept of a world."""
        named = self._versions[version]
        return {
            **self._origins[version],
            "scenario": sha256(to_toml(named.scenario).encode()),
            "case": named.case,
            "arm": named.arm,
            "replication": number,
            "shards": self.options.shards,
            "journal": self.options.keep_journal,
        }

    def keep(self, version: int, replication: Replication) -> None:
        """Write down a finished replication, and forget the checkpoints on the way to it."""
        facts = {name: getattr(replication, name) for name in FACTS}
        arrays = {name: getattr(replication, name) for name in self._dtypes()}
        facts |= {"wall_s": time.time() - self.began_s, "identity": self._identity(version, replication.number)}
        done = self._path("done", version, replication.number)
        patiently(done, lambda: write(done, facts, arrays), CheckpointError)
        with suppress(OSError):
            remove(self._path("world", version, replication.number))

    def remove(self) -> None:
        """Remove what is not needed any more once the results are written; raises OSError."""
        remove(self._checkpoints)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        """Let other processes go on with this run."""
        self._lock.close()

    def _read(self) -> None:
        """Read what is finished; a file that is damaged, or another run's, is refused, and its world run again.

        One that cannot be read is a CheckpointError: it may be good.
        """
        wall_s, there = 0.0, names(self._checkpoints)
        for version in range(len(self._versions)):
            for number in replications(self.scenario.run):
                path = self._path("done", version, number)
                world = self.world(version, number)
                if path.name not in there:
                    wall_s = max(wall_s, world.wall_s() if world.folder.name in there else 0.0)
                    continue
                try:
                    facts, arrays = read(path, self._dtypes())
                    check_identity(path, facts.get("identity", {}), world.identity)
                except Refused as error:
                    _log.warning("finished world refused, to be run again: %s", error)
                    continue
                wall_s = max(wall_s, facts["wall_s"])
                replication = Replication(**{name: facts[name] for name in FACTS}, **arrays)
                self.done[version, number] = replication
        self.began_s -= wall_s

    def _dtypes(self) -> dict[str, Any]:
        return ARRAYS | ({"journal": JOURNAL} if self.options.keep_journal else {})

    def _path(self, what: str, version: int, number: int) -> Location:
        return self._checkpoints / f"{what}-{version}-{number}"
