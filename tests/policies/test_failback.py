"""Failback policies in plain Python, against their formulas."""

import math

import pytest
from meterstorm.policies import Place, ask_first, choose, move, probe, stay, when_asked
from meterstorm.policies.failback import POLICIES, Drain, MaxAge, Probe

ABOUT_TO_BE_1 = 1 - 2**-53


def place(server=1, preferred=0):
    return Place(now_s=5.0, client=7, server=server, preferred=preferred, servers=3, plans=2)


@pytest.mark.parametrize("name", [name for name in POLICIES if name != "max-age"])
def test_who_is_at_the_preferred_server_stays(name):
    assert POLICIES[name]().plan(place(server=2, preferred=2), 0.5) == stay()


@pytest.mark.parametrize(
    ("name", "plan"), [("none", stay()), ("at-next-request", ask_first()), ("drain", when_asked())]
)
@pytest.mark.parametrize("u", [0.0, ABOUT_TO_BE_1])
def test_plans_without_a_time(name, plan, u):
    assert POLICIES[name]().plan(place(), u) == plan


@pytest.mark.parametrize(("u", "delay_s"), [(0.0, 30.0), (0.25, 32.0), (0.5, 34.0)])
def test_probes_come_every_interval_and_a_share_of_the_jitter(u, delay_s):
    assert Probe(interval_s=30.0, jitter_s=8.0).plan(place(), u) == probe(delay_s)


@pytest.mark.parametrize(("u", "delay_s"), [(0.0, 90.0), (0.5, 100.0), (0.75, 105.0)])
def test_ages_are_spread_on_both_sides(u, delay_s):
    home = MaxAge(max_age_s=100.0, jitter=0.1)
    assert home.plan(place(), u) == pytest.approx(move(delay_s))
    assert home.plan(place(server=0), u) == stay()
    anywhere = home._replace(preferred=0)
    assert anywhere.plan(place(), u) == anywhere.plan(place(server=0), u) == pytest.approx(choose(delay_s))


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (Probe(interval_s=0.0), "interval_s: 0.0 is not allowed; it must be > 0 and finite"),
        (Probe(interval_s=math.inf), "interval_s: inf is not allowed"),
        (MaxAge(max_age_s=0.0), "max_age_s: 0.0 is not allowed; it must be > 0 and finite"),
        (MaxAge(jitter=0.6), r"jitter: 0.6 is not allowed; it must be in \[0, 0.5\]"),
        (MaxAge(preferred=2), "preferred: 2 is not allowed; it must be 0 or 1"),
        (Drain(drain_share=0.0), r"drain_share: 0.0 is not allowed; it must be in \(0, 1\]"),
        (Drain(drain_share=1.5), "drain_share: 1.5 is not allowed"),
    ],
)
def test_parameters_that_make_no_sense(policy, words):
    with pytest.raises(ValueError, match=words):
        policy.check()


def test_defaults_make_sense():
    for policy in (Probe(), MaxAge(), Drain()):
        policy.check()
