"""Clients that come back without a failure: when, how often, and where all are in the end."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from meterstorm.actors.shards.shard import Shard
from meterstorm.actors.shards.simulate import simulate
from meterstorm.experiments.metrics.metrics import metrics
from meterstorm.experiments.scenario import Scenario, load, versions

from support.trials import hold, replicate, scenario

SECOND = 1_000_000_000
CLIENTS, LAUNCHED_S, END_S = 60, 10, 4000
FAIR = [24, 24, 24]
COMING_BACK: list[dict[str, Any]] = [
    {"name": "at-next-request"},
    {"name": "probe", "interval_s": 20.0},
    {"name": "max-age", "max_age_s": 200.0},
    {"name": "drain", "drain_share": 0.1},
]


def failback(name: str, **parameters: float) -> dict[str, Any]:
    """The layer of policies: a client fails over at once, to the next server."""
    policy = {"name": name, **parameters}
    return {"policies": {"failover": {"name": "immediate"}, "failback": policy, "balancing": {"name": "static"}}}


def away(folder: Path, until_s: float) -> list[dict[str, Any]]:
    """All clients launch at second 10, at one of two servers, which refuses until a time. Nothing takes time."""
    trace = folder / "all_at_once.csv"
    trace.write_text("time_s,client,run_time_s\n" + "".join(f"{LAUNCHED_S},{c},1e6\n" for c in range(CLIENTS)))
    return [
        {"title": "away", "run": {"duration_s": END_S, "warmup_s": 0.0}, "network": {"latency_ms": 0.0}},
        {"servers": {"count": 2, "service_ms": 0.0}, "products": [{"licenses": 4 * CLIENTS}]},
        {"clients": {"count": CLIENTS, "assignment": [1.0, 0.0], "heartbeat_s": 0.0}},
        {"workload": {"arrivals": "trace", "trace": str(trace)}},
        {"faults": [{"kind": "refusing", "servers": [0], "start_s": 0.0, "duration_s": until_s}]},
    ]


def at_home(shard: Shard, time_s: float) -> int:
    """How many clients have their first server at a time."""
    shard.run(round(time_s * SECOND))
    return int((shard.world.clients["server"] == shard.world.clients["home"]).sum())


def clients_at(made: Scenario, replication: int = 0) -> list[int]:
    """How many clients each server was the last to hear of, at the end."""
    return [int(count) for count in simulate(made, replication).servers["clients"]]


# Restarts in turn


def rolling(policy: dict[str, Any]) -> Scenario:
    """Three servers restart one after the other; each client asks its server so often that it notices."""
    restarts = [
        {"kind": "crash", "servers": [s], "start_s": 1000.0 + 2000.0 * s, "duration_s": 1000.0} for s in range(3)
    ]
    return scenario(
        {"title": "rolling restart", "run": {"duration_s": 8000.0, "warmup_s": 0.0}},
        {"servers": {"count": 3, "service_ms": 1.0}, "products": [{"licenses": 1000}]},
        {"clients": {"count": 72, "heartbeat_s": 20.0}},
        {"workload": {"launch_interval_s": 20.0, "run_time_s": 40.0}},
        failback(**policy),
        {"faults": restarts},
    )


def test_who_stays_leaves_the_server_that_restarts_last_empty():
    """Each restart sends all clients of a server to the next one: 0 + 48 + 24, 0 + 0 + 72, 72 + 0 + 0."""
    made = rolling({"name": "none"})
    assert clients_at(made) == [72, 0, 0]
    assert metrics(made, simulate(made))["time_to_balance_s"] == math.inf


@pytest.mark.parametrize("policy", COMING_BACK, ids=lambda policy: policy["name"])
def test_who_comes_back_makes_a_rolling_restart_end_as_it_began(policy: dict[str, Any]):
    made = rolling(policy)
    assert clients_at(made) == FAIR
    found = metrics(made, simulate(made))
    assert 0 < found["time_to_balance_s"] < 1000
    assert found["failbacks"] >= 72


def in_scenario(case: str) -> dict[str, tuple[Any, dict[str, Any]]]:
    """Of the built-in scenario: where clients are at the end, and the metrics, by arm."""
    tallies = {v.arm: (v.scenario, simulate(v.scenario)) for v in versions(load("coming-back")) if v.case == case}
    return {arm: (tally.servers["clients"], metrics(made, tally)) for arm, (made, tally) in tallies.items()}


@pytest.mark.parametrize("case", ["primary returns", "rolling restart"])
def test_the_built_in_scenario_ends_as_it_began_with_each_policy(case: str):
    for arm, (clients, found) in in_scenario(case).items():
        if arm == "none":
            assert found["time_to_balance_s"] == math.inf and clients.max() > 35
        else:
            assert found["time_to_balance_s"] < (60 + 10 + 1 if "probe" in arm else 7200), arm
            assert abs(clients - 24).max() <= 3, arm


def test_the_built_in_scenario_has_the_backup_keep_the_clients():
    """With none, each of the 24 leaves the first server once, or never, and stays with the next one."""
    clients, found = in_scenario("primary returns")["none"]
    assert clients.tolist() == [24 - found["failovers"], 24 + found["failovers"], 24]
    assert found["failovers"] > 20


# When


@pytest.mark.parametrize(("interval_s", "jitter_s"), [(30.0, 0.0), (30.0, 20.0), (300.0, 60.0)])
def test_all_are_back_one_probe_after_the_return(interval_s: float, jitter_s: float, tmp_path: Path):
    """Nobody before the server is back, and everyone a period, T + U(0, J), later."""
    back_s = 1000.0
    layers = away(tmp_path, back_s)
    shard = Shard(scenario(*layers, failback("probe", interval_s=interval_s, jitter_s=jitter_s)))
    assert at_home(shard, back_s) == 0
    assert at_home(shard, back_s + interval_s + jitter_s + 0.001) == CLIENTS


def test_without_jitter_the_balance_comes_with_the_next_probe(tmp_path: Path):
    """Probes at 10 s + n T; the first after the return at R is ceil((R - 10 s) / T) T later than the launch."""
    period_s, back_s = 70.0, 1001.0
    (found,) = replicate(
        *away(tmp_path, back_s), failback("probe", interval_s=period_s, jitter_s=0.0), replications=1
    )
    probes = math.ceil((back_s - LAUNCHED_S) / period_s)
    assert found["time_to_balance_s"] == pytest.approx(LAUNCHED_S + probes * period_s - back_s, abs=1e-6)
    assert found["probes"] == probes * CLIENTS


def test_a_max_age_is_up_within_its_jitter(tmp_path: Path):
    """Away from 10 s on: nobody moves before 0.9 of the age, and all by 1.1; about half by the age."""
    shard = Shard(scenario(*away(tmp_path, 20.0), failback("max-age", max_age_s=1000.0)))
    assert at_home(shard, LAUNCHED_S + 900.0 - 0.001) == 0
    assert 0.2 * CLIENTS < at_home(shard, LAUNCHED_S + 1000.0) < 0.8 * CLIENTS
    assert at_home(shard, LAUNCHED_S + 1100.0 + 0.001) == CLIENTS


@pytest.mark.parametrize("share", [0.05, 0.5, 1.0])
def test_a_server_drains_a_share_of_its_excess_each_second(share: float, tmp_path: Path):
    """n, n - ceil(p n), ...: a share of who is too many is asked each second, and goes at once; none at home."""
    back_s, own = 500.0, CLIENTS // 3
    layers = [*away(tmp_path, back_s), {"clients": {"assignment": [2.0, 1.0]}}]
    shard = Shard(scenario(*layers, failback("drain", drain_share=share)))
    excess = CLIENTS - own
    for second in range(math.ceil(back_s), math.ceil(back_s) + 60):
        assert at_home(shard, second + 0.5) == CLIENTS - (excess := excess - math.ceil(share * excess))
    assert excess == 0


# How often


def renewals(time_s: float, mean_s: float, variance: float) -> float:
    """Mean number of renewals in a long time, for one source that begins with one (Cox 1962, section 4.2)."""
    return time_s / mean_s + (variance - mean_s**2) / (2 * mean_s**2)


@pytest.mark.parametrize(("interval_s", "jitter_s"), [(20.0, 20.0), (5.0, 40.0)])
def test_probes_are_renewals(interval_s: float, jitter_s: float, tmp_path: Path):
    """A probe that fails is no failure of the server that the client has: one refusal each, and one move."""
    layers = [*away(tmp_path, END_S), failback("probe", interval_s=interval_s, jitter_s=jitter_s)]
    results = replicate(*layers)
    law = CLIENTS * renewals(END_S - LAUNCHED_S, interval_s + jitter_s / 2, jitter_s**2 / 12)
    hold("probes", [result["probes"] for result in results], law, within=0.01)
    for result in results:
        assert result["refusals"] == result["failovers"] == result["grants"] == CLIENTS
        assert result["timeouts"] == result["retries"] == result["failbacks"] == 0


@pytest.mark.parametrize("servers", [2, 3])
def test_moves_by_age_are_renewals(servers: int):
    """n / age moves a second, whatever the load; an age is uniform on (1 +- j) times its mean."""
    age_s, jitter = 20.0, 0.5
    results = replicate(
        {"title": "ages", "run": {"duration_s": END_S, "warmup_s": 0.0}},
        {"servers": {"count": servers}, "clients": {"count": CLIENTS}},
        failback("max-age", max_age_s=age_s, jitter=jitter, preferred=0),
    )
    law = CLIENTS * renewals(END_S, age_s, (2 * jitter * age_s) ** 2 / 12)
    hold("failbacks", [result["failbacks"] for result in results], law, within=0.01)


# Rules that relate two runs


@pytest.mark.parametrize("name", ["at-next-request", "probe", "max-age"])
def test_who_never_leaves_is_not_touched(name: str):
    """Without faults nobody is away: the same events as with none, to the last one."""
    calm = [{"title": "calm"}, {"run": {"duration_s": 3600.0}, "clients": {"count": 50}}]
    with_it, without = (simulate(scenario(*calm, failback(policy))) for policy in (name, "none"))
    assert with_it.digest == without.digest
    assert np.array_equal(with_it.series, without.series)
