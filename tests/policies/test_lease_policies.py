"""Policies of services that hand out leases, and of who has a time of grace, against their published schedules."""

import numpy as np
import pytest
from meterstorm.policies import TIMED_OUT, Link
from meterstorm.policies.failover import FAIL_OVER, GIVE_UP, GO_OFFLINE, RETRY
from meterstorm.policies.registry import resolve

LINK = Link(0.0, TIMED_OUT, 0.0, 1, 1, 0, 2, 1)


class Client:
    """A client that fails at times, and remembers them."""

    def __init__(self, name: str, **parameters: float):
        self.policy = resolve("failover", name, parameters)
        self.memory = np.zeros(int(getattr(self.policy, "memory_size", 0)))

    def fails(self, now_s: float, tries_here: int = 1, u: float = 0.5, is_heartbeat: int = 0):
        link = LINK._replace(now_s=now_s, tries_here=tries_here, failures=tries_here, is_heartbeat=is_heartbeat)
        return self.policy.on_failure(link, self.memory, u)


@pytest.mark.parametrize("u", [0.0, 0.5, 1.0])
def test_kubelets_try_five_times_at_once_and_then_at_the_next_renewal(u):
    client = Client("k8s-node-lease")
    pauses = [client.fails(0.0, n, u).delay_s for n in range(1, 16)]
    renewal_s = 10.0 * (1.0 + 0.04 * u)
    assert pauses == [0.0, 0.0, 0.0, 0.0, renewal_s] * 3


def heartbeats_until_dropped(client: Client, interval_s: float = 12.0) -> int:
    """The heartbeats that fail, one each interval, until the lease is dropped."""
    for n in range(1, 100):
        decision = client.fails(1000.0 + n * interval_s, n, is_heartbeat=1)
        if decision.action == FAIL_OVER:
            return n
        assert (decision.action, decision.delay_s) == (RETRY, interval_s)
    raise AssertionError("never dropped")


def test_akka_drops_a_lease_with_its_first_failed_heartbeat():
    client = Client("akka-fail-fast")
    assert heartbeats_until_dropped(client) == 1
    assert heartbeats_until_dropped(client) == 1


@pytest.mark.parametrize(("timeout_s", "interval_s"), [(120.0, 12.0), (60.0, 5.0), (100.0, 20.0)])
def test_akka_may_keep_a_lease_until_two_intervals_before_it_runs_out(timeout_s, interval_s):
    """The last heartbeat is the last that fails within timeout - 2 intervals of the last good one."""
    client = Client("akka-fail-fast", fails_fast=0, timeout_s=timeout_s, interval_s=interval_s)
    expected = int((timeout_s - 2.0 * interval_s) / interval_s)
    assert heartbeats_until_dropped(client, interval_s) == expected
    assert heartbeats_until_dropped(client, interval_s) == expected  # it counts anew


def test_akka_retries_requests():
    assert {Client("akka-fail-fast").fails(1.0, n) for n in range(1, 9)} == {(RETRY, 5.0)}


def test_doorman_backs_off_by_1_3_until_its_lease_has_run_out():
    client, now_s, pauses = Client("doorman"), 500.0, []
    while (decision := client.fails(now_s, len(pauses) + 1)).action == RETRY:
        pauses.append(decision.delay_s)
        now_s += decision.delay_s
    assert pauses == pytest.approx([min(60.0, 1.3**n) for n in range(len(pauses))])
    assert now_s - pauses[-1] < 800.0 <= now_s
    assert decision.action == GIVE_UP
    safe = Client("doorman", safe=1, lease_s=0.0)
    assert safe.fails(1.0) == (GO_OFFLINE, 60.0)


def test_jetbrains_does_without_a_server_for_48_hours():
    client = Client("jetbrains")
    hours = [client.fails(7000.0 + 3600.0 * hour) for hour in range(50)]
    assert [decision.action for decision in hours] == [GO_OFFLINE] * 48 + [GIVE_UP] * 2
    assert {decision.delay_s for decision in hours[:48]} == {3600.0}


@pytest.mark.parametrize(
    ("name", "parameter", "value"),
    [("k8s-node-lease", "tries", 0.5), ("k8s-node-lease", "tries", 0), ("jetbrains", "interval_s", 0),
     ("akka-fail-fast", "interval_s", 0), ("doorman", "base_s", 0)],
)  # fmt: skip
def test_impossible_parameters(name, parameter, value):
    with pytest.raises(ValueError, match=f"{parameter}: {value}"):
        resolve("failover", name, {parameter: value})
