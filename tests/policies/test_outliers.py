"""Ejection of servers in plain Python: when, for how long, how many, and what is asked instead."""

import numpy as np
import pytest
from meterstorm.policies import BEFORE_REQUEST, SERVED, TIMED_OUT, Link, fail_over, retry, send
from meterstorm.policies.registry import resolve
from meterstorm.policies.wrapping import plain


class Client:
    """A client that retries at once, within Envoy's outlier detection."""

    def __init__(self, servers: int = 2, **parameters: float):
        within = [{"name": "envoy-outlier", **parameters}]
        self.policy = resolve("failover", "tenacity", {"within": within})
        self.memory, self.servers = np.zeros(self.policy.memory_size), servers

    def hears(self, now_s: float, kind: int, server: int = 0, passed: int = 0):
        link = Link(now_s, kind, 0.0, 1, 1, 0, self.servers, 1, server=server, passed=passed)
        return plain(type(self.policy))(self.policy, link, self.memory, 0.5)

    def may_ask(self, now_s: float, server: int = 0) -> bool:
        """Whether it may be asked first; this changes nothing."""
        before = self.memory.copy()
        answer = self.hears(now_s, BEFORE_REQUEST, server)
        self.memory[:] = before
        assert answer in (send(), fail_over())
        return answer == send()

    def is_away_until(self, now_s: float, server: int = 0) -> float:
        """When the server may be asked again after five failures, to a second."""
        for _ in range(5):
            self.hears(now_s, TIMED_OUT, server)
        return next(now_s + k for k in range(1000) if self.may_ask(now_s + k, server))


def test_the_fifth_failure_in_a_row_ejects_and_asks_another_server():
    client = Client()
    assert [client.hears(9.0, TIMED_OUT) for _ in range(4)] == [retry(0.0)] * 4
    client.hears(9.0, SERVED)
    assert [client.hears(9.0, TIMED_OUT) for _ in range(5)] == [retry(0.0)] * 4 + [fail_over()]
    assert [client.may_ask(now_s) for now_s in (9.0, 38.9, 39.0)] == [False, False, True]
    assert client.may_ask(9.0, server=1)


def test_failures_are_counted_server_by_server():
    client = Client()
    for _ in range(4):
        for server in (0, 1):
            assert client.hears(9.0, TIMED_OUT, server) == retry(0.0)
    client.hears(9.0, SERVED, 1)
    assert client.hears(9.0, TIMED_OUT, 0) == fail_over()


def test_spells_grow_by_30_s_up_to_300_s_and_shrink_while_it_is_healthy():
    client, now_s, spells = Client(), 0.0, []
    for _ in range(12):
        until_s = client.is_away_until(now_s)
        spells.append(until_s - now_s)
        now_s = until_s
    assert spells == [min(30.0 * n, 300.0) for n in range(1, 13)]
    assert client.is_away_until(now_s + 80.0) == now_s + 80.0 + 150.0  # 12 - 8 times, and one more
    assert client.is_away_until(now_s + 9999.0) == now_s + 9999.0 + 30.0


@pytest.mark.parametrize(("servers", "most"), [(2, 1), (10, 1), (20, 2), (30, 3)])
def test_at_most_a_tenth_of_the_servers_is_ejected_but_one_may_be(servers, most):
    client = Client(servers)
    for server in range(servers):
        for _ in range(5):
            client.hears(9.0, TIMED_OUT, server)
    assert sum(not client.may_ask(10.0, server) for server in range(servers)) == most


def test_the_only_server_is_asked_even_so():
    client = Client(servers=1)
    assert [client.hears(9.0, TIMED_OUT) for _ in range(7)] == [retry(0.0)] * 7
    assert client.may_ask(10.0)


def test_servers_beyond_those_that_are_remembered_are_always_asked():
    client = Client(servers=64)
    assert [client.hears(9.0, TIMED_OUT, 40) for _ in range(9)] == [retry(0.0)] * 9
    assert client.may_ask(10.0, 40)


def test_who_is_sent_back_to_an_ejected_server_asks_it_in_the_end():
    """As a selection policy that draws does: after as many as there are others."""
    client = Client(servers=3)
    for _ in range(5):
        client.hears(9.0, TIMED_OUT)
    assert [client.hears(9.0, BEFORE_REQUEST, passed=n) for n in range(3)] == [fail_over(), fail_over(), send()]


def test_an_interval_of_next_to_nothing_forgets_all_times():
    client = Client(interval_s=1e-310, base_s=7.0)
    assert [client.is_away_until(now_s) for now_s in (10.0, 50.0, 90.0)] == [17.0, 57.0, 97.0]
