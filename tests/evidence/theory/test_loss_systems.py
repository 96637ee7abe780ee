"""Denials of loss systems: Erlang's and Engset's formulas, and the two exact ends of balancing."""

import pytest

from support.laws import MANY, engset, erlang_b
from support.trials import LOSS_SYSTEM, check, offered, replicate


def finite(licenses: int, erlangs: float, clients: int = MANY) -> float:
    """Erlang B, corrected for the clients that are busy and so send nothing: Engset of very many sources."""
    blocking = engset(clients, licenses, erlangs / clients)
    assert blocking == pytest.approx(erlang_b(licenses, erlangs), rel=0.06)
    return blocking


def test_the_formulas_give_the_values_of_the_tables():
    assert erlang_b(10, 10.0) == pytest.approx(0.214582, abs=5e-7)
    assert erlang_b(100, 90.0) == pytest.approx(0.026957, abs=5e-7)
    assert erlang_b(1000, 950.0) == pytest.approx(0.003649, abs=5e-7)


@pytest.mark.parametrize("run_time", ["exponential", "constant", "lognormal", "gamma"])
def test_erlang_b_whatever_the_run_time(run_time: str):
    """10 licenses and 10 erlangs (Erlang 1917); only the mean of the run time counts (Sevastyanov 1957)."""
    blocking = finite(10, 10.0)
    check(
        {"denial_fraction": blocking, "licenses_in_use_mean": 10 * (1 - blocking)},
        LOSS_SYSTEM,
        offered(10.0, 10, 1.0, 8000.0),
        {"workload": {"run_time": run_time, "run_time_cv": 1.5}},
        within=0.03,
    )


@pytest.mark.parametrize("servers", [1, 2, 4, 5, 10, 20])
def test_split_licenses_block_more(servers: int):
    """90 erlangs and 100 licenses, evenly over servers that share nothing: Erlang B of each one's share (1917)."""
    check(
        {"denial_fraction": finite(100 // servers, 90 / servers, MANY // servers)},
        LOSS_SYSTEM,
        offered(90.0, 100, 1.0, 5000.0 if servers == 1 else 2000.0),
        {"servers": {"count": servers}},
    )


def test_causes_of_denials():
    """Two servers are independent: who is denied at one finds the other full as often as anyone (Wolff 1982)."""
    full = finite(2, 2.0, MANY // 2)
    two = {"servers": {"count": 2}}
    check(
        {"denials_exhausted / denials": full, "denials_misplaced / denials": 1 - full},
        LOSS_SYSTEM,
        offered(4.0, 4, 1.0, 10_000.0),
        two,
    )
    away = {"faults": [{"kind": "unreachable", "servers": [1], "start_s": 0.0, "duration_s": 100.0}]}
    layers = [LOSS_SYSTEM, offered(4.0, 4, 1.0, 100.0), two, away, {"run": {"warmup_s": 0.0}}]
    assert all(result["denials_stranded"] == result["denials"] > 0 for result in replicate(*layers))


def test_a_shared_pool_blocks_like_one_server():
    """Five servers on one pool: Erlang B of the whole, the least that any balancing can reach.

    Clients who try every server before they give up would be this case too, but a denial ends a request here.
    """
    check(
        {"denial_fraction": finite(20, 18.0)},
        LOSS_SYSTEM,
        offered(18.0, 20, 1.0, 6000.0),
        {"servers": {"count": 5}, "policies": {"balancing": {"name": "shared-pool"}}},
        within=0.03,
    )


@pytest.mark.parametrize("arrivals", ["closed", "open"])
@pytest.mark.parametrize("clients, programs", [(12, 1), (4, 3)])
def test_engset_of_few_sources(arrivals: str, clients: int, programs: int):
    """12 sources, 5 licenses: blocked sources think again (Engset 1918); a slot is a source."""
    interval_s = 2.0 / (programs if arrivals == "open" else 1)  # an open client has one interval for all slots
    check(
        {"denial_fraction": engset(12, 5, 0.5)},
        LOSS_SYSTEM,
        {"run": {"duration_s": 8000.0, "warmup_s": 40.0}, "clients": {"count": clients, "programs": programs}},
        {"products": [{"name": "editor", "licenses": 5}]},
        {"workload": {"arrivals": arrivals, "launch_interval_s": interval_s, "run_time_s": 1.0}},
        within=0.03,
    )
