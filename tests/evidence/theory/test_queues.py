"""Waiting: for service at a server (M/M/1/K, M/G/1), and for a license (retrials, callbacks)."""

from math import inf
from typing import Any

import pytest
from meterstorm.actors.shards.simulate import simulate
from meterstorm.actors.state import counters
from meterstorm.experiments.metrics.metrics import metrics

from support.laws import (
    KNOWN_RETRIALS,
    answered_in_time,
    busy_integral,
    erlang_c,
    lifo_quantile,
    mm1_orbit,
    mm1k,
    retrials,
    waiting_quantile,
)
from support.trials import LOSS_SYSTEM, REPLICATIONS, check, hold, offered, replicate, scenario

# Requests take one second of a server each, releases none; whoever finds the queue full gives up.
ONE_WORKER: dict[str, Any] = LOSS_SYSTEM | {
    "servers": {"count": 1, "service_ms": 1000.0, "service": "exponential", "release_cost": 0.0}
}


@pytest.mark.parametrize(
    "by, places, rho",
    [("queue", 2, 0.8), ("queue", 5, 0.9), ("queue", 10, 1.2), ("admission", 1, 0.8), ("admission", 5, 0.9)],
)
def test_mm1k(by: str, places: int, rho: float):
    """Blocking, mean wait and busy share of M/M/1/K (Kleinrock 1975), by a queue limit or an admission policy."""
    blocking, waiting = mm1k(rho, places)
    laws = {"overloaded / attempts": blocking, "server_utilization_mean": rho * (1 - blocking)}
    if places > 1:
        laws["queue_s_mean"] = waiting / (rho * (1 - blocking))
    limit: dict[str, Any] = {"servers": {"queue_limit": places - 1}}
    if by == "admission":
        limit = {"policies": {"admission": {"name": "bounded", "limit": float(places - 1)}}}
    check(laws, ONE_WORKER, offered(rho, 10**6, 0.0, 40_000.0), limit, {"run": {"warmup_s": 200.0}})


@pytest.mark.parametrize("service, variance", [("constant", 0.0), ("exponential", 1.0)])
def test_pollaczek_khinchine(service: str, variance: float):
    """Mean wait of M/G/1 at load 0.7: rho (1 + cv^2) / 2 / (1 - rho) services (Pollaczek 1930).

    Of M/M/1, whose messages are served in order, also the tail.
    """
    laws = {"queue_s_mean": 0.7 * (1 + variance) / 2 / 0.3, "server_utilization_mean": 0.7}
    if service == "exponential":
        laws |= {f"queue_s_p{percent}": waiting_quantile(1, 0.7, percent / 100) for percent in (50, 95)}
    check(
        laws,
        ONE_WORKER,
        offered(0.7, 10**6, 0.0, 80_000.0),
        {"servers": {"service": service}, "run": {"warmup_s": 500.0}},
    )


def test_the_newest_first_wait_as_long_on_average_and_some_far_longer():
    """M/M/1, LIFO: the mean of FIFO; who waits does so for a busy period (Cooper 1981, section 5.12)."""
    laws = {"queue_s_mean": 0.7 / 0.3, "server_utilization_mean": 0.7}
    laws |= {f"queue_s_p{percent}": lifo_quantile(0.7, percent / 100) for percent in (50, 95, 99)}
    check(
        laws,
        ONE_WORKER,
        offered(0.7, 10**6, 0.0, 80_000.0),
        {"policies": {"admission": {"name": "lifo"}}, "run": {"warmup_s": 500.0}},
        within=0.06,
    )


@pytest.mark.parametrize("policy", [{"name": "lifo"}, {"name": "adaptive-lifo", "lifo_after_s": 3.0}])
def test_in_an_overload_the_newest_first_are_answered_in_time(policy: dict[str, Any]):
    """Twice as many ask as can be served, for five services: in order of arrival nobody is answered in time."""
    overload = offered(2.0, 10**6, 0.0, 4_000.0)
    impatient = {"clients": {"request_timeout_s": 5.0, "enforcement": "before-start"}, "run": {"warmup_s": 200.0}}
    share = answered_in_time(5.0, 2.0)
    check({"grants / attempts": share}, ONE_WORKER, overload, impatient, {"policies": {"admission": policy}})
    check({"timeouts / attempts": 1 - share}, ONE_WORKER, overload, impatient, {"policies": {"admission": policy}})
    for result in replicate(ONE_WORKER, overload, impatient, replications=2):
        assert result["grants"] == 0
        assert result["timeouts"] == pytest.approx(result["attempts"], abs=20)


def test_the_second_moment_of_waits_with_the_newest_first():
    """1 / (1 - rho) times that of FIFO, 2 rho / (1 - rho)^2: what the distribution held to above comes to."""
    for rho in (0.5, 0.7):
        squares = rho * busy_integral(lambda t: t * t, 3000.0, rho)
        assert squares == pytest.approx(2 * rho / (1 - rho) ** 3, rel=1e-6)
        assert rho * busy_integral(lambda t: t, 3000.0, rho) == pytest.approx(rho / (1 - rho), rel=1e-6)


