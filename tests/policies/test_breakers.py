"""Circuit breakers in plain Python: when they open, what they let through, when they close."""

import numpy as np
import pytest
from meterstorm.policies import BEFORE_REQUEST, DENIED, SERVED, TIMED_OUT, Link, give_up, send, wait
from meterstorm.policies.registry import resolve
from meterstorm.policies.wrapping import plain


class Client:
    """A client within one breaker."""

    def __init__(self, name: str, **parameters: float):
        self.policy = resolve("failover", "immediate", {"within": [{"name": name, **parameters}]})
        self.memory = np.zeros(self.policy.memory_size)

    def hears(self, now_s: float, kind: int, u: float = 0.5):
        link = Link(now_s, kind, 0.0, 1, 1, 0, 2, 1)
        return plain(type(self.policy))(self.policy, link, self.memory, u)

    def may_send(self, now_s: float) -> bool:
        return self.hears(now_s, BEFORE_REQUEST) == send()


def test_hystrix_opens_at_its_volume_and_ratio():
    """20 calls in 10 s, half of them failures: not 19, and not 20 with 9 failures."""
    for good, bad, is_open in ((10, 10, True), (9, 10, False), (11, 9, False), (0, 20, True), (0, 19, False)):
        client = Client("hystrix")
        for _ in range(good):
            client.hears(100.0, SERVED)
        for _ in range(bad):
            client.hears(100.0, TIMED_OUT)
        assert client.may_send(101.0) != is_open


def test_polly_opens_at_a_tenth_of_a_hundred():
    for good, bad, is_open in ((90, 10, True), (91, 9, False), (89, 10, False)):
        client = Client("polly-breaker")
        for k in range(good + bad):
            client.hears(100.0 + k * 0.25, SERVED if k < good else TIMED_OUT)
        assert client.may_send(126.0) != is_open


def test_hystrix_forgets_what_is_older_than_its_window():
    client = Client("hystrix")
    for k in range(100):
        client.hears(k * 1.0, TIMED_OUT)  # 10 or 11 in any 10 s
    assert client.may_send(100.0)


def test_a_probe_closes_an_open_breaker_or_opens_it_again():
    client = Client("hystrix", calls=2)
    for _ in range(2):
        client.hears(100.0, TIMED_OUT)
    assert [client.may_send(now_s) for now_s in (100.0, 104.9, 105.0)] == [False, False, True]
    client.hears(105.5, TIMED_OUT)
    assert [client.may_send(now_s) for now_s in (105.5, 110.4, 110.5)] == [False, False, True]
    client.hears(111.0, DENIED)  # a denial is an answer
    assert client.may_send(111.0)
    client.hears(112.0, TIMED_OUT)  # closed: one failure of two calls
    assert not client.may_send(112.0)


def test_a_heartbeat_that_is_answered_meanwhile_is_no_probe():
    client = Client("hystrix", calls=1)
    client.hears(100.0, TIMED_OUT)
    client.hears(101.0, SERVED)
    assert not client.may_send(102.0)


@pytest.mark.parametrize(("waits", "answer"), [(0, give_up()), (1, wait(3.0))])
def test_what_is_not_let_through_is_given_up_or_waits(waits, answer):
    client = Client("hystrix", calls=1, waits=waits)
    client.hears(100.0, TIMED_OUT)
    assert client.hears(102.0, BEFORE_REQUEST) == answer


def test_resilience4j_judges_the_last_calls_however_old():
    client = Client("resilience4j", calls=10)
    for k in range(40):
        client.hears(k * 1000.0, TIMED_OUT if k % 3 == 0 else SERVED)
    assert client.may_send(40_000.0)
    for k in (40, 41):  # of the last ten then 2, 3, 6, 9 and these: 3, 4, 5
        client.hears(k * 1000.0, TIMED_OUT)
    assert not client.may_send(41_000.0)


def test_resilience4j_judges_its_probes_together():
    for failures, is_open in ((1, False), (2, True)):
        client = Client("resilience4j", calls=2, probes=4)
        for _ in range(2):
            client.hears(0.0, TIMED_OUT)
        for k in range(4):
            assert client.may_send(60.0 + k)
            client.hears(60.0 + k, TIMED_OUT if k < failures else SERVED)
        assert client.may_send(70.0) != is_open


def test_finagle_is_dead_for_times_that_double():
    """U(half, all) of 5, 10, 20 ... 300 s; a good answer begins anew."""
    client, now_s, spells_s = Client("finagle-accrual"), 0.0, []
    for _ in range(4):
        client.hears(now_s, TIMED_OUT)
        assert client.may_send(now_s)
    for _ in range(9):
        client.hears(now_s, TIMED_OUT, 0.999999)
        until_s = client.memory[0]
        spells_s.append(until_s - now_s)
        now_s = until_s
    base = np.minimum(300.0, 5.0 * 2.0 ** np.arange(9))
    assert (np.array(spells_s) >= base / 2).all()
    assert (np.array(spells_s) <= base).all()
    client.hears(now_s, SERVED)
    assert client.memory.tolist() == [0.0] * 3
