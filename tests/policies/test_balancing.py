"""Balancing policies and how licenses are shared out."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterstorm.policies import Report
from meterstorm.policies.balancing import (
    POLICIES,
    OnShortage,
    PeriodicDemand,
    SharedPool,
    Standby,
    Static,
    share_out,
)


def shared(total, weights, floors=None):
    return share_out(total, np.array(weights), None if floors is None else np.array(floors))


@pytest.mark.parametrize(
    ("total", "weights", "floors", "expected"),
    [
        (100, [1, 1, 1, 1], None, [25, 25, 25, 25]),
        (10, [1, 1, 1], None, [4, 3, 3]),  # a tie goes to the first
        (3, [1.0, 1.0, 2.5], None, [1, 1, 1]),  # 2/3 2/3 5/3: a tie though binary fractions are rounded
        (10, [0, 0, 0], None, [4, 3, 3]),  # no weights: evenly
        (7, [5, 3, 1], None, [4, 2, 1]),  # 3.89 2.33 0.78
        (10, [6, 4, 0], None, [6, 4, 0]),
        (10, [9, 1], [0, 5], [5, 5]),
        (12, [6, 3, 1], [0, 0, 6], [4, 2, 6]),
        (12, [6, 5, 1], [0, 5, 6], [1, 5, 6]),  # a floor may push another below its own
        (9, [1, 1], [4, 5], [4, 5]),
        (0, [1, 2], None, [0, 0]),
    ],
)
def test_share_out(total, weights, floors, expected):
    assert shared(total, weights, floors) == expected


@st.composite
def tasks(draw):
    rows = draw(st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 200)), min_size=1, max_size=8))
    weights, floors = zip(*rows, strict=True)
    return sum(floors) + draw(st.integers(0, 2000)), list(weights), list(floors)


@given(tasks())
def test_all_is_shared_out_and_nobody_is_below_their_floor(task):
    total, weights, floors = task
    found = shared(total, weights, floors)
    assert sum(found) == total
    assert all(share >= floor for share, floor in zip(found, floors, strict=True))


@given(tasks())
def test_above_the_floors_shares_are_proportional_within_one(task):
    total, weights, floors = task
    found = shared(total, weights, floors)
    weights = weights if any(weights) else [1] * len(weights)
    for mine, weight, floor in zip(found, weights, floors, strict=True):
        if mine > floor:
            for other, its_weight in zip(found, weights, strict=True):
                assert (mine - 1) * its_weight <= (other + 1) * weight


@given(st.integers(0, 5000), st.lists(st.integers(0, 1000), min_size=1, max_size=8).filter(any))
def test_without_floors_the_largest_remainders_get_one_more(total, weights):
    found = shared(total, weights)
    quotas = [Fraction(total * weight, sum(weights)) for weight in weights]
    extra = [share - quota.__floor__() for share, quota in zip(found, quotas, strict=True)]
    remainders = [quota - quota.__floor__() for quota in quotas]
    assert set(extra) <= {0, 1}
    lucky = [r for r, more in zip(remainders, extra, strict=True) if more]
    others = [r for r, more in zip(remainders, extra, strict=True) if not more]
    if lucky and others:
        assert min(lucky) >= max(others) - Fraction(1, 10**9)  # floats order remainders that nearly tie


# Policies


def report(allocated, leased, requests, answered=None, reserve=None):
    count, products = np.array(allocated).shape
    return Report(
        np.array([True] * count if answered is None else answered),
        np.array(allocated),
        np.array(leased),
        np.array(requests),
        np.array([0] * products if reserve is None else reserve),
    )


@pytest.mark.parametrize("cls", [Static, SharedPool])
def test_static_and_shared_pool_move_nothing(cls):
    view = report([[5, 1], [3, 9]], [[0, 0], [0, 0]], [[9, 9], [0, 0]])
    assert cls().targets(view).tolist() == [[5, 1], [3, 9]]
    assert cls().interval_s == 0
    assert getattr(cls(), "is_shared", False) is (cls is SharedPool)


@pytest.mark.parametrize(
    ("view", "expected"),
    [
        (report([[10], [10]], [[0], [0]], [[3], [1]]), [[15], [5]]),
        (report([[10], [10]], [[0], [8]], [[3], [1]]), [[12], [8]]),  # no less than is leased out
        (report([[10], [6]], [[0], [0]], [[0], [0]]), [[10], [6]]),  # nobody asked
        (report([[10], [10], [7]], [[0], [0], [0]], [[3], [1], [9]], [1, 1, 0]), [[15], [5], [7]]),
        (report([[10], [10]], [[0], [0]], [[3], [1]], reserve=[4]), [[18], [6]]),
        (report([[4, 6], [4, 0]], [[0, 0], [0, 0]], [[1, 1], [3, 1]]), [[2, 3], [6, 3]]),  # each product
    ],
)
def test_periodic_demand(view, expected):
    view = view._replace(answered=view.answered.astype(bool))
    before = view.allocated.copy()
    assert PeriodicDemand().targets(view).tolist() == expected
    assert (view.allocated == before).all()


@pytest.mark.parametrize(
    ("view", "expected"),
    [
        (report([[10], [10]], [[3], [0]], [[0], [1]]), [[15], [5]]),  # what is leased counts as asked for
        (report([[10], [10]], [[0], [8]], [[3], [1]]), [[5], [15]]),
        (report([[2], [10]], [[2], [9]], [[0], [1]]), [[2], [10]]),  # no less than is leased out
        (report([[10], [6]], [[0], [0]], [[0], [0]]), [[10], [6]]),  # nobody asked
        (report([[10], [10], [7]], [[0], [0], [0]], [[3], [1], [9]], [1, 1, 0]), [[15], [5], [7]]),
        (report([[10], [10]], [[0], [0]], [[3], [1]], reserve=[4]), [[18], [6]]),
    ],
)
def test_on_shortage(view, expected):
    view = view._replace(answered=view.answered.astype(bool))
    assert OnShortage().targets(view).tolist() == expected


@pytest.mark.parametrize("interval_s", [0.0, 1e-10, 1e10, float("inf"), float("nan")])
def test_periodic_demand_needs_an_interval_of_the_model(interval_s):
    with pytest.raises(ValueError, match=r"interval_s: .* is not allowed; it must be >= 1e-09 and <= 1e\+09"):
        PeriodicDemand(interval_s).check()


def test_every_policy_has_an_interval():
    assert all(cls().interval_s >= 0 for cls in POLICIES.values())


def test_the_first_that_answers_has_all():
    """Of the reserve, too; who does not answer keeps what it has."""
    allocated = np.array([[5, 0], [3, 1], [0, 2]])
    report = Report(np.array([False, True, True]), allocated, allocated, allocated, np.array([4, 0]))
    assert Standby().targets(report).tolist() == [[5, 0], [7, 3], [0, 0]]
    assert Standby().targets(report._replace(answered=np.zeros(3, bool))).tolist() == allocated.tolist()
