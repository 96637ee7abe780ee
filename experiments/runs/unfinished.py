"""What an unfinished run has on disk, in the folder of its results: enough to finish it in another process.

In its `checkpoints/`, `run` says what runs, and how; `done-V-R` is replication R of version V, finished;
`world-V-R` has the checkpoints of one that is not (`actors/shards/checkpoints.py`). The run's end removes it.
"""

import logging
import shutil
import time
from pathlib import Path
from typing import Any, Self

import numpy as np
from meterstorm.actors.setup.origin import of_world
from meterstorm.actors.shards.checkpoints import Checkpoints
from meterstorm.actors.shards.sealed import CheckpointError, read, write
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


def has_kept(folder: Path) -> bool:
    """Whether the unfinished run in a folder has finished a world, or a checkpoint of one."""
    kept = folder / UNFINISHED
    return any(kept.glob("done-*")) or any(kept.glob("world-*/[0-9]*"))


class UnfinishedRun:
    """A run that keeps what it has done, for one process at a time: `begin` one, or `reopen` it.

    `done` has the finished replications by version and number. Leaving the context ends the process's hold.
    """

    def __init__(self, begun: Begun) -> None:
        self.folder, self.scenario = begun.folder, begun.scenario
        self.options = Options(**begun.options)
        self.done: dict[tuple[int, int], Replication] = {}
        self.began_s = time.time()
        self._checkpoints, self._lock = begun.checkpoints, begun.lock
        self._versions = versions(begun.scenario)
        self._origins = [of_world(version.scenario) for version in self._versions]
        self._read()

    @classmethod
    def begin(cls, folder: Path, scenario: Scenario, options: Options) -> Self:
        """Set up a folder for a run, in place of what it has; raises OSError.

        An unfinished run is a CheckpointError, unless `options.force` replaces it and no other process is at it.
        """
        # The folder may be moved, so `out` is left out.
        kept = options._replace(out=None)._asdict()
        return cls(begin(RUN, folder, scenario, inputs(scenario), kept, options.force))

    @classmethod
    def reopen(cls, folder: Path) -> Self:
        """Go on with the run in a folder; raises CheckpointError when it cannot go on, and says why."""
        return cls(reopen(RUN, folder))

    def world(self, version: int, number: int) -> Checkpoints:
        """Return the checkpoints of one replication of a version."""
        named = self._versions[version]
        identity = {
            **self._origins[version],
            "scenario": sha256(to_toml(named.scenario).encode()),
            "case": named.case,
            "arm": named.arm,
            "replication": number,
            "shards": self.options.shards,
            "journal": self.options.keep_journal,
        }
        every_s = self.options.checkpoint_every_s
        assert every_s is not None  # set for every unfinished run
        return Checkpoints(self._path("world", version, number), every_s, identity, self.began_s)

    def keep(self, version: int, replication: Replication) -> None:
        """Write down a finished replication, and forget the checkpoints on the way to it."""
        facts = {name: getattr(replication, name) for name in FACTS}
        arrays = {name: getattr(replication, name) for name in self._dtypes()}
        facts["wall_s"] = time.time() - self.began_s
        write(self._path("done", version, replication.number), facts, arrays)
        shutil.rmtree(self._path("world", version, replication.number), ignore_errors=True)

    def remove(self) -> None:
        """Remove what is not needed any more once the results are written."""
        shutil.rmtree(self._checkpoints)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        """Let other processes go on with this run."""
        self._lock.close()

    def _read(self) -> None:
        """Read what is finished; a file that is damaged is refused by name, and its world is run again."""
        wall_s = 0.0
        for version in range(len(self._versions)):
            for number in replications(self.scenario.run):
                path = self._path("done", version, number)
                if not path.exists():
                    wall_s = max(wall_s, self.world(version, number).wall_s())
                    continue
                try:
                    facts, arrays = read(path, self._dtypes())
                except CheckpointError as error:
                    _log.warning("finished world refused, to be run again: %s", error)
                    continue
                wall_s = max(wall_s, facts["wall_s"])
                replication = Replication(**{name: facts[name] for name in FACTS}, **arrays)
                self.done[version, number] = replication
        self.began_s -= wall_s

    def _dtypes(self) -> dict[str, Any]:
        return ARRAYS | ({"journal": JOURNAL} if self.options.keep_journal else {})

    def _path(self, what: str, version: int, number: int) -> Path:
        return self._checkpoints / f"{what}-{version}-{number}"
