"""Wrappers in plain Python: who is asked when, with which memory and which random number."""

from collections import Counter
from typing import NamedTuple

import numpy as np
import pytest
from meterstorm.policies import (
    BEFORE_REQUEST,
    DENIED,
    SERVED,
    TIMED_OUT,
    Link,
    fail_over,
    give_up,
    retry,
    send,
    wait,
)
from meterstorm.policies.failover import DecorrelatedJitter, FullJitter, Immediate
from meterstorm.policies.registry import resolve
from meterstorm.policies.wrapping import hooks_of, layers_of, plain, wrap

LINK = Link(100.0, TIMED_OUT, 0.0, 1, 1, 0, 2, 1)


class Slower(NamedTuple):
    """Adds to the pause, and counts in its memory what it has heard."""

    by_s: float = 1.0
    memory_size = 3

    def before_request(self, link, memory, u):
        return wait(self.by_s) if link.failures == 5 else send()

    def on_failure(self, link, memory, u, decision):
        memory[0] += 1.0
        return retry(decision.delay_s + self.by_s)

    def on_success(self, link, memory, u):
        memory[1] += 1.0

    def on_denial(self, link, memory, u):
        memory[2] += 1.0


class Doubler(NamedTuple):
    """Doubles the pause, and remembers nothing."""

    def before_request(self, link, memory, u):
        return give_up() if link.failures >= 5 else send()

    def on_failure(self, link, memory, u, decision):
        return retry(decision.delay_s * 2.0)


class Steady(NamedTuple):
    """A policy that remembers failures until a denial."""

    memory_size = 1

    def on_failure(self, link, memory, u):
        memory[0] += 1.0
        return retry(10.0)

    def on_success(self, link, memory, u):
        pass

    def on_denial(self, link, memory, u):
        memory[0] = 0.0


def asked(policy, kind, memory, **link):
    return plain(type(policy))(policy, LINK._replace(kind=kind, **link), memory, 0.5)


def test_failures_are_answered_from_the_inside_out():
    """(10 + 1) x 2 and 10 x 2 + 1."""
    for wrappers, delay_s in (([Slower(), Doubler()], 22.0), ([Doubler(), Slower()], 21.0)):
        policy = wrap(Steady(), wrappers)
        assert policy.on_failure(LINK, np.zeros(4), 0.5) == retry(delay_s)


def test_before_a_request_who_is_outside_is_asked_first():
    memory = np.zeros(4)
    inner_waits, inner_gives_up = wrap(Steady(), [Slower(), Doubler()]), wrap(Steady(), [Doubler(), Slower()])
    assert asked(inner_waits, BEFORE_REQUEST, memory, failures=5) == give_up()
    assert asked(inner_gives_up, BEFORE_REQUEST, memory, failures=5) == wait(1.0)
    assert asked(inner_gives_up, BEFORE_REQUEST, memory, failures=6) == give_up()
    assert asked(inner_waits, BEFORE_REQUEST, memory, failures=0) == send()


def test_each_layer_has_a_memory_of_its_own():
    policy, memory = wrap(Steady(), [Slower(), Doubler()]), np.zeros(4)
    for kind in (TIMED_OUT, TIMED_OUT, SERVED, DENIED, DENIED):
        asked(policy, kind, memory)
    assert policy.memory_size == 4
    assert memory.tolist() == [0.0, 2.0, 1.0, 2.0]


def test_a_good_answer_makes_only_the_policy_itself_forget():
    policy, memory = wrap(DecorrelatedJitter(), [Slower()]), np.zeros(4)
    asked(policy, TIMED_OUT, memory)
    assert memory[0] > 0.0
    asked(policy, DENIED, memory)
    assert memory.tolist() == [0.0, 1.0, 0.0, 1.0]


def test_layers_draw_each_for_themselves():
    """Which of ten cells the inner u is in tells nothing of the outer one's."""
    drawn = Counter()

    class Seen(NamedTuple):
        def on_failure(self, link, memory, u, decision):
            drawn[int(decision.delay_s * 10.0), int(u * 10.0)] += 1
            return decision

    policy = wrap(FullJitter(0.5, 1.0), [Seen()])
    for k in range(40_000):
        policy.on_failure(LINK, np.zeros(0), k * 0.6180339887498949 % 1.0)
    assert len(drawn) == 100
    assert all(abs(count - 400) < 100 for count in drawn.values())


def test_what_has_one_hook_only_is_not_told_of_anything_else():
    assert hooks_of(layers_of(Immediate)) == set()
    assert hooks_of(layers_of(Steady)) == {"on_success", "on_denial"}
    assert hooks_of(layers_of(type(wrap(Immediate(), [Doubler()])))) == {
        "before_request",
        "on_success",
        "on_denial",
    }
    assert wrap(Immediate(), []) == Immediate()


def test_a_policy_within_wrappers_by_name():
    within = [{"name": "token-bucket", "tokens": 1}, {"name": "deadline", "s": 5}]
    policy, memory = resolve("failover", "immediate", {"within": within}), np.zeros(1)
    assert [policy.on_failure(LINK, memory, 0.5) for _ in range(3)] == [fail_over(0.0), give_up(), give_up()]
    assert policy.on_failure(LINK._replace(age_s=6.0), np.zeros(1), 0.5) == give_up()


@pytest.mark.parametrize(
    ("within", "words"),
    [
        ("deadline", "within: 'deadline' is not allowed; it must be a list of tables"),
        (["deadline"], "within[0]: 'deadline' is not allowed; it must be one of a list of tables"),
        ([{"s": 3}], "within[0]: {'s': 3} is not allowed"),
        (
            [{"name": "deadline"}, {"name": "dedline"}],
            "within[1]: no wrapper policy 'dedline'; allowed: max-tries",
        ),
        (
            [{"name": "deadline", "t": 3}],
            "within[0].t: unknown parameter of wrapper policy 'deadline'; it takes s",
        ),
        ([{"name": "deadline", "s": -3}], "within[0].s: -3 is not allowed; it must be a number >= 0"),
        ([{"name": "hystrix", "window_s": 1e-9}], "within[0].window_s: 1e-09 is not allowed; it must be >= 0.001"),
        (
            [{"name": "resilience4j", "calls": float("inf")}],
            "within[0].calls: inf is not allowed; it must be a whole",
        ),
        ([{"name": "resilience4j", "calls": 5000}], "within[0].calls: 5000.0 is not allowed; it must be a whole"),
        ([{"name": "immediate"}], "within[0]: no wrapper policy 'immediate'"),
    ],
)
def test_wrappers_that_are_refused(within, words):
    with pytest.raises(ValueError, match="within") as raised:
        resolve("failover", "immediate", {"within": within})
    assert words in str(raised.value)
