"""Admission policies in plain Python, against their formulas."""

import math

import numpy as np
import pytest
from meterstorm.policies import Arrival, admit, refuse
from meterstorm.policies.admission import Bounded, Fifo, Learning, WhileFree, ask
from meterstorm.policies.registry import resolve

from support.one_server import Server


def arrival(waiting, busy=1, free=0):
    return Arrival(now_s=5.0, waiting=waiting, busy=busy, free=free)


def test_fifo_admits_everyone():
    assert all(Fifo().on_request(arrival(waiting), 0.5) == admit() for waiting in (0, 1, 10**6))


@pytest.mark.parametrize(
    ("waiting", "busy", "expected"),
    [(0, 1, admit()), (2, 1, admit()), (3, 1, refuse(7.0)), (4, 1, refuse(7.0)), (3, 0, admit())],
)
def test_bounded_refuses_the_request_that_finds_its_limit_waiting(waiting, busy, expected):
    assert Bounded(limit=3, retry_after_s=7.0).on_request(arrival(waiting, busy), 0.5) == expected


def test_a_limit_of_0_lets_nobody_wait():
    policy = Bounded(limit=0)
    assert policy.on_request(arrival(0, busy=0), 0.5) == admit()
    assert policy.on_request(arrival(0, busy=1), 0.5) == refuse(0.0)


@pytest.mark.parametrize(("free", "expected"), [(0, refuse(0.0)), (1, admit()), (7, admit())])
def test_while_free_refuses_where_no_license_is(free, expected):
    assert WhileFree().on_request(arrival(0, free=free), 0.5) == expected


@pytest.mark.parametrize(
    ("up_s", "has_lease", "expected"),
    [
        (math.inf, 0, admit()),
        (0.0, 0, refuse(300.0)),
        (0.0, 1, admit()),
        (299.0, 0, refuse(1.0)),
        (299.0, 1, admit()),
        (300.0, 0, admit()),
    ],
)
def test_a_server_that_learns_lets_in_who_has_a_lease(up_s, has_lease, expected):
    asked = arrival(0)._replace(up_s=up_s, has_lease=has_lease)
    assert Learning(hints=1).on_request(asked, 0.5) == expected
    assert Learning().on_request(asked, 0.5) == expected._replace(retry_after_s=0.0)


def test_codel_keeps_a_queue_that_stands_short_and_the_server_busy():
    """At twice what the server can do nobody waits over the interval, and then nobody over the target."""
    server = Server("codel", service_s=0.001)
    server.gets(np.arange(0.0, 4.0, 0.0005))
    assert max(server.waits) <= 0.1
    assert max(server.waits[400:-400]) <= 0.005
    assert len(server.waits) == pytest.approx(4000, rel=0.02)


def test_codel_lets_a_burst_pass():
    """What arrives at once, at an empty server, may wait for the whole interval."""
    server = Server("codel", service_s=0.001)
    server.gets(k * 1.0 + i * 1e-9 for k in range(9) for i in range(150))
    assert len(server.waits) == 9 * 101  # one begins at once, and a hundred within 100 ms
    assert server.turned_away == 9 * 49


@pytest.mark.parametrize(("per_s", "burst"), [(10.0, 10), (3.0, 5), (0.5, 40)])
def test_a_rate_limit_is_met_and_never_exceeded(per_s, burst):
    """Any window of t seconds has at most burst + per_s t; where more is asked for, all of them come to that."""
    policy, memory = resolve("admission", "rate-limit", {"per_s": per_s, "burst": burst}), np.zeros(2)
    times = np.cumsum(np.random.default_rng(1).exponential(0.2 / per_s, 5000))
    taken = np.array([t for t in times if ask(policy, arrival(0)._replace(now_s=t), memory, 0.5) == admit()])
    counts = np.arange(len(taken))
    ahead = counts - per_s * taken
    assert (counts[-1] + 1) == pytest.approx(burst + per_s * times[-1], rel=0.01)
    assert (ahead - np.minimum.accumulate(ahead)).max() + 1 <= burst + 1e-6


def test_who_is_turned_away_by_a_rate_limit_is_told_when_the_next_token_comes():
    policy, memory = resolve("admission", "rate-limit", {"per_s": 0.25, "burst": 1, "hints": 1}), np.zeros(2)
    found = [ask(policy, arrival(0)._replace(now_s=now_s), memory, 0.5) for now_s in (100.0, 101.0, 103.0, 104.0)]
    assert found == [admit(), refuse(3.0), refuse(1.0), admit()]
