"""Times that no run lives to see: what would take for ever does not happen, least of all at once."""

import math
from typing import Any

import pytest
from meterstorm.experiments.scenario import ScenarioError, validate

from support.lab import at_once, measure, on_bare, run

FOREVER = 1e9  # s, the longest that a scenario takes; 9.2e9 s are 2^63 ns
MANY = 20_000
DISTRIBUTIONS = ["constant", "exponential", "lognormal", "gamma"]
CLIENTS = {"clients": {"count": 20}}
REFUSING = {"faults": [{"kind": "refusing", "start_s": 0.0, "duration_s": 10.5}]}
SLOW = {"kind": "slow", "factor": 1e9, "start_s": 0.0, "duration_s": 999.0}


@pytest.mark.parametrize("arrivals", ["closed", "open"])
@pytest.mark.parametrize("launch", DISTRIBUTIONS)
def test_nobody_launches(launch: str, arrivals: str):
    """Each launches within 1000 s with a chance of a millionth at the most."""
    found = measure(
        {
            "clients": {"count": MANY, "programs": 1 if arrivals == "closed" else 32},
            "workload": {"arrivals": arrivals, "launch_interval_s": FOREVER, "launch": launch},
        }
    )
    assert found["launches"] <= 2


@pytest.mark.parametrize("profile", [[[0.0, 1e-300], [1.0, 1e-300]], [[0.0, 0.0], [200_000.0, 1e-9]]])
def test_nobody_launches_at_night(profile: list[list[float]]):
    work = {"launch_interval_s": 1.0, "profile": profile}
    assert measure({"clients": {"count": MANY}, "workload": work})["launches"] == 0


@pytest.mark.parametrize("enforcement", ["after-start", "before-start"])
@pytest.mark.parametrize("run_time", DISTRIBUTIONS)
def test_nothing_that_runs_ends(run_time: str, enforcement: str):
    work = {"launch_interval_s": 1.0, "run_time_s": FOREVER, "run_time": run_time}
    users = {"count": 100, "enforcement": enforcement}
    found = measure({"servers": {"service_ms": 0.0}, "clients": users, "workload": work})
    assert found["launches"] == found["grants"] == 100


def test_denied_users_do_not_ask_again():
    users = CLIENTS | {"policies": {"denial": {"name": "retry", "delay_s": FOREVER}}}
    found = run(at_once(20), {"products": [{"name": "editor", "licenses": 0}]}, users)
    assert found["attempts"] == found["denials"] == 20


@pytest.mark.parametrize("service", ["constant", "exponential"])
@pytest.mark.parametrize("faults", [1, 3, 40])
def test_no_service_ends(faults: int, service: str):
    """Forty faults multiply to more than a float holds."""
    found = run(
        at_once(20), CLIENTS, {"servers": {"service_ms": 1000.0, "service": service}, "faults": [SLOW] * faults}
    )
    assert (found["timeouts"], found["grants"]) == (20, 0)
    assert found["server_utilization_mean"] == pytest.approx(1 - 10.005 / 1000)


def test_no_service_ends_that_is_long_by_itself():
    found = run(at_once(20), CLIENTS, {"servers": {"service_ms": 1e9, "release_cost": 1e9}})
    assert (found["timeouts"], found["grants"]) == (20, 0)


def test_no_message_arrives():
    """The mean is 10^6 s; the fastest of 20,000 takes 50 s, on average: four time-outs before it are certain."""
    found = run(at_once(20), CLIENTS, {"network": {"jitter_ms": 1e9}})
    assert (found["timeouts"], found["grants"]) == (20, 0)


@pytest.mark.parametrize("delay_s", [FOREVER, 9.3e9, 1e10, 1.9e10, 1e100, math.inf])
@pytest.mark.parametrize(
    "policy",
    [
        {"name": "retry-then-failover", "retries": 9.0},
        {"name": "retry-then-give-up", "retries": 9.0},
        {"name": "sms2-documented", "retries": 1.0},
        {"name": "sms2-documented", "retries": 0.0, "delay_s": 1.0},
    ],
)
def test_nobody_asks_again(policy: dict[str, Any], delay_s: float):
    """Each is refused once; a retry, or coming back online, would be served."""
    key = "delay_s" if "delay_s" not in policy else "offline_s"
    found = run(at_once(20), CLIENTS, REFUSING, {"policies": {"failover": policy | {key: delay_s}}})
    assert (found["attempts"], found["refusals"]) == (20, 20)


@pytest.mark.parametrize(("delay_s", "retries"), [(1.5e9, 1), (1.95e9, 0)])
def test_a_delay_of_more_than_a_billion_seconds_is_not_cut_short(delay_s: float, retries: int):
    """A request is lost at the start of a warm-up of 9e8 s; the run ends 1.9e9 s after it."""
    found = run(
        [(-9e8, 0, 1.0)],
        {
            "run": {"duration_s": 1e9, "warmup_s": 9e8, "sample_s": 1e9},
            "network": {"loss": 0.999999},
            "servers": {"scan_s": FOREVER},
            "policies": {"failover": {"name": "retry-then-failover", "retries": 9.0, "delay_s": delay_s}},
        },
    )
    assert found["attempts"] == retries


def test_profiles_of_more_hours_than_a_run_are_refused():
    with pytest.raises(ScenarioError, match="at most 277777"):
        validate(on_bare({"workload": {"profile": [[0.0, 1.0], [3e5, 1.0]]}}))
