"""What an admission policy is asked, knows and remembers, worked out by hand."""

from pathlib import Path
from typing import Any

import pytest
from meterstorm.experiments.scenario import ScenarioError

from support.lab import ANSWER, LATENCY, SERVICE, measure, run

HEAD = """
from typing import NamedTuple
from meterstorm.policies import DEQUEUED, admit, refuse

class Mine(NamedTuple):
"""
FOUR_AT_ONCE = [(10.0, client, 1.0) for client in range(4)]

# A server that a crash makes forget its leases, and clients that hear of it within a minute.
FORGETS = {
    "servers": {"durable": False},
    "clients": {"heartbeat_s": 60.0, "heartbeat_names_leases": True, "on_lost_lease": "request"},
    "faults": [{"kind": "crash", "servers": [0], "start_s": 100.0, "duration_s": 1.0}],
}


@pytest.fixture
def admission(tmp_path: Path):
    """Return a layer with an admission policy that has these members."""

    def written(members: str) -> dict[str, Any]:
        policy = tmp_path / "mine.py"
        policy.write_text(HEAD + "\n".join(f"    {line}" for line in members.strip().splitlines()) + "\n")
        return {"policies": {"admission": {"name": f"{policy}:Mine"}}}

    return written


def counted(found: dict[str, Any], *names: str) -> list[Any]:
    return [found[name] for name in names]


def test_a_request_is_dropped_as_its_service_would_begin(admission):
    """The third of four waits two services, and the fourth three, unless the third is dropped."""
    policy = admission("""
def on_request(self, arrival, u):
    return admit()

def at_dequeue(self, arrival, u):
    return refuse() if arrival.waited_s > 0.35 and arrival.waiting == 1 else admit()
""")
    found = run(FOUR_AT_ONCE, policy)
    assert counted(found, "attempts", "grants", "overloaded") == [4, 3, 1]
    assert found["queue_s_max"] == pytest.approx(2 * SERVICE)  # what is dropped takes no time
    assert found["server_utilization_mean"] == pytest.approx(3 * SERVICE / 1000.0)


def test_it_is_asked_about_requests_that_have_not_waited_too(admission):
    policy = admission("""
def on_request(self, arrival, u):
    return admit()

def at_dequeue(self, arrival, u):
    return refuse(7.0) if arrival.waited_s == 0.0 and arrival.kind == DEQUEUED and arrival.busy == 0 else admit()
""")
    back = {"policies": {"failover": {"name": "tenacity", "within": [{"name": "retry-after"}]}}}
    found = run([(10.0, 0, 1.0)], policy, back)
    assert found["overloaded"] == pytest.approx(990.0 / (7.0 + 2 * LATENCY), abs=1)
    assert counted(found, "grants") == [0]


def test_a_long_queue_may_be_dropped_at_one_instant(admission):
    """There is room for the answers to all, however many more they are than one event adds otherwise."""
    policy = admission("""
def on_request(self, arrival, u):
    return admit()

def at_dequeue(self, arrival, u):
    return refuse() if arrival.waited_s > 0.0 else admit()
""")
    many = [(10.0, client, 1.0) for client in range(5000)]
    found = run(many, policy, {"clients": {"count": 5000}})
    assert counted(found, "attempts", "grants", "overloaded") == [5000, 1, 4999]


def test_what_asked_for_a_hint_is_told_it_at_its_drop(admission):
    policy = admission("""
memory_size = 1

def on_request(self, arrival, memory, u):
    return admit()

def at_dequeue(self, arrival, memory, u):
    memory[0] += 1.0
    return refuse(30.0) if memory[0] == 1.0 else admit()
""")
    back = {"policies": {"failover": {"name": "tenacity", "within": [{"name": "retry-after"}]}}}
    found = run([(10.0, 0, 1.0)], policy, back)
    assert found["wait_s_mean"] == pytest.approx(2 * LATENCY + 30.0 + ANSWER)


def test_memory_is_each_servers_own_and_lasts_until_it_crashes(admission):
    """Each server admits two requests in its life; clients 0 and 2 prefer the first one, which crashes."""
    policy = admission("""
memory_size = 1

def on_request(self, arrival, memory, u):
    memory[0] += 1.0
    return admit() if memory[0] <= 2.0 else refuse()
""")
    launches = [(10.0 + 10.0 * k, client, 1.0) for k in range(4) for client in range(4)]
    crash = {"faults": [{"kind": "crash", "servers": [0], "start_s": 35.0, "duration_s": 1.0}]}
    two = {"servers": {"count": 2}}
    assert counted(run(launches, policy, two), "grants", "overloaded") == [4, 12]
    assert counted(run(launches, policy, two, crash), "grants", "overloaded") == [6, 10]


def test_a_time_that_makes_no_sense_is_blamed_on_the_hook(admission):
    policy = admission("""
def on_request(self, arrival, u):
    return admit()

def at_dequeue(self, arrival, u):
    return refuse(-3.0)
""")
    with pytest.raises(
        ValueError, match=r"at_dequeue returned a time to come back that is negative \(value: -3 s\)"
    ):
        run(FOUR_AT_ONCE, policy)


