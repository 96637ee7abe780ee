"""Groups of clients: what they may set, how many clients they may have, and how overrides and axes name them."""

import tomllib

import pytest
from meterstorm.experiments.scenario import load, to_toml, validate, versions
from meterstorm.experiments.scenario.axes import takes_integers
from meterstorm.experiments.scenario.groups import OF_A_GROUP
from meterstorm.experiments.sweeps.points import plan

from support.scenario_file import errors, refused

MAY = "a group may set only " + "; ".join(f"of {table} {', '.join(keys)}" for table, keys in OF_A_GROUP.items())


def of(settings, **more):
    return {"groups": [{"name": "a", "share": 0.5, "set": settings}]} | more


WRONG = [
    (of({"servers.count": 3}), f"groups[0].set: servers.count: 3 is not allowed; {MAY}"),
    (of({"clients.programs": 3}), f"groups[0].set: clients.programs: 3 is not allowed; {MAY}"),
    (of({"clients": {"count": 3}}), f"groups[0].set: clients.count: 3 is not allowed; {MAY}"),
    (of({"workload.arrivals": "open"}), f'groups[0].set: workload.arrivals: "open" is not allowed; {MAY}'),
    (
        of({"policies.balancing.name": "static"}),
        f'groups[0].set: policies.balancing.name: "static" is not allowed; {MAY}',
    ),
    (of({"groups[0].share": 1.0}), f"groups[0].set: groups[0].share: 1.0 is not allowed; {MAY}"),
    (
        of({"clients.heartbeat_s": -1}),
        "groups[0].set: clients.heartbeat_s: -1 is not allowed; it must be a number >= 0",
    ),
    (
        of({"clients.on_lost_lease": "stop"}),
        'groups[0].set: clients.on_lost_lease: "stop" is not allowed; it must be "run-on" while '
        "clients.heartbeat_names_leases = false: clients hear of it by such heartbeats",
    ),
    (
        of({"policies.failback.name": "drain"}),
        'groups[0].set: policies.failback.name: "drain" is not allowed; it must be one that does not drain: '
        'servers drain for all alike (policies.failback = "none")',
    ),
    (
        of({"workload.run_time_s": 3.0}, workload={"arrivals": "trace", "trace": "x.csv"}),
        "groups[0].set: workload.run_time_s: 3.0 is not allowed; it must be left out while workload.arrivals = "
        '"trace": a trace has all launches',
    ),
    ({"groups": [{"name": "a"}]}, "groups[0]: share or count missing; one of them says how many clients it has"),
    (
        {"groups": [{"name": "a", "share": 0.2, "count": 3}]},
        "groups[0].count: 3 is not allowed; it must be left out while share = 0.2, or share must be",
    ),
    (
        {"groups": [{"name": "a", "share": 0}]},
        "groups[0].share: 0 is not allowed; it must be a number > 0 and <= 1",
    ),
    (
        {"groups": [{"name": "rest", "count": 1}]},
        'groups[0].name: "rest" is not allowed; it must be another name: the clients of no group have this one',
    ),
    (
        {"groups": [{"name": "a", "count": 1}, {"name": "a", "count": 1}]},
        'groups[1].name: "a" is not allowed; it must be a name that no other of the list has',
    ),
    (
        {"groups": [{"name": "a", "share": 0.0001}]},
        "groups[0].share: 0.0001 is not allowed; it must be enough for a client or more (clients.count = 800)",
    ),
    (
        {"groups": [{"name": "a", "share": 0.5}, {"name": "b", "count": 401}]},
        "groups[1].count: 401 is not allowed; it must be for at most the 400 clients left of 800",
    ),
    (
        {"groups": [{"name": "a", "share": 0.5}, {"name": "b", "share": 0.6}]},
        "groups[1].share: 0.6 is not allowed; it must be for at most the 400 clients left of 800",
    ),
    (
        {"groups": [{"name": str(n), "count": 1} for n in range(101)]},
        "groups: 101 of them are not allowed; at most 100",
    ),
    (
        of({}, run={"duration_s": 1e6, "sample_s": 2.0}),
        "run.sample_s: 2.0 is not allowed; it must be at least 3: each of 1 groups has its samples",
    ),
]


