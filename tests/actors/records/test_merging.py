"""Journals of shards, merged a piece at a time: all rows in order, and few held meanwhile."""

import random
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from meterstorm.actors.records.journal import HANDLED, SENT
from meterstorm.actors.records.merging import in_order
from meterstorm.actors.state.events import JOURNAL

SHARDS = 4


def drawn(shard: int, events: int, instants: int, numbers: random.Random) -> Any:
    """What a shard may keep: events at random times, none of another shard's target, and what came of each."""
    rows = np.zeros(0, JOURNAL)
    for time in sorted(numbers.randrange(instants) for _ in range(events)):
        block = np.zeros(1 + numbers.randrange(4), JOURNAL)
        block["what"] = [HANDLED, *[SENT] * (len(block) - 1)]
        block["time"] = [time, *(time + numbers.randrange(99) for _ in block[1:])]  # of a message: its arrival
        block["target"] = shard + SHARDS * numbers.randrange(5)
        block["source"], block["serial"] = numbers.randrange(9), numbers.randrange(1 << 40)
        rows = np.concatenate([rows, block])
    return rows


def cut(rows: Any, numbers: random.Random, longest: int) -> Iterator[Any]:
    while len(rows):
        count = numbers.randrange(1, longest + 1)
        yield rows[:count]
        rows = rows[count:]


def one_by_one(journals: list[Any]) -> list[Any]:
    """The same in words: of the events that shards have next, the first one goes first, with what came of it."""
    blocks: list[list[list[Any]]] = [[] for _ in journals]
    for shard, rows in enumerate(journals):
        for row in rows.tolist():
            if row[-1] == HANDLED:
                blocks[shard].append([])
            blocks[shard][-1].append(row)
    found = []
    while any(blocks):
        first = min((shard for shard in range(len(blocks)) if blocks[shard]), key=lambda k: order(blocks[k][0][0]))
        found += blocks[first].pop(0)
    return found


def order(row: Any) -> tuple[int, ...]:
    named = dict(zip(JOURNAL.names or (), row, strict=True))
    return named["time"], named["target"], named["source"], named["serial"]


@pytest.mark.parametrize("instants", [3, 40, 10**6])  # many events at once, some, hardly any
@pytest.mark.parametrize("longest", [1, 7, 1000])
def test_in_whatever_pieces_they_come_the_order_is_the_total_one(instants: int, longest: int):
    numbers = random.Random(instants + longest)
    journals = [drawn(shard, 80, instants, numbers) for shard in range(SHARDS)]
    journals[2] = journals[2][:0]
    merged = list(in_order([cut(rows, numbers, longest) for rows in journals]))
    assert np.concatenate(merged).tolist() == one_by_one(journals)
    times = [rows[rows["what"] == HANDLED]["time"] for rows in merged]
    assert all(before[-1] < after[0] for before, after in pairwise(times))  # no instant is cut


def test_what_is_held_does_not_grow_with_the_journals():
    numbers, longest = random.Random(5), 20
    fetched = given = held = 0

    def counted(rows: Any) -> Iterator[Any]:
        nonlocal fetched, held
        for piece in cut(rows, numbers, longest):
            fetched += len(piece)
            held = max(held, fetched - given)
            yield piece

    for rows in in_order([counted(drawn(shard, 700, 10**9, numbers)) for shard in range(SHARDS)]):
        given += len(rows)
    assert given == fetched > 6000
    assert held <= 2 * SHARDS * longest


def test_no_journals_have_no_rows():
    assert list(in_order([iter([]), iter([])])) == []
