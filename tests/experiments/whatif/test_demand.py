"""What users wanted, out of a log: who asks again in time still wants the same."""

from random import Random

import pytest
from meterstorm.experiments.whatif.demand import DAY_S, demands
from meterstorm.experiments.whatif.oracle import Rules, constant, replay

from support.made_sites import PRODUCT, SERVER, of_sessions, served, site

POOL = (SERVER, PRODUCT)


def wanted(made, window_s=300.0):
    return demands(made, window_s)[POOL]


@pytest.mark.parametrize("number", range(5))
@pytest.mark.parametrize("licenses", [1, 5, 20])
def test_with_the_log_s_own_licenses_every_decision_is_the_log_s(number, licenses):
    """Hundreds of users, whole seconds with many events in each: the replay grants and denies as it was."""
    made, wishes = served(Random(number), licenses, 300, gap_s=40, mean_s=60.0)
    demand = wanted(made)
    assert len(demand.launches) == len(wishes)
    fates, most = replay(demand.launches, Rules(constant(licenses)))
    by_user = dict(zip((launch.user for launch in demand.launches), fates, strict=True))
    assert sum(len(wish.denied_s) for wish in wishes) > 50
    assert most == licenses
    for wish in wishes:
        fate = by_user[wish.user]
        assert fate.denials == len(wish.denied_s)
        assert (fate.granted_s < float("inf")) == (wish.granted_s is not None)
        assert wish.granted_s is None or wish.granted_s <= fate.granted_s < wish.granted_s + 1


@pytest.mark.parametrize(("window_s", "launches"), [(99.0, 3), (100.0, 2), (199.0, 2), (200.0, 1)])
def test_who_asks_again_within_the_window_wants_the_same(window_s, launches):
    events = [(0.0, "denied", "u1"), (100.0, "denied", "u1"), (300.0, "out", "u1"), (900.0, "in", "u1")]
    found = wanted(site(events, [(300.0, 900.0, "u1")], 1, 1000.0), window_s).launches
    assert [len(launch.attempts_s) for launch in found] == {3: [1, 1, 1], 2: [2, 1], 1: [3]}[launches]
    assert found[-1].hold_s == 600.0
    assert [launch.is_granted for launch in found] == [False] * (launches - 1) + [True]


def test_what_was_never_granted_would_be_held_as_long_as_something_that_was():
    events = [(0.0, "out", "a"), (1.0, "out", "b"), *((2.0 + n, "denied", f"c{n}") for n in range(200))]
    demand = wanted(site(events, [(0.0, 500.0, "a"), (1.0, 801.0, "b")], 2, 1000.0))
    assert {launch.hold_s for launch in demand.launches if not launch.is_granted} == {500.0, 800.0}


def test_other_denials_than_for_want_of_licenses_do_not_count():
    made = site([(0.0, "out", "a"), (5.0, "denied", "b")], [(0.0, 9.0, "a")], 1, 10.0)
    details = made.events.column("detail").to_pylist()
    assert details == [None, "-4,342"] and len(wanted(made).launches) == 2
    row = made.events.schema.get_field_index("detail")
    other = made._replace(events=made.events.set_column(row, "detail", [[None, "-18,327"]]))
    assert len(wanted(other).launches) == 1


def test_a_session_that_is_open_is_held_to_the_end():
    (launch,) = wanted(site([(10.0, "out", "a")], [(10.0, None, "a")], 1, 100.0)).launches
    assert launch.hold_s == 90.0


@pytest.mark.parametrize(
    ("origin", "days"), [("00:00:00", [0, 0, 1]), ("23:00:00", [0, 1, 1]), ("00:30:00", [0, 0, 1])]
)
def test_days_begin_at_midnight(origin, days):
    times = [0.0, 3600.0, DAY_S - 60.0 if origin == "00:30:00" else DAY_S]
    made = of_sessions([(time, time + 1.0, "a") for time in times], 1, DAY_S + 10.0)
    made.facts["origin"] = f"2024-05-05T{origin}"
    demand = wanted(made)
    assert [demand.day(launch.attempts_s[0]) for launch in demand.launches] == days
    assert demand.days == 2
