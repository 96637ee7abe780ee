"""Admission that learns its limit: the formulas by hand, and what each makes of an overload."""

import numpy as np
import pytest
from meterstorm.policies import DEQUEUED, Arrival, admit, refuse
from meterstorm.policies.admission import ask
from meterstorm.policies.registry import resolve

from support.one_server import Server


class Limit:
    """A policy that is told of requests whose service begins."""

    def __init__(self, name: str, **parameters: float):
        self.policy = resolve("admission", name, parameters)
        self.memory = np.zeros(int(self.policy.memory_size))

    def after(self, time_s: float, in_flight: float) -> float:
        """The limit, after a request that takes so long has found so many others."""
        view = Arrival(1.0, int(in_flight) - 1, 0, 9, DEQUEUED, time_s - 0.01, 0.01)
        assert ask(self.policy, view, self.memory, 0.0) == admit()
        return float(self.policy.initial + self.memory[0])


@pytest.mark.parametrize(("name", "limit"), [("aimd", 20), ("vegas", 20), ("gradient2", 20)])
def test_as_many_are_let_in_as_the_limit_says(name, limit):
    policy = Limit(name)
    for busy in (0, 1):
        views = [Arrival(1.0, waiting, busy, 9) for waiting in range(30)]
        found = [ask(policy.policy, view, policy.memory, 0.5) for view in views]
        assert found == [admit()] * (limit - busy) + [refuse()] * (30 + busy - limit)


def test_aimd_by_hand():
    """One more where half of the limit is in flight; beyond 5 s a tenth less, rounded down; within bounds."""
    policy = Limit("aimd", initial=10, least=1, most=13)
    assert [policy.after(5.0, n) for n in (4, 5, 10)] == [10, 11, 12]
    assert [policy.after(5.001, 12) for _ in range(9)] == [10, 9, 8, 7, 6, 5, 4, 3, 2]
    assert [policy.after(9.0, 12) for _ in range(2)] == [1, 1]
    assert [policy.after(1.0, 12) for _ in range(13)] == [*range(2, 14), 13]


def test_vegas_by_hand():
    """The first time is the best one; then 20 (1 - best / time) wait, rounded up."""
    assert Limit("vegas").after(0.1, 20) == 20
    for time_s, expected in [(0.1, 26), (0.105, 26), (0.11, 21), (0.12, 20), (0.14, 20), (0.15, 19), (9.9, 19)]:
        policy = Limit("vegas")
        policy.after(0.1, 20)
        assert policy.after(time_s, 20) == expected, time_s
    policy.after(0.05, 20)
    assert policy.memory[1] == 0.05
    assert Limit("vegas", initial=500).after(0.1, 500) == 500


@pytest.mark.parametrize(("limit", "step"), [(99, 6), (100, 12), (999, 12), (1000, 186), (1444, 228)])
def test_vegas_moves_by_the_logarithm_of_its_limit_or_its_root(limit, step):
    policy = Limit("vegas", initial=limit, most=1e6)
    policy.after(0.1, limit)
    assert policy.after(0.1, limit) == limit + step
    assert policy.after(0.1, limit / 3) == limit + step  # too few in flight


def test_vegas_forgets_its_best_time():
    """After 0.5 30 20 samples where the draws are 0."""
    policy = Limit("vegas")
    times = [policy.after(0.1, 20), *(policy.after(0.13, 20) for _ in range(298))]
    assert set(times) == {20.0} and policy.memory[1] == 0.1
    policy.after(0.13, 20)
    assert policy.memory[1] == 0.13


