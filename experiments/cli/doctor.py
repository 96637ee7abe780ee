"""Compiling the engine ahead of time, and a short check of an installation."""

import sys
from pathlib import Path
from typing import Any

from meterstorm.actors.cluster.shard_set import ShardSet
from meterstorm.actors.compiled.cache import forget_old_code
from meterstorm.actors.compiled.jit import JIT_DISABLED
from meterstorm.actors.engine import loop
from meterstorm.actors.shards.shard import Shard
from meterstorm.actors.shards.simulate import simulate

from ..scenario import validate

# Small, but it runs every compiled function that Python calls.
SMALL: dict[str, Any] = {
    "title": "a short outage",
    "run": {"duration_s": 3600.0, "warmup_s": 600.0},
    "servers": {"count": 4, "sites": 2},
    "clients": {"count": 40},
    "products": [{"name": "editor", "licenses": 16}],
    "policies": {
        "balancing": {"name": "periodic-demand", "interval_s": 600.0},
        "intersite": {"name": "periodic-demand", "interval_s": 900.0},
    },
    "faults": [{"kind": "unreachable", "servers": [0], "start_s": 900.0, "duration_s": 600.0}],
}
# The same, with something that most worlds do without: the engine is compiled for both kinds (compiled/views.py).
SELDOM = SMALL | {"clients": {"count": 40, "connection": "kept"}}


def is_compiled() -> bool:
    """Whether the engine's loop is in the cache for both kinds of worlds (or is not to be compiled at all).

    Numba keeps the code of each copy of a source file in a folder of its own, and that of each Python in a file.
    """
    if JIT_DISABLED:
        return True
    run: Any = loop.run
    major, minor = sys.version_info[:2]
    return len(list(Path(run.stats.cache_path).glob(f"loop.run-*.py{major}{minor}*.nbc"))) >= 2


def compile_engine() -> None:
    """Compile what Python calls of the engine, into the cache."""
    for scenario in (validate(SMALL), validate(SELDOM)):
        shard = Shard(scenario)
        shard.run(shard.end)
        Shard(scenario, shard=1, shards=2)  # compiles what exchanges messages between shards
        shard.tally()
    forget_old_code()


def examine(ray_address: str | None = None) -> list[str]:
    """Return what is wrong, here or in a Ray cluster: nothing, as a rule. Raises what `run.run` raises."""
    scenario = validate(SMALL)
    alone = simulate(scenario)
    with ShardSet(2, ray_address) as shards:
        together = shards.simulate(scenario, 0)
    if alone.digest != together.digest:
        return [f"digests differ: {alone.digest:016x} alone, {together.digest:016x} on two shards"]
    return []
