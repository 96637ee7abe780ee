"""Compiled policies answer as the same policies in plain Python, bit for bit."""

import math
import struct
from contextlib import suppress
from typing import NamedTuple

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from meterstorm.actors.compiled.policies import compile_policy
from meterstorm.policies import (
    ANSWERED,
    ARRIVED,
    DEQUEUED,
    LEAVES,
    Arrival,
    Choice,
    Decision,
    Denied,
    Link,
    Place,
    admission,
    retry,
    selection,
)
from meterstorm.policies.admission import asks_at_dequeue
from meterstorm.policies.registry import BUILT_IN, METHOD, resolve

SECONDS = st.floats(0, 1e9)
PARAMETER = st.one_of(st.integers(0, 5).map(float), SECONDS, st.just(float("inf")))
U = st.floats(0, 1, exclude_max=True)
COUNT = st.integers(0, 200)

SERVER = st.integers(0, 40)
COUNTS = (COUNT, COUNT, COUNT, st.integers(1, 100), COUNT)
TOLD = (
    COUNT,
    st.integers(-1, 200),
    st.integers(-1, 200),
)  # servers passed over, requests that wait, free licenses
LINKS = st.builds(
    Link, SECONDS, st.integers(1, 3), SECONDS, *COUNTS, st.integers(0, 1), SECONDS, SECONDS, SERVER, *TOLD
)
PLACES = st.builds(Place, SECONDS, COUNT, st.integers(0, 3), st.integers(0, 3), st.just(4), COUNT)
ASKED = (st.sampled_from([ARRIVED, DEQUEUED]), SECONDS, SECONDS, st.integers(0, 1), SECONDS | st.just(math.inf))
ARRIVALS = st.builds(Arrival, SECONDS, COUNT, st.integers(0, 1), COUNT, *ASKED)
DENIALS = st.builds(
    Denied, SECONDS, SECONDS, st.floats(0, 50), COUNT, COUNT, st.integers(1, 100), st.integers(0, 1)
)


@st.composite
def choices(draw):
    servers = draw(st.integers(1, 100))
    server, home = draw(st.integers(0, servers - 1)), draw(st.integers(0, servers - 1))
    kind, answered = draw(st.sampled_from([LEAVES, ANSWERED])), (draw(COUNT), draw(st.integers(0, 1)))
    return Choice(draw(COUNT), server, home, draw(COUNT), servers, kind, draw(SECONDS), *answered)


VIEWS = {"failback": PLACES, "denial": DENIALS}


@numba.njit
def ask_failover(function, parameters, link, memory, u):
    return function(parameters, link, memory, u)


@numba.njit
def ask(function, parameters, view, u):
    return function(parameters, view, u)


@st.composite
def drawn(draw, kind, name):
    """A policy with its parameters drawn, but for those that it refuses."""
    policy = resolve(kind, name, {})
    for parameter in policy._fields:
        with suppress(ValueError):
            policy = resolve(kind, name, policy._asdict() | {parameter: draw(PARAMETER)})
    return policy


def bits(answer):
    """The answer as (action, bits of its float): 0.0 and -0.0 differ, and NaN equals itself."""
    return (answer[0], struct.pack("d", answer[1])) if isinstance(answer, tuple) else answer


@pytest.mark.parametrize("name", BUILT_IN["failover"])
def test_failover(name):
    @settings(max_examples=100)
    @given(drawn("failover", name), LINKS, U)
    def same(policy, link, u):
        size = max(4, getattr(policy, "memory_size", 0))
        memory = np.zeros(size)
        compiled = compile_policy("failover", policy)
        found = ask_failover(compiled.call, compiled.parameters, link, memory, u)
        assert bits(found) == bits(policy.on_failure(link, np.zeros(size), u))

    same()


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in VIEWS for name in BUILT_IN[kind]])
def test_policies_without_memory(kind, name):
    @settings(max_examples=100)
    @given(drawn(kind, name), VIEWS[kind], U)
    def same(policy, view, u):
        compiled = compile_policy(kind, policy)
        found = ask(compiled.call, compiled.parameters, view, u)
        assert bits(found) == bits(getattr(policy, METHOD[kind])(view, u))

    same()


@pytest.mark.parametrize("name", BUILT_IN["selection"])
def test_selection(name):
    """All of a client's servers have the same room in its memory, which is of 100 servers here."""

    @settings(max_examples=100)
    @given(drawn("selection", name), st.lists(choices(), min_size=1, max_size=5), U)
    def same(policy, asked, u):
        compiled, size = compile_policy("selection", policy), selection.memory_size(policy, 100)
        theirs, ours = np.zeros(size), np.zeros(size)
        for view in asked:
            choice = view if selection.is_told(type(policy)) else view._replace(kind=LEAVES)
            found = ask_failover(compiled.call, compiled.parameters, choice, theirs, u)
            assert found == selection.ask(policy, choice, ours, u)
            assert theirs.tobytes() == ours.tobytes()

    same()


@pytest.mark.parametrize("name", BUILT_IN["admission"])
def test_admission(name):
    @settings(max_examples=100)
    @given(drawn("admission", name), st.lists(ARRIVALS, min_size=1, max_size=5), U)
    def same(policy, arrivals, u):
        compiled = compile_policy("admission", policy)
        size = int(getattr(policy, "memory_size", 0))
        theirs, ours = np.zeros(size), np.zeros(size)
        for view in arrivals:
            arrival = view if asks_at_dequeue(type(policy)) else view._replace(kind=ARRIVED)
            found = ask_failover(compiled.call, compiled.parameters, arrival, theirs, u)
            assert bits(found) == bits(admission.ask(policy, arrival, ours, u))
            assert theirs.tobytes() == ours.tobytes()

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
