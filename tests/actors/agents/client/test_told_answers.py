"""What answers tell a client of servers' queues, and where it goes then: by hand, and recounted."""

from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from meterstorm.actors.queue.told import waiting_in
from meterstorm.actors.records import journal
from meterstorm.actors.setup.groups import FIRST_ROW
from meterstorm.actors.shards.shard import Shard
from meterstorm.actors.state import kinds
from meterstorm.actors.state.events import IN_SERVICE
from meterstorm.experiments.scenario import validate

from support.lab import at_once, run
from support.layers import layered

# Names a server that there is not, made of what is remembered: which ends the run with that number.
TELLING = """
from typing import NamedTuple

class Telling(NamedTuple):
    who: float
    memory_per_server = 3

    def next_server(self, choice, memory, u):
        if choice.client != self.who:
            return (choice.server + 1) % choice.servers
        others = memory[3] + memory[4] + memory[6] + memory[7]
        return 1000 + int(10**8 * others + 10**7 * memory[2] + 10**5 * memory[1] + round(100 * memory[0]))

    def on_answer(self, choice, memory, u):
        memory[3 * choice.server] = choice.now_s
        memory[3 * choice.server + 1] = choice.waiting
        memory[3 * choice.server + 2] = choice.is_denial
"""
# All prefer the first of three servers, and leave it at 100 s.
LEAVING = {
    "servers": {"count": 3},
    "products": [{"name": "editor", "licenses": 6}],
    "clients": {"assignment": [1.0, 0.0, 0.0]},
    "policies": {"failback": {"name": "max-age", "max_age_s": 100.0, "jitter": 0.0, "preferred": 0}},
}


def told(tmp_path: Path, who: int, *layers: dict[str, Any]) -> int:
    """What client `who` remembers when it leaves, as TELLING writes it; all four launch at 10 s."""
    path = tmp_path / "telling.py"
    path.write_text(TELLING)
    telling = {"policies": {"selection": {"name": f"{path}:Telling", "who": who}}}
    with pytest.raises(ValueError, match=r"a server that does not exist \(value \d+\)") as error:
        run(at_once(4, run_time=1.0), LEAVING, telling, *layers)
    return int(str(error.value).partition("(value ")[2].partition(")")[0]) - 1000


@pytest.mark.parametrize("who", range(4))
def test_an_answer_tells_how_many_wait_behind_it_and_when(tmp_path, who):
    """Each takes 0.2 s, and 5 ms to come back; the server has two of the six licenses."""
    denied, waiting, heard = who > 1, 3 - who, 1000 + 21 + 20 * who
    assert told(tmp_path, who) == 10**7 * denied + 10**5 * waiting + heard


def test_a_late_answer_tells_as_much(tmp_path):
    """The time-out is over at 10.3 s, and the answer here at 10.41 s."""
    assert told(tmp_path, 1, {"clients": {"request_timeout_s": 0.3}}) == 10**5 * 2 + 1041


def test_a_client_that_crashes_forgets_what_it_was_told(tmp_path):
    crash = {"kind": "client-crash", "clients": [0, 0], "start_s": 20.0, "duration_s": 5.0}
    assert told(tmp_path, 0, {"faults": [crash]}) == 0


def test_a_client_that_is_down_is_told_nothing(tmp_path):
    """It is down from 10.1 s to 11.1 s, when its answer is long here."""
    crash = {"kind": "client-crash", "clients": [0, 0], "start_s": 10.1, "duration_s": 1.0}
    assert told(tmp_path, 0, {"faults": [crash]}) == 0


CLIENTS, SERVERS = 40, 4
SHORTEST = """
from typing import NamedTuple

class Shortest(NamedTuple):
    memory_per_server = 1

    def next_server(self, choice, memory, u):
        named = (choice.server + 1) % choice.servers
        for step in range(2, choice.servers):
            other = (choice.server + step) % choice.servers
            if memory[other] < memory[named]:
                named = other
        return named

    def on_answer(self, choice, memory, u):
        memory[choice.server] = choice.waiting
"""
# Programs that never end, asked for at servers that refuse what would be the fourth to wait.
CROWD = {
    "title": "told",
    "run": {"duration_s": 15.0, "warmup_s": 0.0},
    "network": {"latency_ms": 100.0},
    "servers": {"count": SERVERS, "service_ms": 200.0, "service": "exponential"},
    "products": [{"licenses": 10**6}],
    "clients": {"count": CLIENTS, "programs": 8, "request_timeout_s": 50.0, "heartbeat_s": 0.0},
    "workload": {"launch_interval_s": 1.0, "run_time_s": 1e6},
    "policies": {"failover": {"name": "immediate"}, "admission": {"name": "bounded", "limit": 3}},
}