ONE_AFTER_ANOTHER = [(10.0 + 0.01 * client, client, 1.0) for client in range(4)]


@pytest.mark.parametrize(
    ("policy", "longest_s"),
    [
        ({"name": "fifo"}, 0.57),  # client 3 arrives 30 ms after the first, and waits for three services
        ({"name": "lifo"}, 0.59),  # client 1, which arrives first of those that wait
        ({"name": "adaptive-lifo", "lifo_after_s": 0.015}, 0.58),  # client 2; only 3 goes first
        ({"name": "codel", "lifo_after_s": 0.015, "target_s": 1.0, "interval_s": 1.0}, 0.58),
    ],
)
def test_the_newest_goes_first_while_the_queue_stands(policy: dict[str, Any], longest_s: float):
    found = run(ONE_AFTER_ANOTHER, {"policies": {"admission": policy}})
    assert counted(found, "grants") == [4]
    assert found["queue_s_max"] == pytest.approx(longest_s)


def test_what_is_newest_need_be_no_request(admission):
    """The only license is given back while client 1 is served and 2 waits: in time for 2 if that goes first."""
    launches = [(10.0, 0, 1.0), (11.1, 1, 1.0), (11.1, 2, 1.0)]
    one = {"products": [{"name": "editor", "licenses": 1}]}
    policy = admission("""
lifo_after_s = 0.0

def on_request(self, arrival, u):
    return admit()
""")
    assert counted(run(launches, one), "grants") == [1]
    assert counted(run(launches, one, policy), "grants") == [2]


@pytest.mark.parametrize("crashes", [[20.0], [20.0, 40.0], [20.0, 21.0]])
def test_it_is_told_how_long_a_server_is_up_again(admission, crashes):
    """Each crash lasts a second; two that follow at once are one."""
    policy = admission(f"""
def on_request(self, arrival, u):
    ended_s = 0.0
    for start_s in {crashes}:
        if start_s < arrival.now_s:
            ended_s = start_s + 1.0
    is_right = abs(arrival.up_s - (arrival.now_s - ended_s)) < 1e-6 if ended_s > 0.0 else arrival.up_s > 1e9
    return admit() if is_right else refuse()
""")
    faults = [{"kind": "crash", "servers": [0], "start_s": start, "duration_s": 1.0} for start in crashes]
    launches = [(time, 0, 0.1) for time in (5.0, 22.5, 30.0, 45.0)]
    assert counted(run(launches, policy, {"faults": faults}), "grants", "overloaded") == [4, 0]


def test_it_is_told_who_runs_under_a_lease(admission):
    """One launch before a crash and one after it; its client hears of the lost lease and asks for another."""
    policy = admission("""
def on_request(self, arrival, u):
    return admit() if arrival.has_lease == 1 or arrival.now_s < 20.0 else refuse()
""")
    launches = [(10.0, 0, 500.0), (200.0, 1, 500.0)]
    found = run(launches, FORGETS, policy)
    assert counted(found, "leases_lost", "grants", "overloaded", "evictions") == [1, 2, 1, 0]


@pytest.mark.parametrize("seed", range(3))
def test_nobody_loses_a_license_to_a_newcomer_while_a_server_learns(seed):
    """Forty users want twenty licenses: all that run get theirs back, but only from a server that learns."""
    crowd = {
        "run": {"seed": seed},
        "clients": {"count": 40},
        "products": [{"name": "editor", "licenses": 20}],
        "servers": {"service_ms": 1.0},
        "workload": {"arrivals": "closed", "launch_interval_s": 20.0, "run_time_s": 60.0},
        "policies": {"failover": {"name": "full-jitter"}},
    }
    learning = {"policies": {"admission": {"name": "learning", "learning_s": 120.0}}}
    found = measure(crowd, FORGETS, learning)
    assert found["leases_lost"] > 10
    assert found["evictions"] == 0
    assert found["overloaded"] > 0
    assert measure(crowd, FORGETS)["evictions"] > 0


def test_a_queue_that_has_been_empty_stands_no_more():
    """Two and two a second apart: each pair's second one is the first that waits."""
    launches = [(10.0 + k + 0.01 * client, client, 0.1) for k in range(2) for client in range(3)]
    found = run(launches, {"policies": {"admission": {"name": "adaptive-lifo", "lifo_after_s": 0.5}}})
    assert found["queue_s_max"] == pytest.approx(2 * SERVICE - 0.02)
    late = run(launches, {"policies": {"admission": {"name": "adaptive-lifo", "lifo_after_s": 0.005}}})
    assert late["queue_s_max"] == pytest.approx(2 * SERVICE - 0.01)


@pytest.mark.parametrize("after_s", [-1.0, "'soon'"])
def test_a_time_to_stand_that_makes_no_sense_is_refused(admission, after_s):
    policy = admission(f"""
lifo_after_s = {after_s}

def on_request(self, arrival, u):
    return admit()
""")
    with pytest.raises(ScenarioError, match=rf"lifo_after_s: {after_s} is not allowed; it must be a number >= 0"):
        run(FOUR_AT_ONCE, policy)
