"""The engine replays a site as the exact oracle does where that is exact, and goes on where it is not."""

import math
from random import Random

import pytest
from meterstorm.experiments.scenario import load
from meterstorm.experiments.whatif import engine
from meterstorm.experiments.whatif.demand import demands
from meterstorm.experiments.whatif.engine import Place
from meterstorm.experiments.whatif.oracle import CALLBACK, GIVE_UP, RETRY, Rules, constant, replay

from support.made_sites import of_sessions

RULES = {
    "give up": Rules((), GIVE_UP),
    "poll": Rules((), RETRY, delay_s=35.0),
    "poll with patience": Rules((), RETRY, delay_s=35.0, patience_s=150.0),
    "are called back": Rules((), CALLBACK),
    "give up, and sessions time out": Rules((), GIVE_UP, timeout_s=45.0),
}


def wanted(made):
    (demand,) = demands(made).values()
    return demand


def on_engine(demand, rules, licenses, folder, down=(), **place):
    scenario = engine.scenario_of(demand, down, rules, licenses, Place(**place), folder)
    return engine.run(demand, rules, scenario)


def crowd(random, licenses):
    """Users who come a little faster than licenses are given back, no two of them at one instant."""
    times = sorted(random.uniform(0.0, 300 * 60.0 / licenses) for _ in range(300))
    rows = [(time, time + random.expovariate(1 / 60.0), f"u{n % 150}") for n, time in enumerate(times)]
    return wanted(of_sessions(rows, None, 20_000.0))


@pytest.mark.parametrize("name", RULES)
def test_the_engine_and_the_oracle_grant_and_deny_alike(name, tmp_path):
    denials = 0
    for licenses in (2, 5):
        demand = crowd(Random(licenses), licenses)
        rules = RULES[name]._replace(owned=constant(licenses))
        fates, most = replay(demand.launches, rules)
        outcome = on_engine(demand, rules, licenses, tmp_path)
        assert (outcome.most_in_use, outcome.suppressed) == (most, 0)
        assert [fate.denials for fate in outcome.fates] == [fate.denials for fate in fates]
        assert [fate.granted_s for fate in outcome.fates] == pytest.approx([fate.granted_s for fate in fates])
        denials += sum(fate.denials for fate in fates)
    assert denials > 50


AT_ONCE = [(10.0 + n, 500.0, f"u{n}") for n in range(4)]


@pytest.mark.parametrize(("servers", "denied"), [(1, 0), (2, 0), (4, 0)])
def test_licenses_are_dealt_to_servers_and_so_are_users(servers, denied, tmp_path):
    outcome = on_engine(wanted(of_sessions(AT_ONCE, 4, 1000.0)), RULES["give up"], 4, tmp_path, servers=servers)
    assert sum(fate.denials for fate in outcome.fates) == denied


def test_a_license_at_another_server_is_out_of_reach(tmp_path):
    """Users 0 and 2 have the first server; it has one license, and so has the other."""
    rows = [row for row in AT_ONCE if row[2] in {"u0", "u2"}]
    rows.insert(1, (10.5, 11.0, "u1"))
    demand = wanted(of_sessions(rows, 4, 1000.0))
    assert [fate.denials for fate in on_engine(demand, RULES["give up"], 2, tmp_path, servers=2).fates] == [
        0,
        0,
        1,
    ]
    assert [fate.denials for fate in on_engine(demand, RULES["give up"], 2, tmp_path).fates] == [0, 0, 0]


@pytest.mark.parametrize(("factor", "granted_s"), [(0.0, 70.0), (1.0, 130.0), (3.0, 190.0)])
def test_outages_may_be_as_logged_longer_or_none(factor, granted_s, tmp_path):
    """It begins at 60 s and takes 40 s; a client whose server is away asks again after 60 s."""
    demand = wanted(of_sessions([(70.0, 80.0, "a")], 1, 1000.0))
    outcome = on_engine(demand, RULES["give up"], 1, tmp_path, [(60.0, 100.0)], outages=factor)
    assert [fate.granted_s for fate in outcome.fates] == [granted_s]


def test_whatever_else_a_scenario_says_may_be_set(tmp_path):
    demand = wanted(of_sessions(AT_ONCE, 4, 1000.0))
    outcome = on_engine(demand, RULES["give up"], 4, tmp_path, settings={"network.latency_ms": 500.0})
    assert [fate.granted_s for fate in outcome.fates] == pytest.approx([11.0, 12.0, 13.0, 14.0])
    assert load(tmp_path / engine.SCENARIO).network.latency_ms == 500.0


def test_a_cap_is_a_user_s(tmp_path):
    demand = wanted(of_sessions([(10.0 + n, 500.0, "a") for n in range(4)], 4, 1000.0))
    outcome = on_engine(demand, RULES["give up"]._replace(cap=3), 4, tmp_path)
    assert [fate.denials for fate in outcome.fates] == [0, 0, 0, 1]


def test_more_programs_than_a_client_runs_are_told(tmp_path):
    demand = wanted(of_sessions([(10.0 + n, 500.0, "a") for n in range(40)], 40, 1000.0))
    outcome = on_engine(demand, RULES["give up"], 40, tmp_path)
    assert outcome.suppressed == 40 - engine.PROGRAMS
    assert sum(fate.granted_s == math.inf for fate in outcome.fates) == outcome.suppressed
