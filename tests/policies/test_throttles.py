"""AWS's adaptive mode in plain Python: its rate against the curve of CUBIC, and what it lets through."""

import numpy as np
import pytest
from meterstorm.policies import BEFORE_REQUEST, OVERLOADED, SERVED, TIMED_OUT, Link
from meterstorm.policies.failover import SEND
from meterstorm.policies.registry import resolve
from meterstorm.policies.throttles import RATE, cube_root
from meterstorm.policies.wrapping import plain


class Client:
    """A client that would send as fast as it may; it is answered at once."""

    def __init__(self):
        self.policy = resolve("failover", "tenacity", {"within": [{"name": "aws-adaptive"}]})
        self.memory, self.now_s = np.zeros(self.policy.memory_size), 1000.0

    def hears(self, kind: int, is_heartbeat: int = 0):
        link = Link(self.now_s, kind, 0.0, 1, 1, 0, 2, 1, is_heartbeat)
        return plain(type(self.policy))(self.policy, link, self.memory, 0.5)

    def sends(self, for_s: float, at_most: float, answer: int = SERVED) -> list[float]:
        """The times of its requests over a time; it has no more than `at_most` a second."""
        sent, end_s = [], self.now_s + for_s
        while self.now_s < end_s:
            decision = self.hears(BEFORE_REQUEST)
            if decision.action == SEND:
                sent.append(self.now_s)
                self.hears(answer)
                self.now_s += 1.0 / at_most
            else:
                self.now_s += decision.delay_s
        return sent


def test_who_was_never_throttled_sends_as_it_likes():
    client = Client()
    assert len(client.sends(60.0, at_most=10.0)) == pytest.approx(600, abs=2)
    client.hears(TIMED_OUT)
    assert client.sends(10.0, at_most=10.0)[1:9] == pytest.approx([1060.1 + k / 10 for k in range(8)], abs=0.2)


@pytest.mark.parametrize("rate", [8.0, 20.0, 100.0])
def test_after_a_throttling_the_rate_is_that_of_the_curve(rate):
    """0.4 (t - k)^3 + w, from 0.7 w on; and the bucket, which is full, has a second's worth."""
    client = Client()
    client.sends(30.0, at_most=rate)
    client.hears(OVERLOADED)
    throttled_at, w = client.now_s, rate
    assert client.memory[RATE] == pytest.approx(0.7 * w, rel=0.05)
    k = (0.3 * w / 0.4) ** (1 / 3)
    sent = np.array(client.sends(k, at_most=10.0 * rate)) - throttled_at
    times = np.linspace(0.0, k, 1001)
    expected = 0.7 * w + np.trapezoid(np.minimum(0.4 * (times - k) ** 3 + w, 2.0 * rate), times)
    assert len(sent) == pytest.approx(expected, abs=0.08 * expected + 1.5)


def test_it_sends_no_faster_than_twice_what_is_measured():
    """At a twentieth of its old rate it is held to twice that, whatever the curve says."""
    client = Client()
    client.sends(30.0, at_most=40.0)
    client.hears(OVERLOADED)
    client.sends(60.0, at_most=2.0)
    assert client.memory[RATE] == pytest.approx(4.0, rel=0.15)


def test_a_server_that_throttles_all_is_asked_every_two_seconds():
    client = Client()
    client.sends(30.0, at_most=10.0, answer=OVERLOADED)
    assert len(client.sends(200.0, at_most=10.0, answer=OVERLOADED)) == pytest.approx(100, abs=5)


def test_heartbeats_are_no_requests():
    client = Client()
    client.sends(10.0, at_most=10.0)
    before = client.memory.copy()
    client.hears(OVERLOADED, is_heartbeat=1)
    client.hears(SERVED, is_heartbeat=1)
    assert (client.memory == before).all()


@pytest.mark.parametrize("x", [0.0, 1e-9, 0.3, 1.0, 7.5, 1e12])
def test_cube_roots(x):
    assert cube_root(x) == pytest.approx(x ** (1 / 3), rel=1e-12)
