"""Policies of libraries and license managers in plain Python, against their published pauses."""

import math

import numpy as np
import pytest
from meterstorm.policies import (
    BEFORE_REQUEST,
    DENIED,
    OVERLOADED,
    REFUSED,
    SERVED,
    TIMED_OUT,
    Link,
    fail_over,
    give_up,
    retry,
    send,
)
from meterstorm.policies.failover import FAIL_OVER, GIVE_UP, RETRY
from meterstorm.policies.registry import resolve
from meterstorm.policies.wrapping import plain

LINK = Link(0.0, TIMED_OUT, 0.0, 1, 1, 0, 3, 1)


def row(name, count, u=1.0, **parameters):
    """What a policy answers to so many failures of a request in a row, all at one server."""
    policy = resolve("failover", name, parameters)
    memory = np.zeros(int(getattr(policy, "memory_size", 0)))
    return [policy.on_failure(LINK._replace(failures=n, tries_here=n), memory, u) for n in range(1, count + 1)]


# The longest pauses (u = 1) after the first failures; None: the request is given up.
LONGEST = {
    "tenacity": [0.0] * 6,
    "backoff": [1.0, 2.0, 4.0, 8.0, 16.0, 32.0],
    "stamina": [1.1, 1.2, 1.4, 1.8, 2.6, 4.2, 5.0, 5.0, 5.0, None],
    "botocore": [1.0, 2.0, None],
    "botocore-2026": [0.05, 0.1, None],
    "grpc-retry-2017": [0.1, 0.2, 0.4, None],
    "grpc-retry-2024": [0.12, 0.24, 0.48, None],
    "grpc-connect": [1.2, 1.2 * 1.6, 1.2 * 1.6**2],
    "envoy": [0.025, None],
    "polly": [2.0, 2.0, 2.0, None],
    "lmfwait": [10.0] * 6 + [None],
    "ansys": [600.0] * 6 + [None],
    "navisworks": [120.0] * 3 + [None],
    "ert-2024": [85.0, 360.0, 360.0, 360.0],
}


@pytest.mark.parametrize("name", LONGEST)
def test_pauses(name):
    found = row(name, len(LONGEST[name]))
    assert [None if answer == give_up() else answer.delay_s for answer in found] == pytest.approx(LONGEST[name])
    assert {answer.action for answer in found} <= {RETRY, GIVE_UP}


@pytest.mark.parametrize(("name", "share"), [
    ("backoff", 0.0), ("botocore", 0.0), ("grpc-retry-2017", 0.0), ("envoy", 0.0), ("grpc-retry-2024", 0.8 / 1.2),
    ("grpc-connect", 0.8 / 1.2), ("polly", 1.0), ("tenacity", 1.0), ("ansys", 1.0),
])  # fmt: skip
def test_the_shortest_pause_is_this_share_of_the_longest(name, share):
    assert row(name, 1, 0.0)[0].delay_s == pytest.approx(share * row(name, 1)[0].delay_s)


def test_caps():
    assert row("envoy", 9, retries=9)[-1].delay_s == pytest.approx(0.25)
    assert [answer.delay_s for answer in row("envoy", 2, base_s=9.0, cap_s=2.0, retries=9)] == [2.0, 2.0]
    assert row("grpc-connect", 40)[-1].delay_s == pytest.approx(144.0)
    assert row("botocore", 8, tries=9)[-1].delay_s == 20.0
    assert math.isfinite(row("backoff", 100)[-1].delay_s)
    assert row("backoff", 9, cap_s=60.0)[-1].delay_s == 60.0


@pytest.mark.parametrize(("name", "refused_s"), [("botocore", 1.0), ("botocore-2026", 0.05)])
def test_aws_of_2026_is_faster_where_no_server_throttles(name, refused_s):
    policy = resolve("failover", name, {})
    found = {kind: policy.on_failure(LINK._replace(kind=kind), np.zeros(0), 1.0) for kind in (REFUSED, OVERLOADED)}
    assert found == {REFUSED: retry(refused_s), OVERLOADED: retry(1.0)}


@pytest.mark.parametrize(("name", "u", "pauses_s"), [
    ("botocore", 0.0, [0.0, 0.0, 0.0]),
    ("botocore", 1.0, [1.0, 1.0, 1.0]),
    ("botocore-2026", 0.0, [0.5, 3.0, 5.0]),
    ("botocore-2026", 1.0, [1.0, 3.0, 6.0]),
])  # fmt: skip
def test_only_aws_of_2026_heeds_what_a_server_that_throttles_asks_for(name, u, pauses_s):
    """Asked for 0.5 s, 3 s and 30 s: at most 5 s beyond its own pause, which is u s."""
    policy = resolve("failover", name, {})
    asked = [LINK._replace(kind=OVERLOADED, retry_after_s=s) for s in (0.5, 3.0, 30.0)]
    assert [policy.on_failure(link, np.zeros(0), u).delay_s for link in asked] == pauses_s


