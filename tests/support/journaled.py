"""What happened in a world, row by row of its journal, and when."""

from typing import Any

import pytest
from meterstorm.actors.records import journal
from meterstorm.actors.shards.shard import Shard
from meterstorm.experiments.scenario import validate


def rows_of(raw: dict[str, Any]) -> list[dict[str, Any]]:
    shard = Shard(validate(raw), keep_journal=True)
    shard.run(shard.end)
    rows = shard.world.journal[: shard.world.control[0].journaled]
    return [dict(zip(rows.dtype.names, row, strict=True)) for row in rows.tolist()]


def times(rows: list[dict[str, Any]], kind: int, what: int = journal.HANDLED, target: int | None = None) -> Any:
    """When messages of a kind are handled (or sent), in s."""
    chosen = [row for row in rows if (row["kind"], row["what"]) == (kind, what)]
    return pytest.approx([row["time"] * 1e-9 for row in chosen if target in (None, row["target"])], abs=1e-9)
