"""A folder in which something was begun, so that another process can go on with it: a run or a sweep.

`checkpoints/KIND` says what is run, and how, and has the users' own policies; `scenario.toml` is beside it. A
folder on disk admits one process at a time; an object store has no such lock.
"""

import fcntl
import hashlib
import logging
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Generic, NamedTuple

from meterstorm.actors.setup.origin import CODE, sha256_of
from meterstorm.actors.shards.sealed import CheckpointError, read, write
from meterstorm.actors.shards.storage import Location, Where, fetched, make, put
from meterstorm.policies import sources

from ..scenario import Scenario, load, to_toml
from .folder import SCENARIO, UNFINISHED, clear, resuming, unfinished
from .inputs import Input
from .results import without_digest

_log = logging.getLogger("meterstorm")


class Begun(NamedTuple, Generic[Where]):
    """What was begun in a folder: with which options, and the lock that keeps others out while it is open."""

    folder: Where
    scenario: Scenario
    options: dict[str, Any]
    lock: ExitStack

    @property
    def checkpoints(self) -> Where:
        """The folder for what is done, wherever the working folder is by then."""
        folder = self.folder.resolve() if isinstance(self.folder, Path) else self.folder
        return folder / UNFINISHED


def begin(
    kind: str, folder: Where, scenario: Scenario, inputs: Iterable[Input], options: dict[str, Any], force: bool
) -> Begun[Where]:
    """Set up a folder in place of what it has; `inputs` are the files that it reads. Raises OSError.

    Something unfinished is a CheckpointError, unless `force` replaces it and no other process is at it.
    """
    checkpoints = folder / UNFINISHED
    make(checkpoints)
    with _lock(folder) as lock:  # let go where anything fails
        if (found := unfinished(folder)) and not force:
            ways = f"{resuming(folder)}, or remove {checkpoints}"
            raise CheckpointError(f"{folder} has an unfinished {found}: {ways}")
        clear(folder, {UNFINISHED})
        clear(checkpoints, {"lock"})
        text = to_toml(scenario)
        put(folder / SCENARIO, [text.encode()])
        files = list(inputs)
        policies = {file.path: file.source for file in files if file.source is not None}
        data = {file.path: file.sha256 for file in files if file.source is None}
        facts = {**CODE, "scenario": sha256(text.encode()), "policies": policies, "data": data}
        write(checkpoints / kind, {**facts, "options": options}, {})
        return Begun(folder, scenario, options, lock.pop_all())


def reopen(kind: str, folder: Where) -> Begun[Where]:
    """Go on with what is in a folder; raises OSError, and CheckpointError when it cannot go on, and says why."""
    path, file = folder / UNFINISHED / kind, folder / SCENARIO
    if not path.exists():
        words = "nothing to resume; it has no unfinished sweep, and no unfinished run with --checkpoint-every"
        raise CheckpointError(f"{folder}: {words}")
    with _lock(folder) as lock:
        facts, _ = read(path, {})
        for key, mine in CODE.items():
            if facts.get(key) != mine:
                raise CheckpointError(f"{path}: begun by another version: {key} {facts.get(key)}, here {mine}")
        with fetched(file) as text:
            _check_files(kind, folder, facts, sha256(without_digest(text.read_text(encoding="utf-8")).encode()))
            _provide(facts["policies"], kind)
            return Begun(folder, load(text), facts["options"], lock.pop_all())


def _check_files(kind: str, folder: Location, facts: Mapping[str, Any], scenario: str) -> None:
    """Raise CheckpointError unless the scenario (`scenario` is its SHA-256) and the data are unchanged."""
    now = {name: sha256_of(name) for name in facts["data"] if Path(name).is_file()}
    file = str(folder / SCENARIO)
    for name, expected in {file: facts["scenario"], **facts["data"]}.items():
        found = {**now, file: scenario}.get(name)
        if found is None:
            raise CheckpointError(f"{name}: is not here; the {kind} in {folder} reads it as it was when it began")
        if found != expected:
            raise CheckpointError(f"{name}: has changed since the {kind} in {folder} began; begin it anew")


def _provide(policies: Mapping[str, bytes], kind: str) -> None:
    """Have users' own policies be as they were; raises CheckpointError where this process has met others."""
    try:
        sources.provide(policies)
    except ValueError as error:
        raise CheckpointError(str(error)) from error
    for name, text in policies.items():
        is_here = Path(name).is_file()
        if not is_here or Path(name).read_bytes() != text:
            what = f"has changed since the {kind} began, which" if is_here else f"is not here; the {kind}"
            _log.warning("%s: %s goes on with the policy as it was", name, what)


def sha256(content: bytes) -> str:
    """Return the digest that tells whether a text is still the same."""
    return hashlib.sha256(content).hexdigest()


def _lock(folder: Location) -> ExitStack:
    """Keep other processes out of a folder of a disk until it is closed: the system forgets no dead holder."""
    hold = ExitStack()
    if isinstance(folder, Path):
        file = hold.enter_context((folder / UNFINISHED / "lock").open("w"))
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            hold.close()
            raise CheckpointError(f"{folder}: another process is at this run") from None
    return hold
