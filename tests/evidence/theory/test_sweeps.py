"""The built-in sweeps say what the laws say: small versions of the same files."""

from math import exp, inf, isfinite
from statistics import fmean
from typing import Any

import pytest
from meterstorm.actors.shards.simulate import simulate
from meterstorm.experiments.metrics.metrics import metrics
from meterstorm.experiments.scenario import load, replications
from meterstorm.experiments.scenario.files import varied
from meterstorm.experiments.sweeps.points import plan

from support.laws import busiest_bin, engset
from support.trials import hold, margin

Results = dict[tuple[Any, ...], list[dict[str, Any]]]


def swept(name: str, vary: dict[str, Any], **settings: Any) -> Results:
    """A built-in sweep with other axes: metrics of the replications by values of axes, case and arm (if any)."""
    keys = {key.replace("__", "."): value for key, value in settings.items()}
    planned = plan(load(name, {**keys, "sweep.vary": vary}))
    found: Results = {}
    for point in planned.points:
        for case, arm, scenario in ((v.case, v.arm, v.scenario) for v in varied(planned.base, point.settings)):
            at = [*map(_plain, point.settings.values()), *filter(None, (case, arm))]
            runs = replications(scenario.run)
            found[tuple(at)] = [metrics(scenario, simulate(scenario, r)) for r in runs]
    return found


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list | tuple) else value


def values(results: list[dict[str, Any]], name: str) -> list[float]:
    return [float(result[name]) for result in results]


def is_more(results: list[dict[str, Any]], others: list[dict[str, Any]], name: str) -> bool:
    """Whether a metric is more, by the 99.9 % interval of the difference paired by replication."""
    differences = [one[name] - other[name] for one, other in zip(results, others, strict=True)]
    return fmean(differences) > margin(differences)


# Length of an outage x retries

TRY_S, AWAY_S, THINK_S = 60.0, 600.0, 3600.0


def share_that_asks_within(time_s: float) -> float:
    """Half of the clients think, and half run a program and then think: both for the same mean time."""
    x = time_s / THINK_S
    return 1 - 0.5 * exp(-x) - 0.5 * exp(-x) * (1 + x)


def test_who_fails_over_is_who_used_up_the_retries_before_the_server_came_back():
    """Those who first ask R tries before its end or sooner: N F(L - R (T + w)); nobody where that is negative."""
    found = swept(
        "outage-retries",
        {"policies.failover.retries": [0, 2, 5, 10, 20]},
        clients__count=4000,
        clients__heartbeat_s=0,
        servers__reclaim_after_s=0,
        products=[{"name": "editor", "licenses": 2400}],
        run__duration_s=2400,
        faults=[{"kind": "unreachable", "servers": [0], "start_s": 0, "duration_s": AWAY_S}],
    )
    for (retries,), results in found.items():
        law = 2000 * share_that_asks_within(AWAY_S - retries * TRY_S) if retries * TRY_S < AWAY_S else 0
        if law:
            hold("failovers", values(results, "failovers"), law, within=0.15)
            assert values(results, "wait_s_max") == pytest.approx([retries * TRY_S + 5] * len(results), abs=1)
        else:
            assert values(results, "failovers") == [0.0] * len(results)


def test_waiting_spares_denials_where_it_outlasts_the_outage_and_only_waits_where_it_does_not():
    found = swept("outage-retries", {"policies.failover.retries": [0, 1, 10], "faults[0].duration_s": [600, 4800]})
    assert is_more(found[0, 600], found[10, 600], "denials_misplaced")
    assert fmean(values(found[10, 600], "abnormal_denial_fraction")) < 0.01
    assert not is_more(found[0, 4800], found[1, 4800], "abnormal_denial_fraction")
    assert is_more(found[1, 4800], found[0, 4800], "wait_s_mean")


# Load x length of an outage


@pytest.mark.parametrize("retries", [0, 2])
def test_a_server_comes_back_where_the_outage_is_short_or_all_tries_together_fit(retries: int):
    """Stable iff lambda (1 + R) < mu (after Bronson et al., HotOS 2021); nobody times out in less than T."""
    found = swept(
        "load-outage",
        {"clients.count": [10_000, 16_000, 32_000], "faults[0].duration_s": [4, 64]},
        policies__failover__retries=retries,
        run__replications=2,
    )
    for (clients, away_s), results in found.items():
        arrivals_per_s = clients / 4000
        is_stable = arrivals_per_s * (1 + retries) < 10
        recovery = values(results, "time_to_recover_s")
        assert all(map(isfinite, recovery)) if is_stable or away_s < 5 else recovery == [inf, inf]
        if not (is_stable or away_s < 5):  # none is served from the outage on
            served = values(results, "goodput_per_s")
            assert served == pytest.approx([arrivals_per_s * 300 / 2400] * 2, rel=0.1)


# Clients x jitter window


