"""Compiled policies answer as the same policies in plain Python, bit for bit."""

import struct
from typing import NamedTuple

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from meterstorm.actors.compiled.policies import compile_policy
from meterstorm.policies import Arrival, Choice, Decision, Denied, Link, Place, retry
from meterstorm.policies.admission import POLICIES as ADMISSION
from meterstorm.policies.denial import POLICIES as DENIAL
from meterstorm.policies.failback import POLICIES as FAILBACK
from meterstorm.policies.failover import POLICIES as FAILOVER
from meterstorm.policies.selection import POLICIES as SELECTION

SECONDS = st.floats(0, 1e9)
PARAMETER = st.one_of(st.integers(0, 5).map(float), SECONDS, st.just(float("inf")))
U = st.floats(0, 1, exclude_max=True)
COUNT = st.integers(0, 200)

LINKS = st.builds(Link, SECONDS, st.integers(1, 3), SECONDS, COUNT, COUNT, COUNT, st.integers(1, 100), COUNT)
PLACES = st.builds(Place, SECONDS, COUNT, st.integers(0, 3), st.integers(0, 3), st.just(4), COUNT)
ARRIVALS = st.builds(Arrival, SECONDS, COUNT, st.integers(0, 1), COUNT)
DENIALS = st.builds(
    Denied, SECONDS, SECONDS, st.floats(0, 50), COUNT, COUNT, st.integers(1, 100), st.integers(0, 1)
)


@st.composite
def choices(draw):
    servers = draw(st.integers(1, 100))
    server, home = draw(st.integers(0, servers - 1)), draw(st.integers(0, servers - 1))
    return Choice(draw(COUNT), server, home, draw(COUNT), servers)


@numba.njit
def ask_failover(function, parameters, link, memory, u):
    return function(parameters, link, memory, u)


@numba.njit
def ask(function, parameters, view, u):
    return function(parameters, view, u)


def drawn(cls):
    """Policies of a class with all their parameters drawn."""
    return st.tuples(*[PARAMETER] * len(cls._fields)).map(lambda values: cls(*values))


def bits(answer):
    """The answer as (action, bits of its float): 0.0 and -0.0 differ, and NaN equals itself."""
    return (answer[0], struct.pack("d", answer[1])) if isinstance(answer, tuple) else answer


@pytest.mark.parametrize("name", FAILOVER)
def test_failover(name):
    @settings(max_examples=100)
    @given(drawn(FAILOVER[name]), LINKS, U)
    def same(policy, link, u):
        memory = np.zeros(4)
        compiled = compile_policy("failover", policy)
        found = ask_failover(compiled.call, compiled.parameters, link, memory, u)
        assert bits(found) == bits(policy.on_failure(link, np.zeros(4), u))

    same()


@pytest.mark.parametrize("name", FAILBACK)
def test_failback(name):
    @settings(max_examples=100)
    @given(drawn(FAILBACK[name]), PLACES, U)
    def same(policy, place, u):
        compiled = compile_policy("failback", policy)
        found = ask(compiled.call, compiled.parameters, place, u)
        assert bits(found) == bits(policy.plan(place, u))

    same()


@pytest.mark.parametrize("name", SELECTION)
def test_selection(name):
    @settings(max_examples=100)
    @given(drawn(SELECTION[name]), choices(), U)
    def same(policy, choice, u):
        compiled = compile_policy("selection", policy)
        assert ask(compiled.call, compiled.parameters, choice, u) == policy.next_server(choice, u)

    same()


@pytest.mark.parametrize("name", ADMISSION)
def test_admission(name):
    @settings(max_examples=100)
    @given(drawn(ADMISSION[name]), ARRIVALS, U)
    def same(policy, arrival, u):
        compiled = compile_policy("admission", policy)
        found = ask(compiled.call, compiled.parameters, arrival, u)
        assert bits(found) == bits(policy.on_request(arrival, u))

    same()


@pytest.mark.parametrize("name", DENIAL)
def test_denial(name):
    @settings(max_examples=100)
    @given(drawn(DENIAL[name]), DENIALS, U)
    def same(policy, denied, u):
        compiled = compile_policy("denial", policy)
        found = ask(compiled.call, compiled.parameters, denied, u)
        assert bits(found) == bits(policy.on_denial(denied, u))

    same()


class Counting(NamedTuple):
    """A policy of one's own that remembers: each failure in a row waits `step_s` longer."""

    step_s: float = 2.0
    memory_size = 1

    def on_failure(self, link: Link, memory: np.ndarray, u: float) -> Decision:
        memory[0] += self.step_s
        return retry(memory[0])


def test_memory_is_the_callers_own_array():
    compiled = compile_policy("failover", Counting(2.5))
    link = Link(0.0, 1, 0.0, 1, 1, 0, 4, 0)
    theirs, ours = np.zeros(1), np.zeros(1)
    for _ in range(3):
        found = ask_failover(compiled.call, compiled.parameters, link, theirs, 0.5)
        assert found == Counting(2.5).on_failure(link, ours, 0.5)
    assert theirs == ours == [7.5]


def test_one_compilation_serves_all_parameters():
    one, two = compile_policy("failover", Counting(1.0)), compile_policy("failover", Counting(2.0))
    assert one.call is two.call
    assert (one.parameters.tolist(), two.parameters.tolist()) == ([1.0], [2.0])


class Unspeakable(NamedTuple):
    def on_failure(self, link, memory, u):
        return open(str(link))


def test_what_cannot_be_compiled_is_named():
    with pytest.raises(ValueError, match=r"Unspeakable\.on_failure cannot be compiled.*\n.*may use numbers"):
        compile_policy("failover", Unspeakable())
