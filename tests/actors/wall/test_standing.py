"""What faults make of a server's process at a time."""

import time

import pytest
from meterstorm.actors.state.rows import NEVER
from meterstorm.actors.wall.slice import Slice
from meterstorm.actors.wall.standing import Standing

from support.walled import world

SECOND = 10**9
FAULTS = [
    {"kind": "refusing", "servers": [0], "start_s": 1.0, "duration_s": 1.0},
    {"kind": "crash", "servers": [0], "start_s": 2.0, "duration_s": 0.5},  # touches it: one closure
    {"kind": "stall", "servers": [0], "start_s": 3.0, "duration_s": 0.5},
    {"kind": "slow", "servers": [0], "start_s": 3.5, "duration_s": 0.5, "factor": 5.0},
]


@pytest.fixture(scope="module")
def standing():
    scenario = world({"run": {"warmup_s": 0.0, "duration_s": 9.0}, "faults": FAULTS})
    return Standing(scenario, 0, Slice(scenario, 0, 0, 1))


def at(seconds: float) -> int:
    return round(seconds * SECOND)


@pytest.mark.parametrize(
    ("now_s", "refuses", "opened_s", "change_s"),
    [
        (0.5, False, 0.0, 1.0),
        (1.0, True, 0.0, 2.0),
        (2.4, True, 0.0, 2.5),
        (2.5, False, 2.5, 3.0),
        (3.6, False, 2.5, 4.0),  # whatever else has changed meanwhile
    ],
)
def test_a_listener_is_closed_while_its_server_refuses_or_is_killed(standing, now_s, refuses, opened_s, change_s):
    assert standing.refuses(at(now_s)) is refuses
    assert (standing.open_since(at(now_s)), standing.next_change(at(now_s))) == (at(opened_s), at(change_s))
    assert standing.is_killed


def test_nothing_is_handled_while_it_is_closed_nor_until_its_observer_has_heard(standing):
    patience = at(0.1)
    for now_s, reached_s, until_s in [
        (0.9, 0.8, 0.9),  # before it
        (1.7, 0.9, 1.0),  # up to its start
        (2.4, 2.1, 2.1),  # killed in it: no further
        (2.55, 1.0, 1.0),  # open again, but not all have told
        (2.65, 1.0, 2.65),  # nor will they
        (2.55, 2.51, 2.55),  # it has gone on before
    ]:
        assert standing.horizon(at(now_s), at(reached_s), patience) == at(until_s)
    assert standing.horizon(at(2.55), at(1.0), 0) == at(2.55)  # all have told


def test_it_stood_still_where_it_was_stopped_or_closed_since(standing):
    assert not standing.stood_still(at(0.1), at(1.0))
    assert standing.stood_still(at(0.9), at(1.1)) and standing.stood_still(at(2.4), at(2.9))
    assert not standing.stood_still(at(2.5), at(3.0))
    assert standing.stood_still(at(2.9), at(4.0)) and not standing.stood_still(at(3.5), at(9.0))


def test_the_next_closure_is_the_one_that_has_not_begun(standing):
    assert standing.next_closure(at(0.5)) == at(1.0)
    assert standing.next_closure(at(1.0)) == NEVER


@pytest.mark.parametrize(("now_s", "factor"), [(3.4, 1.0), (3.6, 5.0)])
def test_who_is_slow_spends_so_many_times_the_cpu_time(standing, now_s, factor):
    spent_s, began_s = 0.02, time.thread_time()
    standing.slow_down(at(now_s), spent_s)
    assert spent_s + time.thread_time() - began_s == pytest.approx(factor * spent_s, rel=0.2)


def test_clients_are_always_well():
    scenario = world({"faults": FAULTS})
    clients = Standing(scenario, 0, Slice(scenario, 0, 1, 1))
    assert not clients.is_killed and not clients.refuses(at(2.2)) and not clients.stood_still(0, at(9.0))
    assert clients.next_change(at(2.2)) == NEVER and clients.horizon(at(2.2), 0, at(1.0)) == at(2.2)
