"""What is told of processes that fell behind the clock."""

import pytest
from meterstorm.actors.wall.measures import Lateness
from meterstorm.actors.wall.outcome import Measures

from support.wall_runs import MS, node


def behind(*late: int, events: int = 1000, late_ms: float = 250.0) -> list[str]:
    """The lines of a run of two servers and some shards of clients: how many events of each came late."""
    nodes = []
    for number in late:
        lateness = Lateness()
        lateness.add(2.0 * MS, events - number)
        lateness.add(late_ms * MS, number)
        nodes.append(node((0.0,) * 3, (0,) * 3, 0, 0)._replace(lateness=lateness))
    return list(Measures(1.0, 60.0, tuple(nodes), 2, 0, 0.0).behind())


def test_each_process_with_more_than_one_in_a_hundred_late_is_named():
    words = (
        "of its events came more than 5 ms late, the latest by 0.25 s; "
        "slow it down with --pace, or give it more cores"
    )
    assert behind(0, 11, 10, 300) == [
        f"the wall clock: server 1 fell behind: 1.1% {words}",
        f"the wall clock: shard 1 of clients fell behind: 30.0% {words}",
    ]


@pytest.mark.parametrize(("late_ms", "is_late"), [(4.9, False), (5.1, True)])
def test_an_event_is_late_after_five_milliseconds(late_ms, is_late):
    assert bool(behind(1000, late_ms=late_ms)) is is_late


def test_a_process_that_handled_nothing_is_not_behind():
    assert behind(0, events=0) == []
