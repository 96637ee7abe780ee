"""Failover policies in plain Python, against their formulas."""

import math

import numpy as np
import pytest
from meterstorm.policies import OVERLOADED, REFUSED, TIMED_OUT, Link, fail_over, give_up, go_offline, retry
from meterstorm.policies.failover import (
    FAIL_OVER,
    GO_OFFLINE,
    POLICIES,
    RETRY,
    CappedExponential,
    DecorrelatedJitter,
    EachServerOnce,
    EqualJitter,
    FullJitter,
    Immediate,
    Never,
    RetryThenFailover,
    RetryThenGiveUp,
    Sms2Documented,
)

NO_MEMORY = np.zeros(0)


def link(tries_here=1, failures=1, kind=TIMED_OUT):
    return Link(
        now_s=100.0, kind=kind, retry_after_s=0.0, tries_here=tries_here, failures=failures,
        servers_tried=0, servers=4, running=1,
    )  # fmt: skip


def answers(policy, links, u=0.5):
    return [policy.on_failure(view, NO_MEMORY, u) for view in links]


TRIES = [link(tries_here=n) for n in range(1, 6)]
FAILURES = [link(failures=n) for n in range(1, 6)]


def test_immediate_fails_over_whatever_happens():
    links = [*TRIES, link(kind=REFUSED), link(kind=OVERLOADED)]
    assert answers(Immediate(), links) == [fail_over(0.0)] * 7


def test_never_gives_up_whatever_happens():
    assert answers(Never(), [*TRIES, link(kind=REFUSED)]) == [give_up()] * 6


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_retry_then_failover_fails_over_at_the_failure_after_its_retries(retries):
    found = answers(RetryThenFailover(retries, 60.0), TRIES)
    assert found == [retry(60.0)] * retries + [fail_over(0.0)] * (5 - retries)


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_retry_then_give_up_counts_the_failures_of_the_request(retries):
    policy = RetryThenGiveUp(retries, 2.0)
    assert answers(policy, FAILURES) == [retry(2.0)] * retries + [give_up()] * (5 - retries)
    assert answers(policy, [link(tries_here=9, failures=1)]) == [retry(2.0) if retries else give_up()]


def test_each_server_is_asked_once_for_each_request():
    assert answers(EachServerOnce(), FAILURES) == [fail_over(0.0)] * 3 + [give_up()] * 2


def test_sms2_documented_retries_once_after_15_minutes_then_is_offline_for_four_hours():
    assert answers(Sms2Documented(), TRIES[:3]) == [retry(900.0), go_offline(14400.0), go_offline(14400.0)]


@pytest.mark.parametrize(("u", "share"), [(0.0, 1.0), (0.5, 0.8), (1.0, 0.6)])
def test_jitter_of_sms2_shortens_both_waits(u, share):
    policy = Sms2Documented(retries=1, delay_s=100.0, offline_s=1000.0, jitter=0.4)
    found = answers(policy, TRIES[:2], u)
    assert [decision.action for decision in found] == [RETRY, GO_OFFLINE]
    assert [decision.delay_s for decision in found] == pytest.approx([100 * share, 1000 * share])


BACKOFFS = [CappedExponential, EqualJitter, FullJitter, DecorrelatedJitter]


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 6, 60, 2000])
@pytest.mark.parametrize("u", [0.0, 0.25, 0.999])
def test_backoffs_are_shares_of_the_capped_doubled_base(n, u):
    longest = min(60.0, 1.5 * 2.0 ** min(n, 100))
    shares = {CappedExponential: 1.0, EqualJitter: 0.5 + u / 2, FullJitter: u}
    for policy, share in shares.items():
        assert policy(1.5, 60.0).on_failure(link(tries_here=n), NO_MEMORY, u) == retry(share * longest)
    assert CappedExponential(70.0, 60.0).on_failure(link(tries_here=n), NO_MEMORY, u) == retry(60.0)


def test_decorrelated_jitter_follows_its_last_wait():
    policy, memory = DecorrelatedJitter(base_s=2.0, cap_s=10.0), np.zeros(1)
    draws_and_waits = [(0.0, 2.0), (0.5, 4.0), (0.75, 9.5), (0.5, 10.0), (0.25, 9.0), (0.0, 2.0)]
    for u, wait_s in draws_and_waits:
        assert policy.on_failure(link(), memory, u) == retry(wait_s)
    memory[0] = 0.0  # a good answer
    assert policy.on_failure(link(), memory, 0.5) == retry(4.0)


@pytest.mark.parametrize("policy", BACKOFFS)
def test_backoffs_fail_over_after_finite_retries(policy):
    memory = np.array([7.0])
    decisions = [policy(1.0, 60.0, 2.0).on_failure(view, memory, 0.5) for view in TRIES]
    assert [decision.action for decision in decisions] == [RETRY, RETRY, FAIL_OVER, FAIL_OVER, FAIL_OVER]
    assert all(decision.delay_s > 0 for decision in decisions[:2])
    assert decisions[2:] == [fail_over(0.0)] * 3
    assert memory[0] == (0.0 if policy is DecorrelatedJitter else 7.0)
    assert math.isinf(policy().retries)


@pytest.mark.parametrize("policy", BACKOFFS)
@pytest.mark.parametrize("field", ["base_s", "cap_s"])
@pytest.mark.parametrize("value", [0.0, math.inf])
def test_backoffs_refuse_what_is_no_time(policy, field, value):
    with pytest.raises(ValueError, match=f"^{field}: {value} is not allowed; it must be > 0 and finite$"):
        policy(**{field: value}).check()


@pytest.mark.parametrize("name", POLICIES)
def test_delays_are_never_negative(name):
    for u in (0.0, 0.999):
        memory = np.zeros(1)
        assert all(POLICIES[name]().on_failure(view, memory, u).delay_s >= 0 for view in TRIES)