def test_a_spread_storm_peaks_by_its_window_and_drains_by_the_slower_of_window_and_server():
    """n / W a second, its busiest one by the multinomial law; all are served W or n / mu after the time-out."""
    found = swept("jitter-storm", {"clients.count": [1000, 2000], "policies.failover.cap_s": [10, 80]})
    for (clients, window_s), results in found.items():
        assert values(results, "timeouts") == [clients] * len(results)
        peaks = [ratio * 2 * clients / 3600 for ratio in values(results, "storm_peak_ratio")]
        hold("peak", peaks, busiest_bin(clients, window_s), within=0.2)
        drained_s, timed_out_s = max(window_s, clients / 50), 9 + 120 - 20  # from the end of the outage
        assert values(results, "time_to_last_client_s") == pytest.approx(
            [timed_out_s + drained_s] * len(results), abs=0.5
        )


# Balancing interval x skew


def engset_of_two(clients: tuple[int, int]) -> tuple[float, float]:
    """Denials per request at two servers of 5 licenses each: all, and those while the other server is full too."""
    blocked = [engset(n, 5, 1 / 3) for n in clients]
    full = [engset(n + 1, 5, 1 / 3) for n in clients]  # share of time; an arrival finds a system without itself
    launched = [n / (1 + (1 - b) / 3) for n, b in zip(clients, blocked, strict=True)]
    denied = [n * b for n, b in zip(launched, blocked, strict=True)]
    exhausted = denied[0] * full[1] + denied[1] * full[0]
    return sum(denied) / sum(launched), exhausted / sum(launched)


def test_unbalanced_servers_deny_by_engset_each():
    """Exhausted where the other one, which is independent, is full, too (Engset 1918); else misplaced."""
    found = swept(
        "balancing-skew",
        {"clients.assignment": [[1, 1], [4, 1]]},
        policies__balancing={"name": "static"},
        clients__count=40,
        products=[{"name": "editor", "licenses": 10}],
        faults=[],
        run__duration_s=1e6,
    )
    for (weights,), results in found.items():
        share, exhausted = engset_of_two((20, 20) if weights == (1, 1) else (32, 8))
        decided = [result["grants"] + result["denials"] for result in results]
        of_all = [result["denials_exhausted"] / n for result, n in zip(results, decided, strict=True)]
        hold("denial_fraction", values(results, "denial_fraction"), share)
        hold("exhausted", of_all, exhausted, within=0.4)


def test_balancing_ends_a_skew_and_too_often_makes_one():
    found = swept(
        "balancing-skew",
        {"policies.balancing.interval_s": [120, 3600, 1e6], "clients.assignment": [[1, 1], [4, 1]]},
    )
    skewed, even = (4, 1), (1, 1)
    assert is_more(found[1e6, skewed], found[3600, skewed], "denials_misplaced")
    assert is_more(found[120, skewed], found[3600, skewed], "denials_misplaced")
    assert is_more(found[120, even], found[1e6, even], "denials_misplaced")
    assert not is_more(found[1e6, even], found[3600, even], "denials_misplaced")


# A pool split over servers


def blocked(share: float, load: float) -> float:
    """Of a part of the 100 licenses, and of the 90 erlangs of 20,000 clients."""
    return engset(round(20_000 * load), round(100 * share), 90 / 20_000)


@pytest.fixture(scope="module")
def split() -> Results:
    return swept(
        "split-pool",
        {"servers.count": [4, 10]},
        run__warmup_s=12_000,
        run__duration_s=60_000,
        run__replications=16,
    )


def without_a_license(results: list[dict[str, Any]]) -> list[float]:
    return [(result["denials"] + result["gave_up"]) / result["launches"] for result in results]


@pytest.mark.parametrize("servers", [4, 10])
def test_a_split_pool_denies_by_its_parts(servers: int, split: Results):
    """By Erlang (1917), corrected by Engset; with one server away, its clients have none, or load the next one."""
    alone, doubled, away = blocked(1 / servers, 1 / servers), blocked(1 / servers, 2 / servers), 1 / servers
    laws = {
        ("all there", "by itself"): alone,
        ("one away", "by itself"): away + (1 - away) * alone,
        ("one away", "next on failure"): 2 * away * doubled + (1 - 2 * away) * alone,
        ("one away", "next on denial"): blocked(1 - away, 1.0),
    }
    for version, law in laws.items():
        hold(str(version), without_a_license(split[servers, *version]), law, within=0.15)


@pytest.mark.parametrize("servers", [4, 10])
def test_asking_the_next_server_on_denial_makes_one_pool(servers: int, split: Results):
    """A client who tries every server at once before it gives up is complete sharing: the very same launches."""
    one_pool, asking = split[servers, "all there", "one pool"], split[servers, "all there", "next on denial"]
    hold("one pool", values(one_pool, "denial_fraction"), blocked(1.0, 1.0), within=0.35)
    assert values(asking, "gave_up") == values(one_pool, "denials")
    assert split[servers, "all there", "next on failure"] == split[servers, "all there", "by itself"]
