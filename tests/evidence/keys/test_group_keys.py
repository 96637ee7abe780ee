"""[[groups]]: clients with settings of their own, worked out by hand from experiments/README.md."""

from typing import Any

import numpy as np
import pytest
from meterstorm.actors.setup.groups import rows_of_clients
from meterstorm.actors.shards.simulate import simulate
from meterstorm.experiments.metrics.groups import of_groups, sizes
from meterstorm.experiments.metrics.metrics import metrics
from meterstorm.experiments.scenario import validate

from support.lab import ANSWER, LAST, LATENCY, covers, exactly, on_bare, recorded

AWAY = {"faults": [{"kind": "unreachable", "servers": "all", "start_s": 0.0, "duration_s": LAST}]}
BUSY = {"workload": {"arrivals": "open", "launch_interval_s": 10.0, "launch": "constant", "run_time_s": 0.0}}


def of(groups: list[dict[str, Any]], *layers: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The metrics of each group in a world of four clients, and of the rest."""
    made = validate(on_bare({"groups": groups}, *layers))
    return of_groups(made, simulate(made))


def group(name: str = "a", **more: Any) -> dict[str, Any]:
    return {"name": name, "share": 0.5} | more


@covers("groups.name")
def test_metrics_have_the_names_of_groups_and_the_rest_come_first():
    assert list(of([group("b", share=0.25), group("a", share=0.25)])) == ["rest", "b", "a"]
    assert list(of([group("b"), group("a")])) == ["b", "a"]


@covers("groups.share", "groups.count")
@pytest.mark.parametrize(
    ("wanted", "clients", "expected"),
    [
        ([{"share": 0.5}], 4, [2, 2]),
        ([{"share": 0.5}], 5, [2, 3]),
        ([{"share": 1 / 3}, {"share": 1 / 3}, {"share": 1 / 3}], 7, [0, 2, 3, 2]),
        ([{"share": 0.1}] * 10, 15, [0, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1]),
        ([{"count": 3}, {"share": 0.25}], 8, [3, 3, 2]),
        ([{"share": 1.0}], 3, [0, 3]),
    ],
)
def test_shares_add_up_and_are_then_rounded(wanted, clients, expected):
    made = validate(
        {
            "title": "x",
            "clients": {"count": clients},
            "groups": [{"name": str(n), **size} for n, size in enumerate(wanted)],
        }
    )
    rows = rows_of_clients(made)
    assert np.bincount(rows, minlength=len(expected) + 1)[1:].tolist() == expected
    assert list(sizes(made).values()) == [size for size in expected if size]


@covers("groups.set")
def test_users_of_a_group_launch_as_it_says():
    """Constant intervals of 10 s and 20 s, with a random phase each, for 1,000 s."""
    found = of([group(set={"workload.launch_interval_s": 20.0})], BUSY)
    assert found["rest"]["launches"] == 2 * LAST / 10
    assert found["a"]["launches"] == 2 * LAST / 20


@covers("groups.set")
def test_programs_of_a_group_run_as_long_as_it_says():
    constant = {"workload": {"arrivals": "open", "launch": "constant", "run_time": "constant", "run_time_s": 3.0}}
    layer = {
        "clients": {"enforcement": "after-start"},
        "workload": constant["workload"] | {"launch_interval_s": 50.0},
    }
    found = of([group(set={"clients.enforcement": "before-start"})], layer)
    assert found["a"]["unmetered_license_hours"] == 0
    early = found["rest"]["launches"] * (ANSWER / 3600)
    assert found["rest"]["unmetered_license_hours"] == pytest.approx(early, rel=1e-3)


@covers("groups.set")
@pytest.mark.parametrize("timeouts", [(2.0, 3.0), (3.0, 2.0)])
def test_requests_of_a_group_time_out_when_it_says(timeouts, tmp_path):
    """Nobody answers, and clients try for ever: an attempt each time-out and second, from 10 s to 30 s."""
    rest_s, own_s = timeouts
    policies = {"failover": {"name": "retry-then-failover", "retries": 1000, "delay_s": 1.0}}
    launches = [(10.0, client, 1000.0) for client in range(4)]
    layers = [
        AWAY,
        recorded(launches, tmp_path),
        {"policies": policies, "run": {"duration_s": 30.0, "sample_s": 30.0}},
    ]
    found = of(
        [group(set={"clients.request_timeout_s": own_s})], {"clients": {"request_timeout_s": rest_s}}, *layers
    )
    for name, timeout_s in (("rest", rest_s), ("a", own_s)):
        assert found[name]["timeouts"] == 2 * (20 // (timeout_s + 1) + (20 % (timeout_s + 1) > timeout_s))


@covers("groups.set")
def test_a_group_may_have_policies_of_its_own(tmp_path):
    """One server of two is away: who fails over asks the other one, who does not gives up."""
    layers = [
        recorded([(10.0, client, 10.0) for client in range(4)], tmp_path),
        {"servers": {"count": 2}, "faults": [{"servers": [0], "start_s": 0.0, "duration_s": LAST}]},
        {"policies": {"failover": {"name": "never"}}},
    ]
    found = of([group(share=1.0, set={"policies.failover": {"name": "immediate"}})], *layers)
    assert (found["a"]["failovers"], found["a"]["gave_up"], found["a"]["grants"]) == (2, 0, 4)
    assert of([group(share=1.0)], *layers)["a"]["gave_up"] == 2


@covers("groups.set")
def test_denied_users_of_a_group_do_as_its_policy_says(tmp_path):
    """No licenses: users who give up are denied once, others each minute, from 10 s to 1,000 s."""
    denial = {"name": "constant-retry", "delay_s": 60.0}
    layers = [
        recorded([(10.0, client, 10.0) for client in range(4)], tmp_path),
        {"products": [{"name": "editor", "licenses": 0}]},
    ]
    found = of([group(set={"policies.denial": denial})], *layers)
    assert (found["rest"]["denials"], found["rest"]["waiting_users_mean"]) == (2, 0)
    assert found["a"]["denials"] == 2 * (1 + (LAST - 10) // 60)
    assert found["a"]["waiting_users_mean"] == pytest.approx(2 * (LAST - 10) / LAST, rel=1e-2)
    assert found["rest"]["wait_s_mean"] == pytest.approx(2 * LATENCY, abs=1.0)


@covers("groups.set")
def test_memory_of_policies_is_as_large_as_the_largest(tmp_path):
    """Decorrelated jitter remembers its last delay; the policy of the rest remembers nothing."""
    layers = [AWAY, recorded([(10.0, client, 1000.0) for client in range(4)], tmp_path)]
    jitter = {"name": "decorrelated-jitter", "base_s": 1.0, "cap_s": 100.0}
    found = of([group(set={"policies.failover": jitter})], *layers)
    all_of_them = of([group(share=1.0, set={"policies.failover": jitter})], *layers)
    assert found["rest"]["attempts"] == 2
    assert 2 < found["a"]["attempts"] < all_of_them["a"]["attempts"]


def test_a_whole_policy_and_single_keys_make_the_same_group():
    table = {"policies": {"failover": {"name": "immediate"}}, "clients": {"heartbeat_s": 5.0}}
    single = {"policies.failover.name": "immediate", "clients.heartbeat_s": 5.0}
    one, other = (validate(on_bare({"groups": [group(set=settings)]})).of_groups for settings in (table, single))
    assert one == other
    assert one[0].clients.heartbeat_s == exactly(5.0)


@covers("groups.set")
@pytest.mark.parametrize("names", [True, False])
def test_heartbeats_of_a_group_name_leases_if_it_says_so(names, tmp_path):
    """The release of the first program is lost; the second one runs on, and heartbeats name it alone."""
    launches = [(10.0 + n, client, (100.0, 800.0)[n]) for n in range(2) for client in range(4)]
    layers = [
        recorded(sorted(launches), tmp_path),
        {"clients": {"programs": 2, "heartbeat_s": 60.0, "heartbeat_names_leases": not names}},
        {"faults": [{"servers": "all", "start_s": 105.0, "duration_s": 20.0}]},
        {"groups": [group(share=1.0, set={"clients.heartbeat_names_leases": names})]},
    ]
    made = validate(on_bare(*layers))
    ghost_h = metrics(made, simulate(made))["ghost_license_hours"]
    if names:
        assert 0 < ghost_h < 4 * (60.0 + 20.0) / 3600
    else:
        assert ghost_h == pytest.approx(4 * (LAST - 110.0) / 3600, rel=1e-2)


def test_denials_of_what_waited_in_a_queue_are_those_of_their_clients(tmp_path):
    """A server stalls as all ask it; then it denies all of them at one instant."""
    layers = [
        recorded([(10.0, client, 10.0) for client in range(4)], tmp_path),
        {"products": [{"name": "editor", "licenses": 0}], "clients": {"request_timeout_s": 60.0}},
        {"servers": {"service_ms": 0.0}},
        {"faults": [{"kind": "stall", "servers": [0], "start_s": 5.0, "duration_s": 20.0}]},
    ]
    found = of([group(share=0.25)], *layers)
    assert (found["rest"]["denials_exhausted"], found["a"]["denials_exhausted"]) == (3, 1)


def test_messages_and_waits_are_those_of_a_groups_own_clients(tmp_path):
    """Client 0, of the rest, has the license that client 1 waits for, until it is called back."""
    layers = [
        recorded([(10.0, 0, 30.0), (20.0, 1, 30.0)], tmp_path),
        {"products": [{"name": "editor", "licenses": 1}], "clients": {"count": 2}},
        {"policies": {"denial": {"name": "callback"}}},
    ]
    found = of([group()], *layers)
    assert found["rest"]["messages"] == len(["request", "grant", "release"])
    assert found["a"]["messages"] == len(["request", "deny", "callback", "request", "grant", "release"])
    assert found["rest"]["wait_s_mean"] == exactly(ANSWER)
    assert 20.0 < found["a"]["wait_s_mean"] < 21.0
