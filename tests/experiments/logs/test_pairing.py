"""Checkins that name no handle: which checkouts they end, and what is in use."""

from collections import Counter
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from meterstorm.experiments.logs.pairing import Pairs, pair

STEPS = st.lists(
    st.tuples(st.sampled_from(["out", "in", "denied"]), st.sampled_from(["ann", "bob"]), st.integers(1, 4)),
    max_size=40,
)


def events(steps: list[tuple[str, str, int]], handles: list[int | None] | None = None) -> dict[str, list[Any]]:
    """One event a second, of one product, after the server's start."""
    kinds = ["start", *(kind for kind, _, _ in steps)]
    size = len(kinds)
    return {
        "time_s": [float(k) for k in range(size)],
        "kind": kinds,
        "server": ["s"] * size,
        "product": [None] + ["p"] * (size - 1),
        "user": [None, *(user for _, user, _ in steps)],
        "host": [None] + ["h"] * (size - 1),
        "count": [1, *(count for _, _, count in steps)],
        "detail": [None] * size,
        "handle": [None, *(handles or [None] * (size - 1))],
    }


def spans(pairs: Pairs) -> list[tuple[int, float | None, int]]:
    return [(session.row, session.end_s, session.licenses) for session in pairs.sessions]


def test_the_oldest_is_ended_first():
    steps = [("out", "ann", 1), ("out", "ann", 1), ("in", "ann", 1)]
    assert spans(pair(events(steps), {})) == [(1, 3.0, 1), (2, None, 1)]


def test_one_of_the_same_count_is_ended_before_older_ones():
    steps = [("out", "ann", 1), ("out", "ann", 3), ("in", "ann", 3), ("in", "ann", 1)]
    assert spans(pair(events(steps), {})) == [(1, 4.0, 1), (2, 3.0, 3)]


def test_another_count_ends_as_many_licenses():
    steps = [("out", "ann", 2), ("out", "ann", 2), ("in", "ann", 3)]
    assert spans(pair(events(steps), {})) == [(1, 3.0, 2), (2, 3.0, 1), (2, None, 1)]


def test_a_handle_tells_which_one():
    steps = [("out", "ann", 1), ("out", "ann", 1), ("in", "ann", 1)]
    assert spans(pair(events(steps, [7, 8, 8]), {})) == [(1, None, 1), (2, 3.0, 1)]


def test_what_was_out_when_the_log_began_is_in_use_until_it_is_back():
    made = events([("denied", "bob", 1), ("in", "ann", 2), ("denied", "bob", 1)])
    made = {name: cells[1:] for name, cells in made.items()}
    found = pair(made, {})
    assert found.in_use.tolist() == [2, 2, 0]
    assert (found.alone, found.held_before, found.sessions) == (1, 1, [])


def test_a_checkin_after_the_start_of_what_was_not_out_is_of_no_account():
    found = pair(events([("in", "ann", 2), ("denied", "bob", 1)]), {})
    assert found.in_use.tolist() == [0, 0, 0]
    assert (found.alone, found.held_before) == (1, 0)


@given(STEPS)
def test_what_came_back_without_a_checkout_was_in_use_before(steps: list[tuple[str, str, int]]):
    """In a log that begins amid its server's life; recounted checkin by checkin."""
    made = {name: cells[1:] for name, cells in events(steps).items()}
    held: Counter[str] = Counter()
    expected = []
    for row, (kind, user, count) in enumerate(steps):
        expected.append(sum(held.values()))
        if kind == "out":
            held[user] += count
        elif held[user]:
            held[user] -= min(count, held[user]) if kind == "in" else 0
        elif kind == "in":
            expected = [licenses + count for licenses in expected[: row + 1]]
    assert pair(made, {}).in_use.tolist() == expected


@given(STEPS)
def test_licenses_in_use_are_those_out_less_those_back(steps: list[tuple[str, str, int]]):
    """By user: nobody gives back more than they have."""
    held: Counter[str] = Counter()
    expected = [0]
    for kind, user, count in steps:
        expected.append(sum(held.values()))
        if kind == "out":
            held[user] += count
        elif kind == "in":
            held[user] -= min(count, held[user])
    assert pair(events(steps), {}).in_use.tolist() == expected


@given(STEPS)
def test_sessions_have_all_licenses_that_were_out(steps: list[tuple[str, str, int]]):
    found = pair(events(steps), {})
    taken: Counter[int] = Counter()
    for session in found.sessions:
        taken[session.row] += session.licenses
    outs = {row: count for row, (kind, _, count) in enumerate(steps, 1) if kind == "out"}
    assert dict(taken) == outs


def test_nothing_is_nothing(tmp_path: Path):
    empty = {name: [] for name in events([])}
    assert pair(empty, {}).sessions == []
