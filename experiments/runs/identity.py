"""What a world is known by: worlds of one identity must give the same."""

import hashlib
from typing import Any

from meterstorm.actors.setup import origin

from ..scenario import Scenario
from ..scenario.versions import ABOUT_VERSIONS

NOT_OF_A_WORLD: Any = {
    **dict.fromkeys(("title", "article", "description", *ABOUT_VERSIONS), True),
    "run": {"replications", "first_replication", "shards"},
}


def world_of(version: Scenario) -> str:
    """Return a hash of what a world depends on, but its replication: settings, and its origin."""
    settings = version.model_dump_json(exclude=NOT_OF_A_WORLD)
    facts = [f"{name} {value}" for name, value in origin.of_world(version).items()]
    return hashlib.sha256("\n".join([settings, *facts]).encode()).hexdigest()[:16]