def test_gradient2_by_hand():
    """Of 20 in flight become 0.8 20 + 0.2 (g 20 + 4); g is 1 while 1.5 times the average is above the time."""
    policy = Limit("gradient2", least=1)
    assert policy.after(0.1, 9) == 20
    assert policy.after(0.1, 20) == pytest.approx(20.8)
    assert policy.after(0.1, 20) == pytest.approx(21.6)
    average = (0.1 * 3 + 0.9) / 4
    gradient = max(0.5, 1.5 * average / 0.9)
    assert policy.after(0.9, 20) == pytest.approx(21.6 * (0.8 + 0.2 * gradient) + 0.8)
    for _ in range(6):
        policy.after(0.9, 20)
    average = (0.1 * 3 + 0.9 * 7) / 10
    assert policy.memory[1] == pytest.approx(average)
    policy.after(0.9, 20)
    assert policy.memory[1] == pytest.approx(average + 2 / 601 * (0.9 - average))
    before = policy.memory[1]
    policy.after(0.1, 1)
    assert policy.memory[1] == pytest.approx(0.95 * (before + 2 / 601 * (0.1 - before)))


def overloaded(name: str, service_s: float, factor: float, requests: int, **parameters: float) -> Server:
    """A server that is asked for so many times what it can do."""
    server = Server(name, service_s, **parameters)
    server.gets(np.arange(requests) * service_s / factor)
    return server


@pytest.mark.parametrize("name", ["aimd", "vegas", "gradient2", "dagor"])
def test_nobody_is_turned_away_where_half_can_be_served(name):
    assert overloaded(name, 0.01, 0.5, 4000).turned_away == 0


def test_aimd_swings_about_its_time():
    """A sample tells of a limit that is as old as itself: at twice the time the limit has been cut long before."""
    waits = np.array(overloaded("aimd", 0.1, 3.0, 12_000, initial=10, least=1).waits)[200:]
    assert waits.mean() == pytest.approx(5.0, rel=0.1)
    assert waits.max() <= 2 * 5.0


def test_vegas_keeps_3_to_6_waiting_until_it_forgets_what_is_good():
    """At most 20 are let in before anybody has waited; it forgets after 0.5 x 30 x limit answers at the earliest.

    With 6 waiting at the most, and so a limit of 6 or more, these are 90.
    """
    waits = np.array(overloaded("vegas", 0.01, 3.0, 18_000).waits)
    assert ((waits[30:90] >= 0.03) & (waits[30:90] <= 0.06)).all()
    assert waits[1000:].mean() > 2 * 0.06


def test_gradient2_takes_a_lasting_overload_for_how_things_are():
    server = overloaded("gradient2", 0.01, 3.0, 30_000)
    assert max(server.waits[20:60]) <= 0.21  # of the least limit, 20, and the one in service
    assert max(server.waits) > 0.9  # a hundred and more


def test_dagor_sheds_what_is_too_much_and_keeps_the_server_busy():
    """It takes a while: 5 % a window."""
    server = overloaded("dagor", 0.001, 1.5, 360_000)
    waits = np.array(server.waits)
    assert len(waits) == pytest.approx(240_000, rel=0.1)
    assert np.quantile(waits[len(waits) // 2 :], 0.5) < 0.02
    assert waits.max() > 0.02


@pytest.mark.parametrize("service_s", [0.2, 1.0])
def test_dagor_sheds_where_few_come_in_a_window(service_s):
    server = overloaded("dagor", service_s, 2.0, 8000, target_s=2 * service_s)
    waits = np.array(server.waits)
    assert waits[len(waits) // 2 :].mean() < 3 * 2 * service_s
    assert 3000 < len(waits) <= 4000 + 20


@pytest.mark.parametrize(("waited_s", "share"), [(0.021, 0.95), (0.019, 1.0)])
def test_dagor_by_hand(waited_s, share):
    policy = resolve("admission", "dagor", {})
    memory = np.zeros(int(policy.memory_size))
    assert len(memory) == 5
    for k in range(100):
        ask(policy, Arrival(k * 0.009, 0, 0, 9), memory, 0.5)
        ask(policy, Arrival(k * 0.009, 0, 0, 9, DEQUEUED, waited_s), memory, 0.5)
    found = [ask(policy, Arrival(1.0, 0, 0, 9), memory, u) for u in (0.949, 0.951)]
    assert found == [admit(), refuse() if share < 1 else admit()]
