"""What is under way when a lease ends: a grant, a request that waits, a callback; each worked out by hand."""

from typing import Any

import pytest
from meterstorm.actors.agents.client import returns
from meterstorm.actors.shards.shard import Shard
from meterstorm.actors.state import clients, kinds
from meterstorm.experiments.scenario import validate

from support.lab import ANSWER, HOUR, LAST, LATENCY, SERVICE, exactly, on_bare, run


def fault(kind: str, start_s: float, end_s: float, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "servers": "all", "start_s": start_s, "duration_s": end_s - start_s, **more}


@pytest.mark.parametrize("enforcement", ["after-start", "before-start"])
@pytest.mark.parametrize("latency_s", [0.005, 1.0])
@pytest.mark.parametrize("share", [0.01, 0.5, 1.01, 1.99])
def test_a_grant_under_way_at_a_crash_counts_when_it_is_taken_up(enforcement: str, latency_s: float, share: float):
    """The license is lost while the grant is on its way, or before the observer knows of it.

    The program runs without a license from its start to its end; one that starts with the answer, not before.
    """
    crash_s = 10 + latency_s + SERVICE + share * latency_s
    result = run(
        [(10.0, 0, 20.0)],
        {
            "network": {"latency_ms": 1000 * latency_s},
            "servers": {"durable": False},
            "clients": {"enforcement": enforcement},
            "faults": [fault("crash", crash_s, crash_s + 5.0)],
        },
    )
    assert result["grants"] == 1
    assert result["unmetered_license_hours"] * HOUR == exactly(20.0)


def test_a_grant_under_way_at_a_crash_that_comes_late_is_not_counted():
    """The client asks again, and is refused, before the grant comes; its program never runs."""
    result = run(
        [(10.0, 0, 20.0)],
        {
            "servers": {"durable": False},
            "clients": {"request_timeout_s": ANSWER - 0.003},
            "policies": {"failover": {"name": "retry-then-give-up", "retries": 1, "delay_s": 0.0}},
            "faults": [fault("crash", 10 + ANSWER - 0.002, 20.0)],
        },
    )
    assert (result["refusals"], result["timeouts"], result["gave_up"], result["grants"]) == (1, 1, 1, 0)
    assert result["unmetered_license_hours"] == 0


@pytest.mark.parametrize("release_old", ["lost", "deferred"])
def test_a_request_that_waits_does_not_revive_a_ghost(release_old: str):
    """A client asks for what it holds once more after a spell offline, and its program ends before it is served.

    The release is lost or put off, and the answer is lost: from one latency after the program's end its license is
    a ghost's until the end.
    """
    result = run(
        [(10.0, 0, 60.0), (20.0, 0, 1.0)],  # the second one finds no server, so that the client goes offline
        {
            "clients": {"programs": 2, "release_old": release_old},
            "policies": {"failover": {"name": "sms2-documented", "retries": 0, "delay_s": 1.0, "offline_s": 10.0}},
            "faults": [
                fault("unreachable", 19.0, 26.0),
                fault("slow", 34.0, 60.0, factor=1000.0),  # what is asked at 35 s is served at 235 s
                fault("unreachable", 70.0, LAST),
            ],
        },
    )
    end_s = 10 + ANSWER + 60
    assert (result["grants"], result["unmetered_starts"], result["denials"]) == (1, 1, 0)
    assert result["server_utilization_mean"] * LAST > 200
    assert result["ghost_license_hours"] * HOUR == exactly(LAST - end_s - LATENCY)


def test_a_license_reserved_anew_stays_reserved_for_its_own_grace_time():
    """A crash loses the first reservation, of 60 s from 20 s on; the second one holds from 52 s on.

    Neither callback arrives, and the user cannot ask any more. Another one asks at 84.1 s, while the license is
    reserved, and is called back when it is not.
    """
    freed_s = 52 + ANSWER + LATENCY
    result = run(
        [(10.0, 0, 10.0), (15.0, 1, 10.0), (32.0, 2, 20.0), (84.1, 3, 10.0)],
        {
            "products": [{"name": "editor", "licenses": 1}],
            "servers": {"durable": False, "callback_grace_s": 60.0},
            "policies": {"denial": {"name": "callback", "poll_s": 20.0}},
            "faults": [
                fault("unreachable", 20 + ANSWER + 0.006, 20.3),
                fault("crash", 30.0, 31.0),
                fault("cut", freed_s + 0.001, LAST, clients=[1, 1]),
            ],
        },
    )
    assert result["wait_s_max"] == exactly(freed_s + 60 + LATENCY + ANSWER - 84.1)


@pytest.mark.parametrize(("lease", "told"), [(None, {1}), (0, {0, 1}), (1, {1})])
def test_every_site_hears_where_a_late_request_is_not_wanted(lease: int | None, told: set[int]):
    """A program ends whose client is at the second of two sites, and which may have a lease at the first."""
    scenario = on_bare({"network": {"jitter_ms": 500.0}, "servers": {"count": 2, "sites": 2}})
    shard = Shard(validate(scenario), keep_journal=True)
    world = shard.world
    world.clients[0].server, world.clients[0].attempt = 1, 7
    world.slots[0].marks = clients.LATE
    if lease is not None:
        world.slots[0].lease = lease
    returns.disown(world, 0, 0)
    world.slots[0].lease = -1
    shard.run(10**9)
    rows = shard.world.journal[: shard.world.control[0].journaled]
    notices = rows[rows["kind"] == kinds.NOTICE]
    first = int(world.config[0].clients + world.config[0].servers + world.config[0].sites)
    assert set((notices["target"] - first).tolist()) == told
    assert set(notices["attempt"].tolist()) == {7}
