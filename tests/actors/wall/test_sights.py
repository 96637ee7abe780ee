"""What the processes of a run leave for who watches it is what they count, and costs a run nothing else."""

import time

import numpy as np
import pytest
from meterstorm.actors.shards.glance import Glance, together
from meterstorm.actors.wall import sights
from meterstorm.actors.wall.clock import Clock
from meterstorm.actors.wall.node import Node, Position
from meterstorm.actors.wall.outcome import world_of
from meterstorm.actors.wall.sights import Sights, seen

from support.walled import KEY, at_once, world


@pytest.fixture
def always(monkeypatch):
    """Looks after each turn."""
    monkeypatch.setattr(sights, "PAUSE_S", 0.0)
    monkeypatch.setattr(sights, "COST", 1e9)


def ran(scenario, folder, is_watched):
    positions = [Position(node, 1, str(folder), KEY, is_watched) for node in range(scenario.servers.count + 1)]
    nodes = [Node(scenario, 0, place) for place in positions]
    at_once(Node.meet, nodes)
    clock = Clock(time.monotonic_ns() + 20_000_000, 1.0)
    return at_once(lambda node: node.run(clock), nodes)


def test_what_is_left_last_is_what_the_world_has_counted(always, tmp_path):
    scenario = world({"servers": {"count": 2}})
    outcomes = ran(scenario, tmp_path, True)
    left = seen(str(tmp_path), 3)
    found, tally = together([one.glance for one in left]), world_of(outcomes)
    samples = min(len(one.glance.series) for one in left)
    assert samples >= 5  # of six
    assert np.array_equal(found.series[:samples], tally.series[1 : 1 + samples])
    assert found.series.any() and np.array_equal(found.queueing[:samples], tally.queueing[1 : 1 + samples])
    assert sum(found.links.values()) == 60
    assert [one.measures.messages for one in left] == [one.measures.messages for one in outcomes]


def test_a_part_that_was_killed_adds_nothing_more():
    def part(now, *counts):
        queueing = np.zeros(len(counts), [("high", np.int64), ("low", np.int64)])
        return Glance(now, 1, {"offline": 2}, 3, np.array([[count] for count in counts]), queueing)

    found = together([part(500, 1, 2, 4), part(200, 8)])
    assert found.now == 500 and found.series.tolist() == [[9], [2], [4]] and len(found.queueing) == 3
    assert (found.events, found.links, found.waiting) == (2, {"offline": 4}, 6)


def test_nothing_is_left_where_nobody_watches(always, tmp_path):
    ran(world(), tmp_path, False)
    assert not list(tmp_path.glob("sight*")) and seen(str(tmp_path), 2) == []


def test_nothing_is_seen_before_all_have_left_something(tmp_path):
    Sights(str(tmp_path), 0).leave(lambda: "first")
    assert seen(str(tmp_path), 2) == []
    Sights(str(tmp_path), 1).leave(lambda: "second")
    assert seen(str(tmp_path), 2) == ["first", "second"]


def test_looks_pause_long_enough_to_cost_next_to_nothing(monkeypatch, tmp_path):
    """A look that takes 2 s is followed by none in the 200 s after it."""
    now, looked = [0.0], []
    monkeypatch.setattr(sights.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(sights.time, "thread_time", lambda: now[0])

    def look():
        looked.append(now[0])
        now[0] += 2.0

    one = Sights(str(tmp_path), 0)
    for second in range(1, 500):
        now[0] = max(now[0], float(second))
        one.leave(look)
    assert len(looked) == 3 and min(np.diff(looked)) >= 200
