"""Budgets in plain Python, against what each promises."""

import math

import numpy as np
import pytest
from meterstorm.policies import (
    BEFORE_REQUEST,
    OVERLOADED,
    REFUSED,
    SERVED,
    TIMED_OUT,
    Link,
    fail_over,
    give_up,
    retry,
)
from meterstorm.policies.failover import GIVE_UP, RETRY, SEND
from meterstorm.policies.registry import resolve
from meterstorm.policies.wrapping import plain
from scipy.optimize import brentq

LINK = Link(0.0, TIMED_OUT, 0.0, 1, 1, 0, 2, 1)


class Client:
    """A client whose policy retries at once, for ever, within one wrapper."""

    def __init__(self, name: str, **parameters: float):
        within = [{"name": name, **parameters}]
        self.policy = resolve(
            "failover", "retry-then-failover", {"retries": math.inf, "delay_s": 0.0, "within": within}
        )
        self.memory = np.zeros(self.policy.memory_size)

    def hears(self, kind: int, u: float = 0.5, **link: float):
        return plain(type(self.policy))(self.policy, LINK._replace(kind=kind, **link), self.memory, u)

    def retries(self, failures: int, kind: int = TIMED_OUT) -> int:
        """How many retries follow so many failures in a row."""
        return sum(self.hears(kind).action == RETRY for _ in range(failures))


@pytest.mark.parametrize(("name", "parameters", "kind", "bound"), [
    ("token-bucket", {"tokens": 5, "deposit": 0.0}, TIMED_OUT, 5),
    ("aws-quota", {}, TIMED_OUT, 50),
    ("aws-quota", {}, REFUSED, 100),
    ("aws-quota", {"retry_cost": 14}, REFUSED, 35),
    ("aws-quota-2026", {}, REFUSED, 35),
    ("aws-quota-2026", {}, TIMED_OUT, 35),
    ("aws-quota-2026", {}, OVERLOADED, 100),
    ("aws-quota", {"tokens": 10, "retry_cost": 5, "timeout_cost": 5}, TIMED_OUT, 2),
    ("grpc-throttle", {}, TIMED_OUT, 4),
    ("finagle-budget", {"min_per_s": 0.1}, TIMED_OUT, 1),
    ("finagle-budget", {}, TIMED_OUT, 100),
])  # fmt: skip
def test_retries_without_a_single_success_are_bounded(name, parameters, kind, bound):
    """500 / c of AWS;

    the 5th failure of gRPC's 10 tokens leaves half, which is not enough; 10 s x 10/s of Finagle.
    """
    assert Client(name, **parameters).retries(400, kind) == bound


@pytest.mark.parametrize(("successes", "retries"), [(0, 0), (1, 1), (10, 1), (11, 2)])
def test_aws_gives_back_what_the_last_retry_has_cost_and_then_one_each(successes, retries):
    """Two retries of 10 leave none of 20 tokens; the first success brings back 10, each later one 1."""
    client = Client("aws-quota", tokens=20)
    assert client.retries(3) == 2
    for _ in range(successes):
        client.hears(SERVED)
    assert client.retries(3) == retries


def test_aws_gives_nothing_back_of_what_an_earlier_request_has_paid():
    """Two retries of 10 leave none of 20 tokens, and the request fails; first tries that succeed earn 1 each."""
    client = Client("aws-quota", tokens=20)
    assert client.retries(3) == 2
    for _ in range(9):
        client.hears(SERVED, failures=0)
    assert client.retries(1) == 0
    client.hears(SERVED, failures=0)
    assert client.retries(2) == 1


@pytest.mark.parametrize(("name", "cost", "crossover"), [
    ("aws-quota", 5.0, 0.3207), ("aws-quota-2026", 14.0, 0.2149),
])  # fmt: skip
@pytest.mark.parametrize("part", [0.8, 1.25])
def test_the_quota_of_aws_binds_from_its_crossover_on(name, cost, crossover, part):
    """Calls of three tries that fail with chance p ask for p + p^2 retries; (1 - p) / (c p) are earned."""

    def asked(p):
        return p + p * p

    def earned(p):
        return (1 - p) / (cost * p)

    assert brentq(lambda p: asked(p) - earned(p), 0.01, 0.99) == pytest.approx(crossover, abs=5e-5)
    p, calls, retries = part * crossover, 40_000, 0
    client, draws = Client(name), np.random.default_rng(5).random((calls, 3))
    for draw in draws:
        for failures in range(3):
            if draw[failures] >= p:
                client.hears(SERVED, failures=failures)
                break
            if failures == 2 or client.hears(REFUSED, failures=failures + 1).action != RETRY:
                break
            retries += 1
    assert retries / calls == pytest.approx(asked(p) if part < 1 else earned(p), rel=0.04)


