"""Denial policies in plain Python, against their formulas."""

import math

import pytest
from meterstorm.policies import Denied, ask_again, ask_next, await_callback, give_up
from meterstorm.policies.denial import BackoffRetry, Callback, ConstantRetry, GiveUp, Retry

PATIENT = [Retry, ConstantRetry, BackoffRetry]


def denied(tries=1, waited_s=0.0, servers_asked=1, servers=3, pause=1.0, ran=0):
    return Denied(5.0, waited_s, pause, tries, servers_asked, servers, ran)


def test_who_gives_up_does_so_at_the_first_denial():
    assert GiveUp().on_denial(denied(), 0.5) == give_up()


def test_a_wait_takes_time():
    assert Retry(delay_s=8.0).on_denial(denied(pause=0.0), 0.5).delay_s > 0


@pytest.mark.parametrize("pause", [0.25, 3.0])
def test_retry_waits_an_exponential_time(pause):
    assert Retry(delay_s=8.0).on_denial(denied(tries=9, pause=pause), 0.5) == ask_again(8.0 * pause)


@pytest.mark.parametrize(
    ("jitter", "u", "delay_s"), [(0.0, 0.9, 8.0), (0.5, 0.0, 8.0), (0.5, 0.5, 6.0), (1.0, 0.75, 2.0)]
)
def test_jitter_is_a_share_of_the_delay(jitter, u, delay_s):
    assert ConstantRetry(delay_s=8.0, jitter=jitter).on_denial(denied(tries=9), u) == ask_again(delay_s)
    assert BackoffRetry(base_s=8.0, jitter=jitter).on_denial(denied(), u) == ask_again(delay_s)


@pytest.mark.parametrize(("tries", "delay_s"), [(1, 3.0), (2, 6.0), (3, 12.0), (4, 20.0), (10**6, 20.0)])
def test_backoff_doubles_up_to_its_cap(tries, delay_s):
    assert BackoffRetry(base_s=3.0, cap_s=20.0).on_denial(denied(tries=tries), 0.5) == ask_again(delay_s)


@pytest.mark.parametrize("policy", PATIENT)
@pytest.mark.parametrize("tries", [1, 4])
def test_the_last_try_is_the_last(policy, tries):
    last = policy(tries=tries).on_denial(denied(tries=tries), 0.0)
    assert last == give_up()
    assert policy(tries=tries + 1).on_denial(denied(tries=tries), 0.0) != give_up()


@pytest.mark.parametrize("policy", PATIENT)
def test_a_wait_ends_with_patience(policy):
    """And the try at its end is the last one, also where rounding leaves it a little short."""
    patient = policy(patience_s=10.0)
    assert patient.on_denial(denied(waited_s=9.0), 0.0) == ask_again(1.0)
    assert patient.on_denial(denied(waited_s=math.nextafter(10.0, 0.0)), 0.0) == give_up()
    assert patient.on_denial(denied(waited_s=11.0), 0.0) == give_up()


@pytest.mark.parametrize("policy", [GiveUp, *PATIENT])
@pytest.mark.parametrize(("servers", "asked"), [(1, 1), (2, 2), (3, 3), (9, 3), (math.inf, 3)])
def test_so_many_servers_are_asked_in_a_row(policy, servers, asked):
    """As many as there are, where there are fewer; patience and tries do not matter before the user is told."""
    chosen = policy(servers=servers)
    answers = [chosen.on_denial(denied(servers_asked=n, tries=10**9, waited_s=1e9), 0.0) for n in range(1, 5)]
    assert [answer == ask_next() for answer in answers] == [n < asked for n in range(1, 5)]


@pytest.mark.parametrize("policy", [GiveUp, *PATIENT])
def test_whose_program_ends_is_told(policy):
    assert policy(servers=3).on_denial(denied(ran=1), 0.0) == policy(servers=1).on_denial(denied(ran=1), 0.0)


@pytest.mark.parametrize("poll_s", [0.0, 30.0])
def test_a_callback_is_awaited_for_ever(poll_s):
    assert Callback(poll_s).on_denial(denied(tries=10**9, waited_s=1e9), 0.5) == await_callback(poll_s)
    assert Callback().is_called_back
