"""A chunk of a sweep: some worlds, run one after the other, to one batch of rows.

A world that fails is a row with an error; the others go on.
"""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from meterstorm.actors.engine.invariants import InvariantViolation
from meterstorm.actors.setup.origin import CODE, Origin, of_world

from ..runs.identity import world_of
from ..runs.run import run_world
from ..runs.table import VIOLATED, Row, batch
from ..scenario import Scenario, ScenarioError, Version
from ..scenario.files import varied

if TYPE_CHECKING:
    import pyarrow as pa


class WorldKey(NamedTuple):
    """One world of a sweep: its point, its version among those of the point, and its replication."""

    point: int
    version: int
    replication: int


class Common(NamedTuple):
    """What all chunks of a sweep share."""

    base: Scenario
    columns: "pa.Schema"
    names: tuple[tuple[str | None, str | None], ...]  # case and arm of each version
    limit_s: float | None  # wall time for a world


class Chunk(NamedTuple):
    """Worlds to run in one go, those of a point in a row, and what their points set."""

    worlds: tuple[WorldKey, ...]
    settings: Mapping[int, Mapping[str, Any]]


class Done(NamedTuple):
    """A chunk that was run: its rows as a serialized batch, how long it took, and what they come from."""

    rows: bytes
    wall_s: float
    origin: Origin


class OutOfTimeError(Exception):
    """A world has taken longer than it may."""


def run_chunk(common: Common, chunk: Chunk) -> Done:
    """Run a chunk's worlds."""
    began_s, origin = time.perf_counter(), dict(CODE)
    rows = [
        row for point, settings in chunk.settings.items() for row in _rows(common, chunk, point, settings, origin)
    ]
    return Done(bytes(batch(rows, common.columns).serialize()), time.perf_counter() - began_s, origin)


def _rows(
    common: Common, chunk: Chunk, point: int, settings: Mapping[str, Any], origin: dict[str, str]
) -> list[Row]:
    """Run the worlds of a point; add what they come from to `origin`."""
    worlds = [(row_of(common, world, settings), world.version) for world in chunk.worlds if world.point == point]
    try:
        versions = varied(common.base, settings)
    except ScenarioError as error:
        return [row._replace(error=str(error)) for row, _ in worlds]
    return [_tried(row, versions[version], common.limit_s, origin) for row, version in worlds]


def row_of(common: Common, world: WorldKey, settings: Mapping[str, Any]) -> Row:
    """Return the row of a world, with what is known before it is run."""
    case, arm = common.names[world.version]
    return Row(world.point, settings, case, arm, world.replication, settings.get("run.seed", common.base.run.seed))


def _tried(row: Row, version: Version, limit_s: float | None, origin: dict[str, str]) -> Row:
    try:
        origin |= of_world(version.scenario)
        row = row._replace(world=world_of(version.scenario))
        return _done(row, version, limit_s)
    except (ValueError, OSError, InvariantViolation, OutOfTimeError) as error:
        return row._replace(error=VIOLATED * isinstance(error, InvariantViolation) + str(error))
    except MemoryError:
        return row._replace(error="out of memory")


def _done(row: Row, version: Version, limit_s: float | None) -> Row:
    done = run_world(version.scenario, row.replication, on_progress=_watch(limit_s))
    return row._replace(
        digest=f"{done.digest:016x}",
        metrics=done.metrics,
        events=done.events,
        cpu_s=done.cpu_s,
        memory_bytes=done.memory_bytes,
    )


def _watch(limit_s: float | None) -> Any:
    """Return what is told how far a world is, several times a second, and raises OutOfTimeError at its limit."""
    began_s = time.monotonic()

    def check(share: float) -> None:
        if limit_s is not None and time.monotonic() - began_s > limit_s:
            raise OutOfTimeError(f"stopped after {limit_s:g} s, {share:.0%} of its simulated time done")

    return check