@pytest.mark.parametrize(
    "licenses, erlangs, retry_s", [(1, 0.6, 2.0), (5, 4.0, 0.5), (5, 4.0, 1.0), (5, 4.0, 5.0)]
)
def test_retrials(licenses: int, erlangs: float, retry_s: float):
    """M/M/c with retrials (Falin and Templeton 1997): who waits and is denied; lambda / mu are busy."""
    waiting, denied, _ = retrials(licenses, erlangs, 1 / retry_s, orbit=250)
    check(
        {"waiting_users_mean": waiting, "denial_fraction": denied, "licenses_in_use_mean": erlangs},
        LOSS_SYSTEM,
        offered(erlangs, licenses, 1.0, 30_000.0),
        {"policies": {"denial": {"name": "retry", "delay_s": retry_s}}, "run": {"warmup_s": 200.0}},
        within=0.08,
    )


@pytest.mark.parametrize("retry_rate, orbit, waiting, busy", KNOWN_RETRIALS)
def test_the_retrial_chain_has_its_known_values(retry_rate: float, orbit: int, waiting: float, busy: float):
    """Of a Poisson stream of launches; a model checker finds the same (`test_recovery.py`)."""
    found = retrials(5, 4.0, retry_rate, orbit, inf)
    assert (found.waiting, found.busy) == pytest.approx((waiting, busy), rel=3e-7)


@pytest.mark.slow
@pytest.mark.parametrize("retry_rate, orbit, waiting, busy", KNOWN_RETRIALS)
def test_launches_find_the_retrial_chain(retry_rate: float, orbit: int, waiting: float, busy: float):
    """Who waits, and whose launch is not granted at once: those who find all busy (Wolff 1982).

    The known values are of a Poisson stream; the chain of as many users as there are is up to 1.5 % from them.
    """
    law = retrials(5, 4.0, retry_rate, orbit)
    assert (law.waiting, law.busy) == pytest.approx((waiting, busy), rel=0.015)
    made = scenario(
        LOSS_SYSTEM,
        offered(4.0, 5, 1.0, 40_000.0),
        {"policies": {"denial": {"name": "retry", "delay_s": 1 / retry_rate}}, "run": {"warmup_s": 500.0}},
    )
    tallies = [simulate(made, replication) for replication in range(REPLICATIONS)]
    hold("waiting", [metrics(made, tally)["waiting_users_mean"] for tally in tallies], law.waiting, within=0.08)
    waits = [tally.histograms[counters.WAIT] for tally in tallies]  # the first bin: none
    hold("denied at first", [1.0 - bins[0] / bins.sum() for bins in waits], law.busy, within=0.04)


def test_the_retrial_chain_has_its_known_limits():
    """One license: its closed form. Users who ask again at once wait like a queue: C rho / (1 - rho) of them."""
    for rho, retry_rate in ((0.6, 0.5), (0.4, 3.0)):
        waiting, denied, _ = retrials(1, rho, retry_rate, orbit=200)
        assert waiting == pytest.approx(mm1_orbit(rho, retry_rate), rel=2e-3)
        # Every launch and every try again is granted or denied, and as many are granted as launched.
        assert denied == pytest.approx(1 - rho / (rho + retry_rate * waiting), rel=1e-3)
    waiting = retrials(5, 4.0, 1e5, orbit=120).waiting
    assert waiting == pytest.approx(erlang_c(5, 4.0) * 0.8 / 0.2, rel=5e-3)


@pytest.mark.parametrize("licenses, erlangs, duration_s", [(1, 0.7, 200_000.0), (5, 4.0, 80_000.0)])
def test_callbacks_make_a_queue(licenses: int, erlangs: float, duration_s: float):
    """M/M/c in order of arrival: C wait, 1 / (c - a) runs on average, with an exponential tail (Erlang 1917)."""
    waits, spare = erlang_c(licenses, erlangs), licenses - erlangs
    check(
        {
            "denials / launches": waits,
            "waiting_users_mean": waits * erlangs / spare,
            "licenses_in_use_mean": erlangs,
            "wait_s_mean": waits / spare,
            "wait_s_p95": waiting_quantile(licenses, erlangs, 0.95),
            "wait_s_p99": waiting_quantile(licenses, erlangs, 0.99),
        },
        LOSS_SYSTEM,
        offered(erlangs, licenses, 1.0, duration_s),
        {"policies": {"denial": {"name": "callback"}}, "run": {"warmup_s": 200.0}},
        within=0.06,
    )


def test_the_formulas_give_the_values_of_the_tables():
    assert mm1k(0.9, 10)[0] == pytest.approx(0.050814, abs=5e-7)
    assert erlang_c(10, 8.0) == pytest.approx(0.40918, abs=5e-6)
