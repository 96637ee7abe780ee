"""Policies of real systems in whole worlds, against the laws of their published rules."""

from typing import Any

import pytest

from support.trials import replicate

CLIENTS = 200
TIME_OUT_S = 2.0


def world(*layers: dict[str, Any]) -> list[dict[str, Any]]:
    """Users who launch all the time, and servers that do nothing but answer."""
    return [
        {"title": "published", "run": {"duration_s": 2000.0, "warmup_s": 0.0}},
        {"servers": {"count": 2, "service_ms": 0.0}, "products": [{"licenses": 10**6}]},
        {"clients": {"count": CLIENTS, "request_timeout_s": TIME_OUT_S, "heartbeat_s": 0.0}},
        {"clients": {"enforcement": "before-start"}, "workload": {"launch_interval_s": 50.0, "run_time_s": 0.0}},
        *layers,
    ]


def away(servers: Any) -> dict[str, Any]:
    return {"faults": [{"kind": "unreachable", "servers": servers, "start_s": 0.0, "duration_s": 2000.0}]}


def failover(name: str, **parameters: Any) -> dict[str, Any]:
    return {"policies": {"failover": {"name": name, **parameters}}}


@pytest.mark.parametrize(("tries", "interval_s"), [(5.0, 10.0), (1.0, 3.0)])
def test_node_leases_are_tried_so_often_in_each_interval(tries, interval_s):
    """From its first launch on: `tries` attempts in tries x time-out + interval (1 + jitter / 2)."""
    layers = world(away("all"), failover("k8s-node-lease", tries=tries, interval_s=interval_s))
    (result,) = replicate(*layers, replications=1)
    period_s = tries * TIME_OUT_S + interval_s * 1.02
    assert result["attempts"] == pytest.approx(CLIENTS * (2000.0 - 50.0) / period_s * tries, rel=0.02)


@pytest.mark.parametrize("skips", [0.0, 1.0])
def test_rlm_asks_a_server_that_is_away_once_or_every_time(skips):
    """One of three servers is away: a client that skips it has one time-out there, others keep meeting it."""
    layers = world(away([0]), failover("rlm", skips=skips), {"servers": {"count": 3}})
    layers.append({"policies": {"failback": {"name": "at-next-request"}, "selection": {"name": "ring"}}})
    (result,) = replicate(*layers, replications=1)
    preferring = sum(client % 3 == 0 for client in range(CLIENTS))
    if skips:
        assert result["timeouts"] == pytest.approx(preferring, abs=preferring * 0.02)
    else:
        assert result["timeouts"] > 20 * preferring
    assert result["grants"] > 0.97 * result["launches"]


def overloaded(admission: dict[str, Any]) -> list[dict[str, Any]]:
    """One server is asked twice as often as it can serve: 10 requests a second take 0.2 s each."""
    return world(
        {"servers": {"count": 1, "service_ms": 200.0, "release_cost": 0.0}, "network": {"latency_ms": 0.0}},
        {"clients": {"count": 5000, "request_timeout_s": 1e6}, "workload": {"arrivals": "open"}},
        {"workload": {"launch_interval_s": 500.0}, "policies": {"admission": admission}},
        {"run": {"warmup_s": 60.0}},
        failover("never"),
    )


def test_codel_bounds_the_wait_at_a_server_that_is_overloaded_and_keeps_it_busy():
    layers = overloaded({"name": "codel", "target_s": 3.0, "interval_s": 10.0})
    (result,) = replicate(*layers, replications=1)
    assert result["queue_s_max"] <= 10.0  # while it fills up
    assert 2.6 <= result["queue_s_mean"] <= 3.0
    assert result["server_utilization_mean"] > 0.999
    assert result["overloaded"] / result["attempts"] == pytest.approx(0.5, rel=0.03)


def test_a_server_with_a_rate_limit_takes_that_many_requests():
    """4 a second and a burst of 10; it could serve 5."""
    layers = overloaded({"name": "rate-limit", "per_s": 4.0})
    (result,) = replicate(*layers, replications=1)
    assert result["attempts"] - result["overloaded"] == pytest.approx(4.0 * 2000.0, rel=0.01)
    assert result["server_utilization_mean"] == pytest.approx(0.8, rel=0.01)


@pytest.mark.parametrize(
    ("name", "cost", "loss"), [("aws-quota", 10.0, 0.3), ("aws-quota-2026", 14.0, 0.2), ("aws-quota", 10.0, 0.04)]
)
def test_the_quota_of_aws_grants_so_many_retries(name, cost, loss):
    """A call fails with probability p: min(p + p^2, (1 - p) / (c p)) retries of each request, two at the most."""
    p = 1.0 - (1.0 - loss) ** 2
    within = [{"name": name, "tokens": 50.0}]
    layers = world(failover("retry-then-give-up", retries=2.0, delay_s=0.0, within=within))
    layers += [{"network": {"loss": loss}}, {"run": {"duration_s": 20_000.0, "warmup_s": 2000.0}}]
    (result,) = replicate(*layers, replications=1)
    expected = min(p + p * p, (1.0 - p) / (cost * p))
    assert result["retries"] / result["launches"] == pytest.approx(expected, rel=0.05)
