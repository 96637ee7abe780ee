"""Admission policies in plain Python, against their formulas."""

import pytest
from meterstorm.policies import Arrival, admit, refuse
from meterstorm.policies.admission import Bounded, Fifo, WhileFree


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
