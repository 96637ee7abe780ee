"""When renewing all leases collapses their store: the scenario lease-collapse against its fluid limit.

N holders, T their time-out, w the pause after it, mu what the store serves. With r = N / (mu T) and
c = (T + w) / T the delay of its queue, in units of T, is (r / c - 1) t - t^2 / (2 c) once it is back. It reaches 1
where r > c + sqrt(2 c).
"""

import math

import pytest
from meterstorm import load, run

TIME_OUT_S, PAUSE_S, MU = 10.0, 1.0, 25.0
C = (TIME_OUT_S + PAUSE_S) / TIME_OUT_S
BORDER = C + math.sqrt(2 * C)  # 2.58
TOLERANCE = 0.15  # single clients are no fluid, and a crowd that just reaches the border may still get through


def last_clients_s(r: float, arm: str = "as it was", pause_s: float = PAUSE_S) -> list[float]:
    """The time until the last client is served, in each of three replications."""
    settings = {"clients.count": round(r * MU * TIME_OUT_S), "products[0].licenses": 10_000, "run.replications": 3}
    changed = settings if pause_s == PAUSE_S else settings | {"policies.failover.delay_s": pause_s}
    (version,) = run(load("lease-collapse", changed, [arm])).versions
    return [float(one.metrics["time_to_last_client_s"] or 0.0) for one in version.replications]


def test_the_scenario_is_the_one_of_the_law():
    scenario = load("lease-collapse")
    assert (scenario.clients.request_timeout_s, 1000 / scenario.servers.service_ms) == (TIME_OUT_S, MU)
    assert scenario.policies.failover.parameters["delay_s"] == PAUSE_S


@pytest.mark.parametrize("r", [0.6, 1.4, 2.0])
def test_below_the_border_the_store_serves_all_of_them_once(r: float):
    """The last one is served when everybody is, N / mu, or has asked again, T + w, whichever comes later."""
    expected = max(r * TIME_OUT_S, TIME_OUT_S + PAUSE_S)
    for found in last_clients_s(r):
        assert found == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("pause_s", [PAUSE_S, 10.0])
def test_the_collapse_begins_at_the_border(pause_s: float):
    c = (TIME_OUT_S + pause_s) / TIME_OUT_S
    border = c + math.sqrt(2 * c)
    assert all(map(math.isfinite, last_clients_s(border * (1 - TOLERANCE), pause_s=pause_s)))
    assert all(map(math.isinf, last_clients_s(border * (1 + TOLERANCE), pause_s=pause_s)))


@pytest.mark.parametrize("arm", ["shedding by age", "newest first"])
def test_a_store_whose_requests_are_young_serves_a_crowd_far_beyond_it(arm: str):
    """Whoever still waits is served before T, so that each service counts until all have theirs: N / mu in all."""
    r = 2 * BORDER
    for found in last_clients_s(r, arm):
        assert found == pytest.approx(r * TIME_OUT_S, rel=0.05)


def test_a_restart_leaves_the_crowd_as_large_as_it_was():
    assert all(map(math.isinf, last_clients_s(1.5 * BORDER, "restart with an empty queue")))
