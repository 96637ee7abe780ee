"""A folder in which something was begun, so that another process can go on with it: a run or a sweep.

`checkpoints/KIND` says what is run, and how, and has the users' own policies; `scenario.toml` is beside it. One
process at a time is at a folder.
"""

import fcntl
import hashlib
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

from meterstorm.actors.setup.origin import CODE, sha256_of
from meterstorm.actors.shards.sealed import CheckpointError, read, write
from meterstorm.policies import sources

from ..scenario import Scenario, load, to_toml
from .folder import UNFINISHED, clear, unfinished
from .inputs import Input
from .results import without_digest

_log = logging.getLogger("meterstorm")


class Begun(NamedTuple):
    """What was begun in a folder: with which options, and the lock that keeps others out while it is open."""

    folder: Path
    scenario: Scenario
    options: dict[str, Any]
    lock: IO[str]

    @property
    def checkpoints(self) -> Path:
        """The folder for what is done, wherever the working folder is by then."""
        return self.folder.resolve() / UNFINISHED


def begin(
    kind: str, folder: Path, scenario: Scenario, inputs: Iterable[Input], options: dict[str, Any], force: bool
) -> Begun:
    """Set up a folder in place of what it has; `inputs` are the files that it reads. Raises OSError.

    Something unfinished is a CheckpointError, unless `force` replaces it and no other process is at it.
    """
    checkpoints = folder / UNFINISHED
    checkpoints.mkdir(parents=True, exist_ok=True)
    lock = _lock(folder)
    if (found := unfinished(folder)) and not force:
        ways = f"meterstorm resume {folder}, or remove {checkpoints}"
        raise CheckpointError(f"{folder} has an unfinished {found}: {ways}")
    clear(folder, {UNFINISHED})
    clear(checkpoints, {"lock"})
    text = to_toml(scenario)
    (folder / "scenario.toml").write_text(text, encoding="utf-8")
    files = list(inputs)
    policies = {file.path: file.source for file in files if file.source is not None}
    data = {file.path: file.sha256 for file in files if file.source is None}
    facts = {**CODE, "scenario": sha256(text.encode()), "policies": policies, "data": data}
    write(checkpoints / kind, {**facts, "options": options}, {})
    return Begun(folder, scenario, options, lock)


def reopen(kind: str, folder: Path) -> Begun:
    """Go on with what is in a folder; raises CheckpointError when that is not possible, and says why."""
    path, file = folder / UNFINISHED / kind, folder / "scenario.toml"
    if not path.exists():
        words = "nothing to resume; it has no unfinished sweep, and no unfinished run with --checkpoint-every"
        raise CheckpointError(f"{folder}: {words}")
    lock = _lock(folder)
    facts, _ = read(path, {})
    for key, mine in CODE.items():
        if facts.get(key) != mine:
            raise CheckpointError(f"{path}: begun by another version: {key} {facts.get(key)}, here {mine}")
    now = {name: sha256_of(name) for name in facts["data"] if Path(name).is_file()}
    now[str(file)] = sha256(without_digest(file.read_text(encoding="utf-8")).encode())
    for name, expected in {str(file): facts["scenario"], **facts["data"]}.items():
        if now.get(name) != expected:
            raise CheckpointError(f"{name}: has changed since the {kind} in {folder} began; begin it anew")
    _provide(facts["policies"], kind)
    return Begun(folder, load(file), facts["options"], lock)


def _provide(policies: Mapping[str, bytes], kind: str) -> None:
    """Have users' own policies be as they were; raises CheckpointError where this process has met others."""
    try:
        sources.provide(policies)
    except ValueError as error:
        raise CheckpointError(str(error)) from error
    for name, text in policies.items():
        if not Path(name).is_file() or Path(name).read_bytes() != text:
            _log.warning("%s: has changed since the %s began, which goes on with the policy as it was", name, kind)


def sha256(content: bytes) -> str:
    """Return the digest that tells whether a text is still the same."""
    return hashlib.sha256(content).hexdigest()


def _lock(folder: Path) -> IO[str]:
    """Keep other processes out of a folder for as long as the file is open: the system forgets no dead holder."""
    file = (folder / UNFINISHED / "lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise CheckpointError(f"{folder}: another process is at this run") from None
    return file
