"""Balancing by what servers want: published examples, and what makes a share fair."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterstorm.policies import Report
from meterstorm.policies.wants import Borrow, FairShare, ProportionalShare, fair_shares, proportional_shares

SHARES = {"proportional-share": proportional_shares, "fair-share": fair_shares}


def report(allocated, leased, requests, answered=None, reserve=0):
    """Of one product."""
    here = np.array([True] * len(allocated) if answered is None else answered, dtype=bool)
    columns = (np.array(column).reshape(-1, 1) for column in (allocated, leased, requests))
    return Report(here, *columns, np.array([reserve]))


def targets(policy, *told, **more):
    return policy.targets(report(*told, **more)).ravel().tolist()


@pytest.mark.parametrize(
    ("shares", "expected"),
    [(proportional_shares, [69.69072165, 40.309278351, 10]), (fair_shares, [60, 50, 10])],
)
def test_the_example_of_doorman(shares, expected):
    """youtube/doorman, doc/algorithms."""
    assert [float(share) for share in shares(120, [1000, 50, 10])] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("shares", SHARES.values(), ids=SHARES)
@given(st.lists(st.integers(0, 1000), min_size=1, max_size=8).filter(any), st.data())
def test_all_is_shared_and_nobody_gets_more_than_it_wants(shares, wants, data):
    total = data.draw(st.integers(0, sum(wants)))
    found = shares(total, wants)
    assert sum(found) == total
    assert all(0 <= share <= want for share, want in zip(found, wants, strict=True))
    assert all(share >= min(want, Fraction(total, len(wants))) for share, want in zip(found, wants, strict=True))


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=8).filter(any), st.data())
def test_fair_is_that_who_wants_more_gets_no_less_than_anybody(wants, data):
    """Max-min fairness: who does not get all that it wants gets as much as the one that gets most."""
    found = fair_shares(data.draw(st.integers(0, sum(wants))), wants)
    assert all(share == max(found) for share, want in zip(found, wants, strict=True) if share < want)


@given(st.lists(st.integers(0, 1000), min_size=2, max_size=8).filter(any), st.data())
def test_proportional_is_that_all_lack_the_same_share_of_what_they_miss(wants, data):
    total = data.draw(st.integers(0, sum(wants)))
    equal, found = Fraction(total, len(wants)), proportional_shares(total, wants)
    more = [(share - equal) / (want - equal) for share, want in zip(found, wants, strict=True) if want > equal]
    assert len(set(more)) <= 1


@pytest.mark.parametrize(
    ("policy", "expected"), [(ProportionalShare(), [70, 40, 10]), (FairShare(), [60, 50, 10])]
)
def test_licenses_are_whole(policy, expected):
    assert targets(policy, [40, 40, 40], [0, 40, 10], [1000, 10, 0]) == expected


@pytest.mark.parametrize("policy", [ProportionalShare(), FairShare()])
def test_what_doorman_does_not_say(policy):
    assert targets(policy, [10, 10], [0, 0], [8, 4]) == [12, 8]  # the 8 that nobody wants are spread
    assert targets(policy, [15, 5], [0, 0], [0, 0]) == [15, 5]  # nobody wants any
    assert targets(policy, [15, 5], [12, 0], [90, 90]) == [12, 8]  # leased: no less
    assert targets(policy, [5, 5, 7], [0, 0, 0], [8, 8, 9], answered=[1, 1, 0]) == [5, 5, 7]
    assert targets(policy, [2, 3], [0, 0], [8, 0], reserve=5) == [9, 1]


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (([10, 10], [9, 0], [0, 0]), [11, 9]),  # 9 of 11 are below nine tenths
        (([10, 10], [8, 0], [50, 0]), [10, 10]),
        (([10, 10, 10], [10, 4, 0], [0, 0, 0]), [12, 9, 9]),
        (([10, 10], [10, 9], [0, 0]), [10, 10]),  # nobody can spare any
        (([0, 10], [0, 0], [1, 0]), [1, 9]),  # each has one
        (([20, 3, 1], [18, 1, 0], [0, 0, 0]), [21, 2, 1]),
    ],
)
def test_borrowing(told, expected):
    assert targets(Borrow(), *told) == expected


def test_borrowing_takes_what_is_in_reserve_first():
    assert targets(Borrow(), [10, 10], [10, 0], [0, 0], reserve=1) == [12, 9]


@st.composite
def shops(draw):
    rows = draw(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=8))
    return [has + used for has, used in rows], [used for _, used in rows]


@given(shops(), st.integers(1, 20))
def test_no_lender_comes_to_its_threshold(shop, twentieths):
    allocated, leased = shop
    share = Fraction(twentieths, 20)
    found = targets(Borrow(float(share)), allocated, leased, [0] * len(leased))
    assert sum(found) == sum(allocated)
    for has, used, before in zip(found, leased, allocated, strict=True):
        assert has >= before or used < share * has
        assert has <= before or used >= share * (has - 1) or has == 1
