"""What becomes of messages for a server that is not there."""

import numpy as np
import pytest
from meterstorm.actors.messaging.protocol import is_notice
from meterstorm.actors.state import kinds
from meterstorm.actors.state.events import EVENT
from meterstorm.actors.state.rows import NEVER
from meterstorm.actors.wall.absent import Absent
from meterstorm.actors.wall.slice import Slice, is_notices

from support.walled import world

SERVER, CLIENTS = 0, 1


@pytest.fixture(scope="module")
def part():
    return Slice(world(), 0, CLIENTS, 1)


@pytest.fixture
def absent(part):
    return Absent(part)


def rows(*letters: tuple[int, int]) -> np.ndarray:
    """Messages for the server: of which kind, and when each is due."""
    found = np.zeros(len(letters), EVENT)
    found["kind"], found["time"] = zip(*letters, strict=True)
    return found


def times(batches) -> list[int]:
    return [time for batch in batches for time in batch["time"].tolist()]


def test_a_closed_listener_refuses_what_is_asked_of_its_server(absent, part):
    absent.knock(SERVER, rows((kinds.REQUEST, 10), (kinds.RELEASE, 20), (kinds.HEARTBEAT, 30)))
    assert absent.next_due == 10
    answers = absent.refusals(20)[SERVER]
    assert answers["kind"].tolist() == [kinds.REFUSED] and answers["time"].tolist() == [10 + part.latency]
    assert absent.refused[SERVER] == 2  # a release is lost in silence
    assert times(absent.back(SERVER)) == [30]


@pytest.mark.parametrize("kind", [kinds.DISCONNECT, kinds.NOTICE, kinds.ORPHANED])
def test_what_is_no_message_to_the_server_is_heard_when_it_is_back(absent, kind):
    """As in simulated time, where hosts hear of closed connections and observers of programs whatever happens."""
    absent.knock(SERVER, rows((kind, 10)))
    assert absent.next_due == NEVER and not absent.refusals(1000)
    assert absent.refused[SERVER] == 0
    assert times(absent.back(SERVER)) == [10] and not absent.back(SERVER)


def test_what_was_to_arrive_after_all_that_a_server_handled_is_refused_when_it_goes(absent):
    """With jitter the rows of a batch are in any order."""
    absent.sent(SERVER, rows((kinds.REQUEST, 10)))
    absent.sent(SERVER, rows((kinds.REQUEST, 90), (kinds.REQUEST, 20)))
    absent.heard(SERVER, 50)
    absent.sent(SERVER, rows((kinds.REQUEST, 60)))
    absent.lose(SERVER, [])
    assert times(absent.back(SERVER)) == [90, 60]


def test_notices_are_those_of_the_protocol():
    every = range(128)
    assert is_notices(rows(*((kind, 0) for kind in every))).tolist() == [is_notice(kind) for kind in every]


class Looked:
    """A batch that counts how often somebody looks into it."""

    def __init__(self, time: int) -> None:
        self.time, self.looks = time, 0

    def __getitem__(self, name: str) -> np.ndarray:
        self.looks += 1
        return np.array([self.time])


def test_a_server_that_stands_still_does_not_make_sending_dearer(absent):
    batches = [Looked(time) for time in range(100)]
    for batch in batches:
        absent.sent(SERVER, batch)
    absent.heard(SERVER, 98)
    assert max(batch.looks for batch in batches) == 1
    assert [batch for _, batch in absent._under_way[SERVER]] == batches[98:]
