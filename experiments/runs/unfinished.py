"""What an unfinished run has on disk, in the folder of its results: enough to finish it in another process.

In its `checkpoints/`, `run` says what runs, and how; `done-V-R` is replication R of version V, finished;
`world-V-R` has the checkpoints of one that is not (`actors/shards/checkpoints.py`). The run's end removes it.
"""

import fcntl
import hashlib
import logging
import shutil
import time
from importlib.metadata import version as package_version
from pathlib import Path
from typing import IO, Any, Self

import numpy as np
from meterstorm.actors.compiled.cache import CACHE_FOLDER
from meterstorm.actors.shards.checkpoints import Checkpoints
from meterstorm.actors.shards.sealed import CheckpointError, read, write
from meterstorm.actors.state import servers
from meterstorm.actors.state.events import JOURNAL
from meterstorm.actors.state.sums import SUM

from ..scenario import Scenario, load, to_toml, versions
from .folder import clear
from .inputs import inputs, sha256_of
from .options import Options
from .results import Replication, without_digest

# Fields of a finished replication: numbers, then arrays.
FACTS = ("number", "digest", "metrics", "events", "cpu_s", "memory_bytes")
ARRAYS = {"series": np.dtype("i8"), "queueing": SUM, "servers": servers.SERVER}

_log = logging.getLogger("meterstorm")


def default_folder(name: str, scenario: Scenario) -> Path:
    """Return where a run goes whose digest is not known yet."""
    return Path("results") / f"{name}-{_sha256(to_toml(scenario).encode())[:8]}"


class UnfinishedRun:
    """A run that keeps what it has done, for one process at a time: `begin` one, or `reopen` it.

    `done` has the finished replications by version and number. Leaving the context ends the process's hold.
    """

    def __init__(self, folder: Path, scenario: Scenario, options: Options, lock: IO[str]) -> None:
        self.folder = folder
        self.scenario = scenario
        self.options = options
        self.done: dict[tuple[int, int], Replication] = {}
        self.began_s = time.time()
        self._versions = versions(scenario)
        self._lock = lock
        self._read()

    @classmethod
    def begin(cls, folder: Path, scenario: Scenario, options: Options) -> Self:
        """Set up a folder for a run, in place of what it has; raises OSError.

        An unfinished run is a CheckpointError, unless `options.force` replaces it and no other process is at it.
        """
        (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
        lock = _lock(folder)
        path = folder / "checkpoints" / "run"
        if path.exists() and not options.force:
            command = f"meterstorm resume {folder}"
            raise CheckpointError(f"{folder} has an unfinished run: {command}, or remove {path.parent}")
        clear(folder, {"checkpoints"})
        clear(folder / "checkpoints", {"lock"})
        text = to_toml(scenario)
        (folder / "scenario.toml").write_text(text, encoding="utf-8")
        named = {file.path: file.sha256 for file in inputs(scenario)}
        facts = {**_code(), "scenario": _sha256(text.encode()), "inputs": named}
        # The folder may be moved, so `out` is left out.
        write(path, {**facts, "options": options._replace(out=None)._asdict()}, {})
        return cls(folder, scenario, options, lock)

    @classmethod
    def reopen(cls, folder: Path) -> Self:
        """Return the unfinished run of a folder; raises CheckpointError when it cannot go on, and says why."""
        path, file = folder / "checkpoints" / "run", folder / "scenario.toml"
        if not path.exists():
            raise CheckpointError(f"{folder}: nothing to resume; it has no unfinished run with --checkpoint-every")
        lock = _lock(folder)
        facts, _ = read(path, {})
        for key, mine in _code().items():
            if facts[key] != mine:
                raise CheckpointError(f"{path}: begun by another version: {key} {facts[key]}, here {mine}")
        now = {name: sha256_of(name) for name in facts["inputs"] if Path(name).is_file()}
        now[str(file)] = _sha256(without_digest(file.read_text(encoding="utf-8")).encode())
        for name, expected in {str(file): facts["scenario"], **facts["inputs"]}.items():
            if now.get(name) != expected:
                raise CheckpointError(f"{name}: has changed since the run in {folder} began; begin it anew")
        return cls(folder, load(file), Options(**facts["options"]), lock)

    def world(self, version: int, number: int) -> Checkpoints:
        """Return the checkpoints of one replication of a version."""
        named = self._versions[version]
        identity = {
            **_code(),
            "scenario": _sha256(to_toml(named.scenario).encode()),
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
        shutil.rmtree(self.folder / "checkpoints")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        """Let other processes go on with this run."""
        self._lock.close()

    def _read(self) -> None:
        """Read what is finished; a file that is damaged is refused by name, and its world is run again."""
        wall_s = 0.0
        for version in range(len(self._versions)):
            for number in range(self.scenario.run.replications):
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
        return self.folder.resolve() / "checkpoints" / f"{what}-{version}-{number}"


def _code() -> dict[str, str]:
    """What must be the same when a run goes on; the cache's name is a hash of the engine's sources."""
    return {"version": package_version("meterstorm"), "sources": CACHE_FOLDER.name}


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _lock(folder: Path) -> IO[str]:
    """Keep other processes out of a folder for as long as the file is open: the system forgets no dead holder."""
    file = (folder / "checkpoints" / "lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise CheckpointError(f"{folder}: another process is at this run") from None
    return file
