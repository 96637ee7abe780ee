"""Balancing that a shortage begins: its times by hand, and how often it may act."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from meterstorm.actors.records import journal
from meterstorm.actors.shards.simulate import simulate
from meterstorm.actors.state import kinds
from meterstorm.experiments.metrics.metrics import metrics
from meterstorm.experiments.scenario import validate

from support.journaled import rows_of, times
from support.lab import LATENCY, on_bare, recorded
from support.layers import layered
from support.sharded import in_shards

CLIENTS = 4
SITE_SERVER = CLIENTS + 2
# The first of two servers has all four licenses, and all clients ask the second one.
STARVING = {
    "servers": {"count": 2, "split": [1.0, 0.0]},
    "products": [{"name": "editor", "licenses": 4}],
    "clients": {"count": CLIENTS, "assignment": [0.0, 1.0]},
}


def on_shortage(gap_s: float = 50.0, interval_s: float = 0.0) -> dict[str, Any]:
    return {"policies": {"balancing": {"name": "on-shortage", "shortage_gap_s": gap_s, "interval_s": interval_s}}}


def by_hand(folder: Path, launches: list[float], *layers: dict[str, Any]) -> list[dict[str, Any]]:
    """The journal of STARVING, where each launch is another client's, and lasts."""
    each = recorded([(time, client, 1e5) for client, time in enumerate(launches)], folder)
    return rows_of(on_bare(STARVING, on_shortage(), *layers, each))


def test_a_shortage_begins_a_cycle_at_once(tmp_path):
    """Asked at 100 s, denied 0.205 s later; word, question, report, take, taken, give: 5 ms each."""
    rows = by_hand(tmp_path, [100.0, 101.0])
    assert times(rows, kinds.SHORT) == [100.205 + LATENCY]
    assert times(rows, kinds.ASK_REPORT) == [100.205 + 2 * LATENCY] * 2
    assert times(rows, kinds.GIVE) == [100.205 + 6 * LATENCY]
    assert times(rows, kinds.DENY) == [100.205 + LATENCY]
    assert times(rows, kinds.GRANT) == [101.205 + LATENCY]


def test_it_waits_until_the_gap_is_over(tmp_path):
    """No cycle in the first 50 s; the second denial adds no word, and the third launch finds licenses."""
    rows = by_hand(tmp_path, [10.0, 20.0, 51.0])
    assert times(rows, kinds.SHORT) == [10.205 + LATENCY]
    assert times(rows, kinds.ASK_REPORT) == [50.0 + LATENCY] * 2
    assert times(rows, kinds.GRANT) == [51.205 + LATENCY]


def test_the_gap_counts_from_the_latest_cycle_whoever_began_it(tmp_path):
    """The only license goes to the second server at 100.2 s; the first one is short of it at 120.2 s."""
    one = {"products": [{"name": "editor", "licenses": 1}], "clients": {"assignment": [1.0, 1.0]}}
    each = recorded([(100.0, 2, 1e5), (101.0, 3, 1e5), (120.0, 0, 1e5)], tmp_path)
    rows = rows_of(on_bare(STARVING, on_shortage(), one, each))
    assert times(rows, kinds.SHORT) == [100.205 + LATENCY, 120.205 + LATENCY]
    assert times(rows, kinds.ASK_REPORT, target=CLIENTS) == [100.205 + 2 * LATENCY, 150.205 + 2 * LATENCY]
    assert times(rows, kinds.GRANT) == [101.205 + LATENCY]


def test_a_cycle_by_time_comes_an_interval_after_the_latest(tmp_path):
    """By shortage at 100.21 s; by time at 300 s and every 300 s later without it."""
    rows = by_hand(tmp_path, [100.0], on_shortage(interval_s=300.0))
    begun = [100.21 + 300.0 * k for k in range(3)]
    assert times(rows, kinds.ASK_REPORT, target=CLIENTS) == [time + LATENCY for time in begun]
    rows = by_hand(tmp_path, [], on_shortage(interval_s=300.0))
    assert times(rows, kinds.ASK_REPORT, target=CLIENTS) == [300.0 * k + LATENCY for k in (1, 2, 3)]


def test_a_word_that_is_lost_is_said_at_the_next_denial(tmp_path):
    """The server refuses as it would say it; what it has in service it answers."""
    refusing = {"kind": "refusing", "servers": [1], "start_s": 100.1, "duration_s": 0.2}
    rows = by_hand(tmp_path, [100.0, 110.0], {"faults": [refusing]})
    assert times(rows, kinds.SHORT, journal.LOST) == [100.205 + LATENCY]
    assert times(rows, kinds.SHORT) == [110.205 + LATENCY]


