"""What budgets and breakers promise, held in whole worlds."""

from statistics import fmean
from typing import Any

import pytest

from support.trials import margin, replicate

CLIENTS = 200


def world(within: list[dict[str, Any]], failover: dict[str, Any], *layers: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"title": "budgets", "run": {"duration_s": 2000.0, "warmup_s": 0.0}},
        {"servers": {"count": 2, "service_ms": 0.0}, "products": [{"licenses": 10**6}]},
        {
            "clients": {
                "count": CLIENTS,
                "request_timeout_s": 2.0,
                "heartbeat_s": 0.0,
                "enforcement": "before-start",
            }
        },
        {"workload": {"launch_interval_s": 50.0, "run_time_s": 0.0}},
        {"policies": {"failover": failover | {"within": within}}},
        *layers,
    ]


ALL_AWAY = {"faults": [{"kind": "unreachable", "servers": "all", "start_s": 0.0, "duration_s": 2000.0}]}
FOR_EVER = [{"name": "immediate"}, {"name": "full-jitter", "base_s": 0.1, "cap_s": 1.0}]


@pytest.mark.parametrize("failover", FOR_EVER, ids=lambda policy: policy["name"])
@pytest.mark.parametrize(
    ("wrapper", "retries"),
    [
        ({"name": "aws-quota", "tokens": 10, "retry_cost": 5, "timeout_cost": 5}, 2),
        ({"name": "token-bucket", "tokens": 7, "deposit": 0.0}, 7),
        ({"name": "grpc-throttle", "tokens": 10}, 4),
    ],
    ids=lambda value: value["name"] if isinstance(value, dict) else "",
)
def test_a_budget_that_is_never_refilled_bounds_the_retries_of_a_run(failover, wrapper, retries):
    """Every client has so many retries in all, and uses them: each launch has one first try."""
    (result,) = replicate(*world([wrapper], failover, ALL_AWAY), replications=1)
    assert result["launches"] > 20 * CLIENTS
    tried_again = result["attempts"] - result["launches"]
    assert CLIENTS * retries - CLIENTS <= tried_again <= CLIENTS * retries
    assert result["grants"] == 0


@pytest.mark.parametrize("interval_s", [0.1, 0.5])
def test_finagle_amplifies_by_a_fifth_and_ten_retries_a_second(interval_s):
    """At most 1.2 + 10 / rate attempts of each launch, for clients of this rate; if all fail, nearly as many."""
    duration_s, clients = 1000.0, 20
    busy = {"clients": {"count": clients}, "workload": {"launch_interval_s": interval_s}}
    refusing = {"faults": [ALL_AWAY["faults"][0] | {"kind": "refusing"}], "network": {"latency_ms": 1.0}}
    layers = world([{"name": "finagle-budget"}], FOR_EVER[0], busy, refusing)
    (result,) = replicate(*layers, {"run": {"duration_s": duration_s, "warmup_s": 50.0}}, replications=1)
    rate = result["launches"] / clients / duration_s
    assert rate == pytest.approx(1 / interval_s, rel=0.2)
    most = 1.2 + 10.0 / rate
    assert 0.98 * most <= result["amplification"] <= 1.01 * most  # 10 s, the time to live, at its edges


@pytest.mark.parametrize("loss", [0.02, 0.1, 0.3])
def test_brookers_bucket_amplifies_by_a_tenth_at_most(loss):
    """A try fails with chance p: 1 / (1 - p) tries, or as many more as the good ones pay for, a tenth each.

    Both are the same at p = 1 / 11, and 1.1 there.
    """
    p = 1 - (1 - loss) ** 2
    busy = {"clients": {"count": 40}, "workload": {"launch_interval_s": 1.0}, "network": {"loss": loss}}
    run = {"run": {"duration_s": 4000.0, "warmup_s": 400.0}}
    values = [
        result["amplification"]
        for result in replicate(*world([{"name": "token-bucket"}], FOR_EVER[1], busy, run), replications=4)
    ]
    assert fmean(values) == pytest.approx(min(1 / (1 - p), 1 / (1 - 0.1 * (1 - p))), rel=0.003)
    assert max(values) <= 1.1


