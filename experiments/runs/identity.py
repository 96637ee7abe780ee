"""What a world is known by: worlds of one identity must give the same."""

import hashlib
import os
from functools import cache
from importlib.metadata import version as package_version
from typing import Any

from meterstorm.actors.compiled.cache import CACHE_FOLDER

from ..scenario import Scenario
from ..scenario.versions import ABOUT_VERSIONS
from .inputs import data_of, policies_of, sha256_of

NOT_OF_A_WORLD: Any = {
    **dict.fromkeys(("title", "article", "description", *ABOUT_VERSIONS), True),
    "run": {"replications", "first_replication", "shards"},
}


def engine() -> dict[str, str]:
    """Return what must be the same for a run to go on; the cache's name is a hash of the engine's sources."""
    return {"version": package_version("meterstorm"), "sources": CACHE_FOLDER.name}


def world_of(version: Scenario) -> str:
    """Return a hash of what a world depends on, but its replication: settings, files that these name, engine."""
    settings = version.model_dump_json(exclude=NOT_OF_A_WORLD)
    files = [_hash_of(path, _stamp(path)) for path in (*policies_of(version), *sorted(data_of(version)))]
    return hashlib.sha256("\n".join([settings, *files, *_engine()]).encode()).hexdigest()[:16]


@cache
def _hash_of(path: str, stamp: tuple[int, ...]) -> str:
    """Return the hash of a file's content, read again when its stamp has changed: traces may be long."""
    return sha256_of(path)


def _stamp(path: str) -> tuple[int, ...]:
    found = os.stat(path)
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


@cache
def _engine() -> tuple[str, ...]:
    return tuple(engine().values())
