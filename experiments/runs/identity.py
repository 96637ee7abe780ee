"""What a world is known by: worlds of one identity must give the same."""

import hashlib
from functools import cache
from importlib.metadata import version as package_version
from typing import Any

from meterstorm.actors.compiled.cache import CACHE_FOLDER

from ..scenario import Scenario
from ..scenario.versions import ABOUT_VERSIONS
from .inputs import policies_of, sha256_of, traces_of

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
    files = [_hash_of(path) for path in (*policies_of(version), *traces_of(version))]
    return hashlib.sha256("\n".join([settings, *files, *_engine()]).encode()).hexdigest()[:16]


_hash_of = cache(sha256_of)


@cache
def _engine() -> tuple[str, ...]:
    return tuple(engine().values())
