"""The exact oracle, by hand and by theory: Erlang B, M/M/c, peaks."""

import math
from random import Random

import numpy as np
import pytest
from meterstorm.experiments.whatif.demand import Launch
from meterstorm.experiments.whatif.oracle import CALLBACK, GIVE_UP, RETRY, Rules, constant, replay
from scipy import stats

from support import laws

INF = math.inf


def launch(time_s, hold_s=100.0, user="a", count=1):
    return Launch(user, count, (time_s,), hold_s, True)


def granted(launches, rules):
    return [fate.granted_s for fate in replay(launches, rules)[0]]


@pytest.mark.parametrize("users", [3, 10])
def test_the_peak_is_enough_and_one_less_denies_one(users):
    at_once = [launch(float(n), 1000.0, f"u{n}") for n in range(users)]
    apart = [launch(2000.0 + 500.0 * n, 100.0) for n in range(users)]
    for missing in range(users):
        fates, most = replay([*at_once, *apart], Rules(constant(users - missing), GIVE_UP))
        assert (sum(fate.denials for fate in fates), most) == (missing, users - missing)


def poisson(random, rate, mean_s, count):
    time, found = 0.0, []
    for n in range(count):
        time += random.expovariate(rate)
        found.append(launch(time, random.expovariate(1 / mean_s), f"u{n}"))
    return found


@pytest.mark.parametrize("licenses", [2, 5, 9])
def test_denials_of_users_who_give_up_follow_erlang_b(licenses):
    launches, batches = poisson(Random(1), 0.05, 100.0, 40_000), 40
    denied = np.array([fate.denials for fate in replay(launches, Rules(constant(licenses), GIVE_UP))[0]])
    shares = denied.reshape(batches, -1).mean(axis=1)
    width = stats.t.ppf(0.9995, batches - 1) * shares.std(ddof=1) / math.sqrt(batches)
    expected = laws.erlang_b(licenses, 5.0)
    assert width < 0.2 * expected
    assert shares.mean() == pytest.approx(expected, abs=width)


def test_waits_of_users_who_are_called_back_follow_erlang_c():
    licenses, load, mean_s = 6, 4.0, 100.0
    launches, batches = poisson(Random(2), load / mean_s, mean_s, 40_000), 40
    fates = replay(launches, Rules(constant(licenses), CALLBACK))[0]
    waits = np.array([fate.granted_s - one.attempts_s[0] for fate, one in zip(fates, launches, strict=True)])
    expected = laws.erlang_c(licenses, load) * mean_s / (licenses - load)
    means = waits.reshape(batches, -1).mean(axis=1)
    width = stats.t.ppf(0.9995, batches - 1) * means.std(ddof=1) / math.sqrt(batches)
    assert width < 0.3 * expected
    assert means.mean() == pytest.approx(expected, abs=width)


def test_users_who_poll_ask_until_their_patience_ends():
    row = [launch(0.0, 100.0, "a"), launch(10.0, 5.0, "b")]
    for patience_s, expected in [(INF, 130.0), (95.0, 105.0), (90.0, 100.0), (80.0, INF)]:
        rules = Rules(constant(1), RETRY, delay_s=40.0, patience_s=patience_s)
        assert granted(row, rules) == [0.0, expected]


def test_users_are_called_back_in_order_and_nobody_before_one_who_waits_for_more():
    row = [launch(0.0, 100.0, "a"), launch(0.5, 200.0, "b"), launch(1.0, 10.0, "c", 2), launch(2.0, 10.0, "d")]
    assert granted(row, Rules(constant(2), CALLBACK)) == [0.0, 0.5, 200.5, 210.5]


def test_a_license_that_comes_back_at_an_instant_can_be_had_then():
    assert granted([launch(0.0), launch(100.0, user="b")], Rules(constant(1), GIVE_UP)) == [0.0, 100.0]


def test_sessions_end_at_the_time_out():
    row = [launch(0.0, 100.0), launch(30.0, user="b"), launch(40.0, user="c")]
    assert granted(row, Rules(constant(1), GIVE_UP, timeout_s=30.0)) == [0.0, 30.0, INF]


def test_a_cap_is_a_user_s():
    row = [launch(0.0), launch(1.0), launch(2.0), launch(3.0, user="b"), launch(100.0)]
    assert granted(row, Rules(constant(10), GIVE_UP, cap=2)) == [0.0, 1.0, INF, 3.0, 100.0]


def test_licenses_change_with_time():
    row = [launch(float(time), 15.0, f"u{time}") for time in (0, 1, 20, 21, 40)]
    assert granted(row, Rules([(0.0, 1), (20.0, 2), (39.0, 0)], GIVE_UP)) == [0.0, INF, 20.0, 21.0, INF]


def test_licenses_of_a_launch_are_granted_all_or_none():
    row = [launch(0.0, count=3), launch(1.0, count=2, user="b"), launch(2.0, count=1, user="c")]
    assert granted(row, Rules(constant(4), GIVE_UP)) == [0.0, INF, 2.0]
