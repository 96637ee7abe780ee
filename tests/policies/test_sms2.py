"""SMS 2.0's builds as failover policies: in plain Python against their articles, and compiled against plain."""

import math
import struct

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from meterstorm.actors.compiled.policies import compile_policy
from meterstorm.policies import OVERLOADED, REFUSED, RESET, TIMED_OUT, Link, fail_over, go_offline, retry
from meterstorm.policies.failover import GO_OFFLINE, RETRY, Immediate
from meterstorm.policies.registry import resolve
from meterstorm.policies.sms2 import POLICIES, OneServer, PipeBusy, PollFirst

KINDS = (TIMED_OUT, REFUSED, OVERLOADED, RESET)
HOUR, MINUTE = 3600.0, 60.0


def link(now_s=100.0, tries_here=1, kind=TIMED_OUT):
    return Link(
        now_s=now_s, kind=kind, retry_after_s=0.0, tries_here=tries_here, failures=tries_here,
        servers_tried=0, servers=2, running=1,
    )  # fmt: skip


def fresh(policy):
    return np.zeros(getattr(policy, "memory_size", 0))


# Q212894


@pytest.mark.parametrize("u", [0.0, 0.25, 0.999])
def test_one_server_is_all_a_client_knows_until_its_cycle(u):
    policy = OneServer(cycle_s=23 * HOUR, delay_s=60.0)
    memory, began, cycle = fresh(policy), 5 * HOUR, 5 * HOUR + u * 23 * HOUR
    for n, now_s in enumerate(np.arange(began, began + 24 * HOUR, 105.0), 1):
        expected = retry(60.0) if now_s < cycle else fail_over()
        # Later draws change nothing: the client's cycle comes when it comes.
        assert policy.on_failure(link(now_s, n), memory, u if n == 1 else 0.5) == expected


def test_a_client_just_restarted_knows_them_all():
    policy = OneServer(cycle_s=0.0)
    assert policy.on_failure(link(), fresh(policy), 0.7) == fail_over()


# Q235153


def life(policy, u, seconds, timeout_s=45.0):
    """What a client that never reaches its server decides: [(time, decision)]."""
    memory, now_s, tries, found = fresh(policy), 1000.0, 0, []
    while now_s < 1000.0 + seconds:
        tries += 1
        decision = policy.on_failure(link(now_s, tries), memory, u if not found else 0.5)
        found.append((now_s, decision))
        now_s += decision.delay_s + timeout_s
    return found


@given(st.floats(0, 1, exclude_max=True), st.floats(1, 3), st.integers(1, 100))
def test_a_delay_as_long_as_the_polling_interval_never_retries(u, factor, retries):
    policy = PollFirst(retries=retries, delay_s=factor * 4 * HOUR, polling_s=4 * HOUR)
    assert {decision.action for _, decision in life(policy, u, 30 * HOUR)} == {GO_OFFLINE}


@given(st.floats(0.001, 0.999))
def test_offline_ends_with_the_poll_and_polls_keep_their_time(u):
    found = life(PollFirst(), u, 30 * HOUR)
    polls = [now_s + decision.delay_s for now_s, decision in found]
    assert polls == pytest.approx([1000.0 + (u + k) * 4 * HOUR for k in range(len(polls))])


def test_the_articles_example_retries_every_hour_between_polls():
    policy = PollFirst(retries=5, delay_s=60 * MINUTE, polling_s=240 * MINUTE)
    found = life(policy, 0.9, 8 * HOUR, timeout_s=0.0)
    hours = [(now_s - 1000.0) / HOUR for now_s, _ in found]
    # The first poll is 3.6 h away: three retries, then it comes first; it is the fifth failure, then a last retry.
    assert [decision.action for _, decision in found] == [RETRY] * 3 + [GO_OFFLINE, RETRY] + [GO_OFFLINE] * 2
    assert hours == pytest.approx([0, 1, 2, 3, 3.6, 4.6, 7.6])


@pytest.mark.parametrize("polling_s", [1e-300, 1e-9, 0.3])
def test_the_next_poll_is_at_most_a_cycle_away_however_many_have_passed(polling_s):
    policy = PollFirst(retries=0, polling_s=polling_s)
    memory = fresh(policy)
    for now_s in (1.0, 1e9):
        action, pause_s = policy.on_failure(link(now_s), memory, 0.5)
        assert action == GO_OFFLINE
        assert 0 <= pause_s <= polling_s + now_s * 2**-52


def test_a_poll_at_the_very_moment_of_the_retry_comes_first():
    policy = PollFirst(retries=1, delay_s=HOUR, polling_s=4 * HOUR)
    assert policy.on_failure(link(0.0), fresh(policy), 0.25) == go_offline(HOUR)


# Q245228


def test_a_busy_pipe_is_tried_again_fifteen_times_on_the_spot():
    found = [
        PipeBusy().on_failure(link(tries_here=n, kind=OVERLOADED), fresh(PipeBusy()), 0.5) for n in range(1, 20)
    ]
    assert found == [retry(0.0)] * 15 + [fail_over()] * 4


@pytest.mark.parametrize("kind", [TIMED_OUT, REFUSED, RESET])
def test_whatever_else_fails_is_as_shipped(kind):
    here = link(kind=kind)
    assert PipeBusy().on_failure(here, fresh(PipeBusy()), 0.5) == Immediate().on_failure(
        here, fresh(PipeBusy()), 0.5
    )


def test_retries_and_pause_can_be_set_as_in_the_registry():
    policy = resolve("failover", "sms2-pipe-busy", {"pipe_retries": 2, "pipe_retry_interval_s": 0.5})
    found = [policy.on_failure(link(tries_here=n, kind=OVERLOADED), fresh(policy), 0.5) for n in (1, 2, 3)]
    assert found == [retry(0.5), retry(0.5), fail_over()]


# All


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("sms2-one-server", {"cycle_s": math.inf}, "cycle_s: inf is not allowed; it must be finite"),
        ("sms2-poll-first", {"polling_s": 0}, "polling_s: 0.0 is not allowed; it must be > 0 and finite"),
        ("sms2-poll-first", {"polling_s": math.inf}, "polling_s: inf is not allowed; it must be > 0 and finite"),
    ],
)
def test_impossible_parameters(name, parameters, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        resolve("failover", name, parameters)


@numba.njit
def ask(function, parameters, view, memory, u):
    return function(parameters, view, memory, u)


def bits(decision):
    return decision[0], struct.pack("d", decision[1])


@pytest.mark.parametrize("name", POLICIES)
def test_compiled_as_in_plain_python_memory_included(name):
    seconds = st.floats(1, 1e5)
    parameters = st.tuples(*[seconds] * len(POLICIES[name]._fields))
    failures = st.lists(st.tuples(seconds, st.sampled_from(KINDS), st.floats(0, 1, exclude_max=True)), min_size=1)

    @settings(max_examples=50)
    @given(parameters, failures)
    def same(values, failures):
        policy = POLICIES[name](*values)
        compiled = compile_policy("failover", policy)
        theirs, ours, now_s = fresh(policy), fresh(policy), 0.0
        for n, (step_s, kind, u) in enumerate(failures, 1):
            now_s += step_s
            view = link(now_s, n, kind)
            found = ask(compiled.call, compiled.parameters, view, theirs, u)
            assert bits(found) == bits(policy.on_failure(view, ours, u))
            assert theirs.tolist() == ours.tolist()

    same()