def rows_of(*layers: dict[str, Any]) -> tuple[list[dict[str, Any]], Any]:
    """The journal of CROWD with layers on top, and the clients' rows of CONFIG if there are groups."""
    shard = Shard(validate(layered(CROWD, *layers)), keep_journal=True)
    shard.run(shard.end)
    rows = shard.world.journal[: shard.world.control[0].journaled]
    return [dict(zip(rows.dtype.names, row, strict=True)) for row in rows.tolist()], shard.world.groups


@pytest.fixture(scope="module")
def crowd(shortest: dict[str, Any]) -> list[dict[str, Any]]:
    return rows_of(shortest)[0]


@pytest.fixture(scope="module")
def shortest(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    path = tmp_path_factory.mktemp("told") / "shortest.py"
    path.write_text(SHORTEST)
    return {"policies": {"selection": {"name": f"{path}:Shortest"}}}


def test_a_grant_tells_how_many_requests_are_at_its_server(crowd):
    """Those that have come less those that were answered: an event that was served is handled twice."""
    inside: dict[int, int] = defaultdict(int)
    seen = []
    for row in crowd:
        if (row["what"], row["kind"]) == (journal.HANDLED, kinds.REQUEST):
            inside[row["target"]] += not row["flag"] & IN_SERVICE
        if row["what"] in (journal.SENT, journal.LOST) and row["kind"] in (kinds.GRANT, kinds.OVERLOADED):
            inside[row["source"]] -= 1
            if row["kind"] == kinds.GRANT:
                seen.append((waiting_in(row["value"]), inside[row["source"]]))
    assert {value for value, _ in seen} == {0, 1, 2, 3}
    assert all(value == recounted for value, recounted in seen)


def moves(rows: list[dict[str, Any]]) -> list[tuple[int, int, int, list[int]]]:
    """Of each move: who, whence, where to, and what that client's grants told of each server last."""
    queues: dict[int, list[int]] = defaultdict(lambda: [0] * SERVERS)
    at = {client: client % SERVERS for client in range(CLIENTS)}
    found = []
    for row in rows:
        if (row["what"], row["kind"]) == (journal.HANDLED, kinds.GRANT):
            queues[row["target"]][row["source"] - CLIENTS] = waiting_in(row["value"])
        if row["what"] == journal.MOVED:
            who, target = row["source"], row["target"] - CLIENTS
            found.append((who, at[who], target, list(queues[who])))
            at[who] = target
    return found


def nearest(left: int, queues: list[int]) -> int:
    """The server with the shortest queue but the one that is left; of equals, the next one by number."""
    return min(((left + step) % SERVERS for step in range(1, SERVERS)), key=lambda other: queues[other])


def test_a_client_goes_where_its_own_answers_told_the_shortest_queue(crowd):
    found = moves(crowd)
    assert [target for *_, target, _ in found] == [nearest(left, queues) for _, left, _, queues in found]
    beyond_the_next = sum(target != (left + 1) % SERVERS for _, left, target, _ in found)
    assert beyond_the_next > 0.1 * len(found) > 10


def test_only_the_clients_of_a_group_that_remembers_are_told(shortest):
    """Half of the clients walk round instead."""
    ring = {"groups": [{"name": "ring", "share": 0.5, "set": {"policies.selection": {"name": "ring"}}}]}
    rows, groups = rows_of(shortest, ring)
    found = moves(rows)
    walks = [groups[who] == FIRST_ROW + 1 for who, *_ in found]
    assert 0.2 < sum(walks) / len(walks) < 0.8
    for (_, left, target, queues), walk in zip(found, walks, strict=True):
        assert target == ((left + 1) % SERVERS if walk else nearest(left, queues))


def test_messages_to_clients_that_do_not_remember_are_as_ever(shortest):
    """Whoever else does."""
    ring = {"groups": [{"name": "ring", "share": 0.5, "set": {"policies.selection": {"name": "ring"}}}]}
    rows, groups = rows_of(shortest, ring)
    told = {True: set(), False: set()}
    for row in rows:
        if row["kind"] == kinds.GRANT and row["what"] != journal.HANDLED:
            told[bool(groups[row["target"]] == FIRST_ROW + 1)].add(row["value"])
    assert told[True] == {0}
    assert {1, 2} <= set(map(waiting_in, told[False]))


def test_nothing_is_told_where_no_client_remembers_it():
    rows, _ = rows_of({"policies": {"selection": {"name": "sticky-random"}}})
    assert {row["value"] for row in rows if row["kind"] == kinds.GRANT} == {0}