@pytest.mark.parametrize("u", [0.0, 0.3, 0.9])
def test_polly_waits_for_the_growth_of_its_curve(u):
    """2^t tanh(sqrt(4 t)), here by numpy; each request begins anew."""
    policy, memory = resolve("failover", "polly-jitter", {"retries": 30}), np.zeros(1)
    for _ in range(2):
        found = [policy.on_failure(LINK._replace(failures=n), memory, u).delay_s for n in range(1, 31)]
        t = np.arange(30) + u
        curve = 2.0**t * np.tanh(np.sqrt(4.0 * t))
        assert found == pytest.approx(np.diff(curve, prepend=0.0) * 2.0 / 1.4, rel=1e-12)


def test_medians_of_polly_double():
    draws = np.random.default_rng(1).random((4000, 9))
    policy, memory = resolve("failover", "polly-jitter", {"retries": 9}), np.zeros(1)
    delays = [[policy.on_failure(LINK._replace(failures=n), memory, u).delay_s for n, u in enumerate(row, 1)]
              for row in draws]  # fmt: skip
    medians = np.median(delays, axis=0)
    assert medians[3:] / medians[2:-1] == pytest.approx([2.0] * 6, rel=0.06)


def test_stamina_gives_up_what_is_too_old():
    policy = resolve("failover", "stamina", {})
    found = [policy.on_failure(LINK._replace(age_s=s), np.zeros(0), 0.0) for s in (44.8, 44.95)]
    assert found == [retry(0.1), give_up()]


def test_lmx_stays_until_its_attempts_are_used_up_then_goes_round_once():
    policy = resolve("failover", "lmx", {"attempts": 3})
    here = [policy.on_failure(LINK._replace(tries_here=n), np.zeros(0), 0.5) for n in (1, 2, 3)]
    assert here == [retry(120.0), retry(120.0), fail_over()]
    elsewhere = [policy.on_failure(LINK._replace(servers_tried=n), np.zeros(0), 0.5) for n in (1, 2)]
    assert elsewhere == [fail_over(), give_up()]


RLM = resolve("failover", "rlm", {}).memory_size


def rlm(skips, kind, server, memory, failures=1, servers=3, passed=0):
    policy = resolve("failover", "rlm", {"skips": skips})
    link = LINK._replace(kind=kind, failures=failures, server=server, servers=servers, passed=passed)
    return plain(type(policy))(policy, link, memory, 0.5)


def test_rlm_asks_every_server_once():
    memory = np.zeros(RLM)
    assert [rlm(0, TIMED_OUT, n, memory, n + 1) for n in range(3)] == [fail_over(), fail_over(), give_up()]
    assert [rlm(0, BEFORE_REQUEST, n, memory) for n in range(3)] == [send()] * 3


def test_rlm_may_never_ask_again_who_has_not_answered():
    memory = np.zeros(RLM)
    rlm(1, TIMED_OUT, 0, memory)
    rlm(1, REFUSED, 1, memory)
    rlm(1, SERVED, 1, memory)
    assert [rlm(1, BEFORE_REQUEST, n, memory) for n in range(3)] == [fail_over(), send(), send()]
    for server in (1, 2):
        rlm(1, TIMED_OUT, server, memory)
    assert [rlm(1, BEFORE_REQUEST, n, memory) for n in range(3)] == [give_up()] * 3
    assert rlm(1, BEFORE_REQUEST, 40, memory) == send()  # one of more than it remembers


def test_rlm_gives_up_when_it_is_sent_to_servers_that_it_skips_again_and_again():
    """As a selection policy that draws does: a round is as long as there are others."""
    memory = np.zeros(RLM)
    rlm(1, TIMED_OUT, 0, memory)
    found = [rlm(1, BEFORE_REQUEST, 0, memory, passed=n) for n in range(3)]
    assert found == [fail_over(), fail_over(), give_up()]


def test_rlm_has_failed_at_each_when_those_left_refuse():
    """One and two of three are skipped: the others are asked once for each request, and then it is given up."""
    memory = np.zeros(RLM)
    rlm(1, TIMED_OUT, 0, memory)
    for _ in range(2):
        assert [rlm(1, REFUSED, n, memory, failures=n) for n in (1, 2)] == [fail_over(), give_up()]
    rlm(1, TIMED_OUT, 1, memory)
    assert rlm(1, REFUSED, 2, memory) == give_up()


def test_a_server_that_rlm_begins_to_skip_counts_once():
    memory = np.zeros(RLM)
    kinds = (TIMED_OUT, REFUSED, REFUSED)
    found = [rlm(1, kind, n, memory, n + 1) for n, kind in enumerate(kinds)]
    assert found == [fail_over(), fail_over(), give_up()]


def test_flexnet_is_bound_by_its_first_checkout_while_something_runs():
    policy, memory = resolve("failover", "flexnet-list", {"retries": 2}), np.zeros(1)

    def hears(kind, **link):
        return plain(type(policy))(policy, LINK._replace(kind=kind, **link), memory, 0.5)

    assert [hears(TIMED_OUT, failures=n).action for n in (1, 2, 3)] == [FAIL_OVER, FAIL_OVER, GIVE_UP]
    hears(DENIED)
    assert hears(TIMED_OUT).action == FAIL_OVER
    hears(SERVED)
    assert [hears(TIMED_OUT, failures=n).action for n in (1, 2, 3)] == [RETRY, RETRY, GIVE_UP]
    assert hears(TIMED_OUT, running=0).action == FAIL_OVER  # the job has ended
    assert hears(TIMED_OUT).action == FAIL_OVER