@pytest.mark.parametrize("tries", [1, 2, 5])
def test_tries_of_each_request_are_bounded(tries):
    layers = world([{"name": "max-tries", "tries": tries}], FOR_EVER[1], ALL_AWAY)
    (result,) = replicate(*layers, replications=1)
    assert result["attempts"] == pytest.approx(result["launches"] * tries, abs=CLIENTS * tries)


def test_nobody_waits_longer_than_the_deadline():
    """A try may end a time-out after it."""
    layers = world([{"name": "deadline", "s": 10.0}], FOR_EVER[1], ALL_AWAY)
    (result,) = replicate(*layers, replications=1)
    a_launch = (2000.0 / result["launches"]) * CLIENTS - 50.0  # from launch to giving up, by Little's law
    assert 8.0 <= a_launch <= 12.5


@pytest.mark.parametrize("loss", [0.05, 0.2])
def test_a_breaker_that_never_opens_changes_nothing(loss):
    """Its volume is out of reach: the digest is that of a world without it, whose policy draws the same."""
    calm = {"network": {"loss": loss}}
    plain, within = (
        replicate(
            *world(wrappers, {"name": "retry-then-give-up", "retries": 2.0, "delay_s": 1.0}, calm), replications=1
        )
        for wrappers in ([], [{"name": "hystrix", "calls": 10**6}])
    )
    assert plain == within


def test_an_open_breaker_asks_once_each_sleep_window():
    """One client, a server that is away: after the first `calls` failures a probe each open_s + time-out."""
    breaker = {"name": "hystrix", "calls": 3.0, "window_s": 1e6, "open_s": 38.0, "waits": 1.0}
    layers = world([breaker], {"name": "immediate"}, ALL_AWAY, {"clients": {"count": 1}})
    (result,) = replicate(*layers, replications=1)
    assert result["attempts"] == pytest.approx((2000.0 - 50.0) / (2.0 + 38.0), abs=6.0)


@pytest.mark.parametrize("k", [1.2, 2.0])
def test_google_lets_a_server_that_is_overloaded_refuse_k_minus_one_of_k(k):
    """Demand is four times what the server can do, and one request may wait; k attempts reach it for each
    accepted.

    That is so for many requests in a window; a few are sent more than they should, as they come in lumps.
    """
    layers = world(
        [{"name": "sre-throttle", "k": k, "window_s": 400.0}],
        {"name": "never"},
        {"clients": {"count": 40}, "workload": {"launch_interval_s": 1.0}},
        {
            "servers": {
                "count": 1,
                "service_ms": 100.0,
                "service": "exponential",
                "queue_limit": 1,
                "release_cost": 0.0,
            }
        },
        {"run": {"duration_s": 4000.0, "warmup_s": 1000.0}},
    )
    values = [r["attempts"] / (r["attempts"] - r["overloaded"]) for r in replicate(*layers)]
    assert fmean(values) == pytest.approx(k, rel=0.03)
    assert margin(values) < 0.02


@pytest.mark.parametrize("k", [1.1, 2.0])
def test_google_goes_silent_where_the_share_that_fails_does_not_depend_on_load(k):
    """Of R requests in a window s R are sent, and a share w of those works.

    s = (k w s R + 1) / (R + 1), so that with k w < 1 about 1 / (1 - k w) are sent in all.
    """
    works, window_s = 0.55**2, 400.0
    layers = world(
        [{"name": "sre-throttle", "k": k, "window_s": window_s}],
        {"name": "never"},
        {"network": {"loss": 0.45}, "clients": {"count": 40}, "workload": {"launch_interval_s": 1.0}},
        {"run": {"duration_s": 6000.0, "warmup_s": 1000.0}},
    )
    for result in replicate(*layers, replications=3):
        sent_a_window = result["attempts"] / 40 / 6000.0 * window_s
        assert sent_a_window == pytest.approx(1 / (1 - k * works), rel=0.35)