@pytest.mark.parametrize("ratio", [0.1, 0.5])
def test_grpc_throttles_where_more_than_its_share_fails(ratio):
    """ratio / (1 + ratio) of the attempts, in the long run; here every k-th one fails."""
    threshold = ratio / (1 + ratio)
    for k in (2, 3, 4, 8, 12, 20):
        client = Client("grpc-throttle", ratio=ratio)
        for attempt in range(4000):
            client.hears(TIMED_OUT if attempt % k == 0 else SERVED)
        is_throttled = client.memory[0] > 4.0
        assert is_throttled == (1 / k > threshold)


def test_finagle_allows_its_percentage_of_the_requests_within_the_time_to_live():
    clients = [Client("finagle-budget", percent=0.2, min_per_s=0.0, ttl_s=10.0) for _ in range(2)]
    for k in range(50):
        for client in clients:
            assert client.hears(BEFORE_REQUEST, now_s=k * 0.1, failures=0).action == SEND
    at_once = [clients[0].hears(TIMED_OUT, now_s=5.0).action for _ in range(20)]
    assert at_once == [RETRY] * 10 + [GIVE_UP] * 10
    assert clients[1].hears(TIMED_OUT, now_s=30.0).action == GIVE_UP  # of deposits so old nothing is left


@pytest.mark.parametrize("k", [1.1, 2.0])
def test_google_lets_k_attempts_through_for_each_accepted_one(k):
    """With half of the attempts failing as long as they are many: accepted 1 a second, asked for 20 a second."""
    client, sent = Client("sre-throttle", k=k, window_s=60.0), 0
    for n in range(20 * 600):
        now_s = n / 20
        if client.hears(BEFORE_REQUEST, u=n * 0.6180339887 % 1.0, now_s=now_s, failures=0).action == SEND:
            sent += now_s >= 120
        if n % 20 == 0:
            client.hears(SERVED, now_s=now_s)
    assert sent / 480 == pytest.approx(k, rel=0.1)


def test_a_deadline_counts_the_pause_that_is_to_come():
    policy = resolve(
        "failover", "retry-then-failover", {"delay_s": 4.0, "within": [{"name": "deadline", "s": 30}]}
    )
    found = [policy.on_failure(LINK._replace(age_s=age_s), np.zeros(0), 0.5) for age_s in (0.0, 26.0, 26.5)]
    assert found == [retry(4.0), retry(4.0), give_up()]
    assert policy.before_request(LINK._replace(age_s=31.0, failures=0), np.zeros(0), 0.5).action == SEND
    assert policy.before_request(LINK._replace(age_s=31.0, failures=1), np.zeros(0), 0.5) == give_up()


def test_tries_are_counted_at_all_servers():
    policy = resolve("failover", "immediate", {"within": [{"name": "max-tries", "tries": 3}]})
    found = [policy.on_failure(LINK._replace(failures=n), np.zeros(0), 0.5) for n in (1, 2, 3)]
    assert found == [fail_over(0.0), fail_over(0.0), give_up()]


def test_jitter_spreads_on_both_sides():
    policy = resolve("failover", "retry-then-failover", {"delay_s": 10.0, "within": [{"name": "jitter"}]})
    drawn = [policy.on_failure(LINK, np.zeros(0), k / 999.5).delay_s for k in range(999)]
    assert (min(drawn), max(drawn)) == (pytest.approx(8.0, abs=0.02), pytest.approx(12.0, abs=0.02))


def test_a_server_says_when_to_come_back():
    policy = resolve("failover", "retry-then-failover", {"delay_s": 10.0, "within": [{"name": "retry-after"}]})
    found = [policy.on_failure(LINK._replace(retry_after_s=s), np.zeros(0), 0.5).delay_s for s in (0.0, 5.0, 25.0)]
    assert found == [10.0, 10.0, 25.0]