def test_what_a_cap_denies_is_no_shortage(tmp_path):
    """All at the second server; the same client asks twice, and may have one."""
    capped = {
        "servers": {"split": [0.0, 1.0]},
        "products": [{"name": "editor", "licenses": 4, "max_per_client": 1}],
        "clients": {"programs": 2},
    }
    twice = recorded([(100.0, 0, 1e5), (110.0, 0, 1e5)], tmp_path)
    rows = rows_of(on_bare(STARVING, on_shortage(), capped, twice))
    assert (len(times(rows, kinds.DENY).expected), len(times(rows, kinds.SHORT).expected)) == (1, 0)


def test_licenses_are_borrowed_before_they_are_short(tmp_path):
    """Three of four in use are 70 %: a word as the third is granted, at 102.205 s; nobody is denied.

    The first server then has 16 and spares what it can, the second one's fifth is there before the fifth launch.
    """
    borrow = {"policies": {"balancing": {"name": "borrow", "shortage_share": 0.7, "shortage_gap_s": 50.0}}}
    halves = {
        "servers": {"split": [4.0, 1.0]},
        "products": [{"name": "editor", "licenses": 20}],
        "clients": {"programs": 2},
    }
    each = recorded([(100.0 + k, k % CLIENTS, 1e5) for k in range(5)], tmp_path)
    rows = rows_of(on_bare(STARVING, borrow, halves, each))
    assert times(rows, kinds.SHORT) == [102.205 + LATENCY]
    assert times(rows, kinds.GIVE) == [102.205 + 6 * LATENCY]
    assert [row["value"] for row in rows if (row["kind"], row["what"]) == (kinds.GIVE, journal.HANDLED)] == [1]
    assert times(rows, kinds.GRANT) == [100.205 + k + LATENCY for k in range(5)]


# About as many licenses as are asked for, but one server of three has nearly all.
SCARCE: dict[str, Any] = {
    "title": "scarce",
    "run": {"duration_s": 1500.0, "warmup_s": 0.0},
    "network": {"latency_ms": 5.0, "jitter_ms": 3.0},
    "servers": {"count": 3, "service_ms": 20.0, "split": [8.0, 1.0, 1.0]},
    "products": [{"name": "editor", "licenses": 20}],
    "clients": {"count": 60, "heartbeat_s": 0.0},
    "workload": {"launch_interval_s": 60.0, "run_time_s": 25.0},
}


def sent(rows: list[dict[str, Any]], kind: int, source: int) -> list[int]:
    """At which instants an agent sent messages of a kind, ns: those of what it handled then."""
    found, now = [], 0
    for row in rows:
        now = row["time"] if row["what"] == journal.HANDLED else now
        if (row["what"], row["kind"], row["source"]) == (journal.SENT, kind, source):
            found.append(now)
    return sorted(set(found))


@pytest.mark.parametrize(("gap_s", "interval_s"), [(2.0, 0.0), (20.0, 0.0), (20.0, 50.0), (300.0, 300.0)])
def test_cycles_are_a_gap_apart_at_least_and_an_interval_at_most(gap_s, interval_s):
    """So are the words of each server, and no cycle begins without one but by time."""
    rows = rows_of(layered(SCARCE, on_shortage(gap_s, interval_s)))
    begun = [0, *sent(rows, kinds.ASK_REPORT, 63)]
    apart = [later - one for one, later in pairwise(begun)]
    assert len(apart) > 3 and min(apart) >= gap_s * 1e9
    assert interval_s == 0 or max(apart) <= interval_s * 1e9
    words = [sent(rows, kinds.SHORT, 60 + s) for s in range(3)]
    assert all(later - one >= gap_s * 1e9 for told in words for one, later in pairwise(told))
    if interval_s == 0:
        assert len(apart) <= sum(map(len, words))


def test_where_one_server_starves_fewer_are_denied():
    """The same users, with no balancing and with that of a shortage; pairs of four seeds."""
    pairs = []
    for policy in ({"policies": {"balancing": {"name": "static"}}}, on_shortage(20.0)):
        scenario = validate(layered(SCARCE, policy, {"run": {"duration_s": 600.0}}))
        pairs.append([metrics(scenario, simulate(scenario, seed))["denial_fraction"] for seed in range(4)])
    assert all(balanced < static for static, balanced in zip(*pairs, strict=True))


@pytest.mark.parametrize("shards", [2, 3])
def test_shards_do_not_matter(shards):
    told = {"policies": {"selection": {"name": "two-choices"}, "denial": {"name": "retry", "servers": 2}}}
    raw = layered(SCARCE, told, {"run": {"duration_s": 300.0}})
    scenario = validate(layered(raw, on_shortage(20.0)))
    alone = simulate(scenario)
    assert alone.digest != simulate(validate(raw)).digest
    assert in_shards(scenario, shards).digest == alone.digest
