"""A policy within wrappers answers compiled as in plain Python, bit for bit, and remembers the same."""

import struct
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from meterstorm.actors.compiled import policies, questions
from meterstorm.policies import BEFORE_REQUEST, DENIED, SERVED, Link
from meterstorm.policies.registry import ALL, WRAPPER, resolve

KINDS = st.sampled_from([1, 2, 3, BEFORE_REQUEST, BEFORE_REQUEST, SERVED, DENIED])
SPAN_S = st.one_of(st.floats(0.0, 20.0), st.just(0.0))
QUESTIONS = st.lists(
    st.tuples(
        SPAN_S, KINDS, SPAN_S, st.integers(0, 5), st.integers(0, 1), SPAN_S, st.floats(0, 1, exclude_max=True)
    ),
    min_size=1,
    max_size=60,
)
PAIRS = [
    *[(name,) for name in ALL[WRAPPER]],
    ("grpc-throttle", "hystrix"),
    ("resilience4j", "sre-throttle", "jitter"),
]


@st.composite
def tables(draw, name):
    """A wrapper with its parameters drawn, but for those that it refuses; all small, so that it acts."""
    table = {"name": name}
    for parameter in ALL[WRAPPER][name]._fields:
        value = draw(st.one_of(st.integers(1, 5).map(float), st.floats(0.0, 3.0)))
        with suppress(ValueError):
            resolve("failover", "full-jitter", {"within": [table | {parameter: value}]})
            table[parameter] = value
    return table


def bits(answer):
    return answer[0], struct.pack("d", answer[1])


@pytest.mark.parametrize("names", PAIRS, ids="-".join)
def test_wrappers(names):
    @settings(max_examples=60)
    @given(st.tuples(*map(tables, names)), QUESTIONS)
    def same(within, row):
        policy = resolve("failover", "decorrelated-jitter", {"within": within})
        compiled = policies.compile_policy("failover", policy)
        one, two, now_s = np.zeros(policy.memory_size), np.zeros(policy.memory_size), 0.0
        for step_s, kind, retry_after_s, failures, is_heartbeat, age_s, u in row:
            now_s += step_s
            link = Link(now_s, kind, retry_after_s, failures, failures, 0, 3, 1, is_heartbeat, age_s, 0.1)
            found = policies.ask("failover", compiled, link, one, u)
            assert bits(found) == bits(questions.ask("failover", policy, link, two, u))
            assert one.tobytes() == two.tobytes()

    same()
