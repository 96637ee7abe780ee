"""A world event by event: what happens is what a run's journal has, and what is seen of agents adds up."""

import json
import os
import subprocess
import sys
from collections import Counter
from typing import Any

import numpy as np
import pytest
from meterstorm import World
from meterstorm.actors.records import journal
from meterstorm.actors.shards.simulate import simulate
from meterstorm.experiments.reports.journal import describe
from meterstorm.experiments.scenario import Scenario, validate

STORMY: dict[str, Any] = {
    "title": "stormy",
    "run": {"duration_s": 1200.0, "warmup_s": 60.0},
    "servers": {"count": 3, "sites": 1, "reclaim_after_s": 0.0},
    "clients": {
        "count": 30,
        "programs": 2,
        "heartbeat_s": 100.0,
        "release_old": "deferred",
    },
    "policies": {"denial": {"name": "callback"}},
    "workload": {"launch_interval_s": 200.0, "run_time_s": 100.0},
    "products": [{"name": "editor", "licenses": 9}, {"name": "viewer", "licenses": 6}],
    "faults": [{"kind": "unreachable", "servers": [0], "start_s": 300, "duration_s": 200}],
}
AT_ONCE = {"network": {"latency_ms": 0.0}, "servers": {**STORMY["servers"], "service_ms": 0.0}}


def stormy(**more: Any) -> Scenario:
    return validate(STORMY | more)


def words_of(world: World) -> list[str]:
    return [line for event in world for line in (event.words, *(more.words for more in event.led_to))]


@pytest.mark.parametrize("more", [{}, AT_ONCE], ids=["as it is", "many events at one instant"])
@pytest.mark.parametrize("replication", [0, 3])
def test_the_events_are_those_of_the_journal(replication: int, more: dict[str, Any]):
    scenario = stormy(**more)
    tally = simulate(scenario, replication, keep_journal=True)
    world = World(scenario, replication)
    assert words_of(world) == [describe(row, scenario) for row in tally.journal]
    assert world.digest == f"{tally.digest:016x}"
    assert world.step() is None


def test_a_step_is_one_event_and_no_more():
    tally = simulate(stormy(), keep_journal=True)
    handled = np.flatnonzero(tally.journal["what"] == journal.HANDLED)
    counts = np.diff(handled, append=len(tally.journal)) - 1
    world = World(stormy())
    times_s = (tally.journal["time"][handled] - 60_000_000_000) / 1e9
    for count, time_s in zip(counts[:2000], times_s, strict=False):
        event = world.step()
        assert event is not None
        assert event.what == "handled"
        assert (len(event.led_to), event.time_s, world.now_s) == (count, time_s, time_s)


def test_what_is_skipped_happens_too():
    whole, late = World(stormy()), World(stormy())
    late.skip_to(300.0)
    assert late.now_s < 300.0
    first = late.step()
    assert first is not None
    assert first.time_s >= 300.0
    everything, rest = words_of(whole), words_of(late)
    assert len(rest) < len(everything)
    assert everything[-len(rest) :] == rest
    assert late.digest == whole.digest


def test_one_can_leave_and_come_back():
    world = World(stormy())
    first = [event.words for event, _ in zip(world, range(10), strict=False)]
    more = world.step()
    assert more is not None
    again = [event.words for event, _ in zip(World(stormy()), range(13), strict=False)]
    assert [*first[:10], more.words] == [*again[:10], again[11]]  # zip had taken one more


def test_servers_and_clients_add_up_at_every_moment():
    """Counted one way at the servers and another way at the clients."""
    world, seen = World(stormy()), Counter[str]()
    for _ in world:
        states = [world.server(number) for number in range(3)]
        for server in states:
            for product, pool in server.pools.items():
                held = Counter(lease.state for lease in server.leases if lease.product == product)
                assert pool.allocated == pool.free + pool.reserved + pool.leased
                assert (pool.leased, pool.reserved) == (held["live"] + held["ghost"], held["reserved"])
                seen.update(held)
        assert sum(pool.allocated for server in states for pool in server.pools.values()) <= 15
        live = {(s.name, x.client, x.slot, x.program) for s in states for x in s.leases if x.state != "reserved"}
        for number in range(30):
            client = world.client(number)
            seen.update([client.link, client.in_flight.rstrip("01")])
            for place, slot in enumerate(client.slots):
                seen[slot.state] += 1
                if slot.lease is not None:
                    assert (slot.lease, client.name, place, slot.program) in live
                assert (slot.state in ("idle", "waiting to be called back")) <= (not slot.is_running)
    assert {"live", "ghost", "reserved", "online", "heartbeat", "request of slot ", "nothing"} <= seen.keys()
    assert {"idle", "awaiting", "metered", "waiting to be called back"} <= seen.keys()


def test_leases_are_in_the_order_in_which_they_were_heard_of():
    world = World(stormy())
    world.skip_to(600.0)
    heard = [lease.heard_s for lease in world.server(1).leases]
    assert len(heard) > 1
    assert heard == sorted(heard)


PROGRAM = """
import json, sys
from meterstorm import World
from meterstorm.experiments.scenario import validate

world = World(validate(json.loads(sys.argv[1])))
entered = set()
sys.setprofile(lambda frame, what, value: entered.add(frame.f_code.co_name))
words = [event.words for event in world]
sys.setprofile(None)
print(json.dumps({"words": words, "digest": world.digest, "client": world.client(2), "entered": sorted(entered)}))
"""


@pytest.mark.slow
def test_with_the_jit_off_it_is_the_same_and_handlers_are_python():
    raw = STORMY | {"run": {"duration_s": 200.0, "warmup_s": 0.0}}
    found = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(raw)],
        env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    slow = json.loads(found.stdout)
    world = World(validate(raw))
    assert slow["words"] == [event.words for event in world]
    assert slow["digest"] == world.digest
    assert slow["client"] == json.loads(json.dumps(world.client(2)))
    assert {"on_slot_timer", "_on_launch", "decide"} <= set(slow["entered"])


def test_of_several_versions_one_is_named():
    scenario = stormy(cases=[{"name": "calm"}, {"name": "dark"}], arms=[{"name": "old"}, {"name": "new"}])
    with pytest.raises(ValueError, match=r'must name one version.*case="calm", arm="old"; .*arm="new"'):
        World(scenario, arm="old")
    with pytest.raises(ValueError, match="arm='odl'"):
        World(scenario, case="calm", arm="odl")
    assert World(scenario, case="calm", arm="old").step() is not None


@pytest.mark.parametrize("number", [-1, 3])
def test_a_server_that_there_is_not(number: int):
    with pytest.raises(IndexError, match="servers are numbered 0 to 2"):
        World(stormy()).server(number)


def test_two_worlds_know_nothing_of_each_other():
    one, other, alone = World(stormy()), World(stormy(), 1), World(stormy())
    mixed = [event.words for event, _, _ in zip(one, other, range(500), strict=False)]
    assert mixed == [event.words for event, _ in zip(alone, range(500), strict=False)]
