"""Sums of two words: exact, whatever their size, and for any placement; and no other sum can outgrow its word."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterstorm.actors.records import ledger, sums
from meterstorm.actors.setup.scenario import ns
from meterstorm.actors.state import control, counters, servers
from meterstorm.actors.state.sums import LOW_BITS, SUM
from meterstorm.experiments.scenario.values import VALUE_MAX

AMOUNTS = st.lists(st.integers(-(2**62), 2**62), max_size=50)


def summed(amounts):
    rows = np.zeros(1, SUM).view(np.recarray)
    for amount in amounts:
        sums.add(rows[0], np.int64(amount))
    return rows


@given(AMOUNTS)
def test_a_sum_is_exact(amounts):
    rows = summed(amounts)
    assert sums.value(rows[0]) == sums.total(rows) == sum(amounts)
    assert 0 <= rows[0].low < 2**LOW_BITS
    assert sums.values(rows)[0] == pytest.approx(float(sum(amounts)), rel=1e-15, abs=1e-15 * 2**LOW_BITS)


@given(st.lists(AMOUNTS, min_size=1, max_size=5))
def test_shards_add_up(parts):
    merged = sums.merged([summed(part) for part in parts])
    assert sums.value(merged[0]) == sum(map(sum, parts))


@given(st.lists(st.tuples(st.integers(0, 2**51), st.integers(0, 2**51)), max_size=20), st.integers(0, 2**35))
def test_an_area_is_the_sum_of_its_spans(spans, still):
    """Spans in us; and so many things that last from 0 to the end."""
    rows = summed([instant for start, length in spans for instant in (-start, start + length)])
    end_us = 2**51
    assert ledger.area_us(rows[0], still, end_us) == sum(length for _, length in spans) + still * end_us


# What else is added up is counted one at a time, or does not add up over clients: by arithmetic for 10^8 clients
# with 32 programs each, over thirty years. At 10^9 events a second, EVENTS take ten years.

CLIENTS, YEARS = 10**8, 30
SLOTS, SPAN_NS = 32 * CLIENTS, YEARS * 366 * 24 * 3600 * 10**9
SPAN_US = SPAN_NS // 1000
EVENTS = 10 * 366 * 24 * 3600 * 10**9
LICENSES = int(VALUE_MAX)

STATES = {"waiting", "unmetered", "unanswered", "leased", "ghosts", "orphans", "hit"}
LINKS = {"away", "retrying", "searching", "offline", "down"}
MOST_OF_A_SUM = {
    **dict.fromkeys(STATES, SLOTS),
    **dict.fromkeys(["events", "wait_count", "queue_count"], EVENTS),
    **dict.fromkeys(LINKS, CLIENTS),
    "connected": CLIENTS,
    "unbalanced": CLIENTS,  # servers: more than clients would be idle
}
MOST_OF_A_SERVER = {
    "busy_area": SPAN_US,  # it serves one message at a time
    "second_end": SPAN_NS,
    **dict.fromkeys(["clients"], CLIENTS),
}
MOST_OF_A_PRODUCT = {
    "distance": 2 * LICENSES * CLIENTS,  # each license is somewhere, and so is each client
    "distance_since": SPAN_NS,
}


def test_every_sum_of_the_control_row_fits():
    summed_up = {field.name for field in control.FIELDS if field.merge == control.SUM}
    assert summed_up == set(MOST_OF_A_SUM)
    assert all(most < 2**63 for most in MOST_OF_A_SUM.values())


@pytest.mark.parametrize(
    ("row", "most"), [(servers.SERVER, MOST_OF_A_SERVER), (servers.PRODUCT, MOST_OF_A_PRODUCT)]
)
def test_every_column_of_a_server_fits(row, most):
    """Columns that are not listed count events, or are numbers of things; both fit into eight bytes."""
    for name in row.names:
        bits = 8 * row[name].itemsize - (row[name].kind == "i")
        assert row[name].kind == "f" or most.get(name, 0) < 2**bits
    assert all(row[name].itemsize == 8 for name in most)


def test_counts_and_states_of_a_sample_fit():
    assert max(EVENTS, SLOTS) < 2**63
    states = STATES - {"orphans", "hit"} | LINKS | {"connected", "all others"}
    assert counters.STATES_FROM + len(states) == counters.COLUMNS, "a column that is neither"


def test_two_words_hold_any_sum_of_times():
    """Every slot's user waits all the time; and so do a thousand requests of every client, at servers."""
    most = max(SLOTS * SPAN_NS, 1000 * CLIENTS * SPAN_NS)
    assert most >= 2**63, "one word would do"
    assert most < 2 ** (63 + LOW_BITS)
    assert 2 * ns(VALUE_MAX) + 2**LOW_BITS < 2**62, "a single time may be added"