@pytest.mark.parametrize(("raw", "line"), WRONG)
def test_an_error_has_the_key_the_value_and_what_is_allowed(raw, line):
    assert errors(raw) == [line]


def test_what_is_wrong_of_all_is_told_once():
    wrong = of({"clients.heartbeat_s": 5.0}, clients={"count": -1})
    assert errors(wrong) == ["clients.count: -1 is not allowed; it must be an integer >= 1"]


def test_a_version_may_be_wrong_because_of_its_groups():
    arm = {"name": "none", "set": {"clients.count": 1}}
    words = "it must be enough for a client or more (clients.count = 1)"
    line = f"arms[0].set: groups[0].share: 0.3 is not allowed; {words}"
    assert errors({"groups": [{"name": "a", "share": 0.3}], "arms": [arm]}) == [line]


def test_a_group_has_what_it_sets_and_the_others_have_not():
    made = validate({"title": "x", **of({"policies.failover.retries": 1, "clients.heartbeat_s": 5.0})})
    (own,) = made.of_groups
    assert own.policies.failover.parameters == {"retries": 1, "delay_s": 60.0}
    assert (own.clients.heartbeat_s, made.clients.heartbeat_s) == (5.0, 3600.0)
    assert own.policies.failover.parameters != made.policies.failover.parameters


def test_a_scenario_with_groups_is_written_as_a_file_that_is_taken_too():
    made = validate({"title": "x", **of({"policies.failover": {"name": "immediate"}})})
    again = validate(tomllib.loads(to_toml(made)))
    assert again == made and again.of_groups == made.of_groups


FILE = """
title = "x"
[[groups]]
name = "new ones"
share = 0.5
set = { "policies.failover" = { name = "immediate" }, "clients.heartbeat_s" = 10 }
[[arms]]
name = "half"
[[arms]]
name = "all"
set = { "groups[0].share" = 1.0 }
"""


def test_an_override_sets_a_key_of_one_group(write):
    given = {"groups.new ones.clients.heartbeat_s": 20, 'groups."new ones".policies.failover.name': "full-jitter"}
    (own,) = load(write(FILE), given).of_groups
    assert (own.clients.heartbeat_s, own.policies.failover.name) == (20, "full-jitter")


def test_an_override_says_how_many_clients_a_group_has(write):
    file = write(FILE)
    assert [group.count for group in load(file, {"groups.new ones.count": 7}, ["half"]).groups] == [7]
    assert [group.share for group in load(file, {"groups.new ones.share": 0.1}, ["half"]).groups] == [0.1]
    hidden = refused(file, {"groups.new ones.share": 0.1})
    assert len(hidden) == 1 and 'would not be seen in arm "all" (sets groups[0].share)' in hidden[0]


def test_an_override_of_a_group_that_there_is_not(write):
    assert refused(write(FILE), {"groups.old ones.share": 0.1}) == [
        'groups.old ones: there is no such group; the groups are "new ones" (did you mean "new ones"?)'
    ]


def test_arms_change_groups(write):
    shares = [version.scenario.groups[0].share for version in versions(load(write(FILE)))]
    assert shares == [0.5, 1.0]


def test_an_axis_is_over_a_key_of_a_group(write):
    sweep = {"sweep.vary": {"groups.new ones.clients.heartbeat_s": [10, 20], "groups.new ones.share": [0.25, 0.5]}}
    found = plan(load(write(FILE), sweep, ["half"])).points
    assert len(found) == 4
    assert takes_integers("groups.new ones.count") and not takes_integers("groups.new ones.share")
