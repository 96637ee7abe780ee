"""The points of a sweep: parameters apply where their policy is chosen, and wrong values are found at once."""

import itertools
from pathlib import Path

import pytest
from meterstorm.experiments.scenario import ScenarioError, validate
from meterstorm.experiments.scenario.files import varied
from meterstorm.experiments.sweeps import points
from meterstorm.experiments.sweeps.points import check, plan

ARMS = [{"name": "v1.2", "set": {"clients.count": 7}}, {"name": "b"}]
NAME, BASE, CAP = (f"policies.failover.{key}" for key in ("name", "base_s", "cap_s"))
JITTERS = ["full-jitter", "equal-jitter"]


def plan_of(vary, layer=None, **design):
    return plan(validate({"title": "t", **(layer or {}), "sweep": {"vary": vary, **design}}))


def settings(vary, layer=None, **design):
    made = plan_of(vary, layer, **design)
    assert [point.number for point in made.points] == list(range(len(made.points)))
    return [dict(point.settings) for point in made.points]


def refused(call, *arguments, **more):
    """All that is wrong with what is called."""
    try:
        call(*arguments, **more)
    except ScenarioError as error:
        return error.errors
    return []


def test_a_point_sets_every_key():
    assert settings({"clients.count": [1, 2], "network.loss": "0:0.5:2"}) == [
        {"clients.count": count, "network.loss": loss} for count, loss in itertools.product([1, 2], [0.0, 0.5])
    ]


def test_nothing_to_vary():
    assert refused(plan_of, {}) == ["sweep.vary: empty; name what to vary, as --vary clients.count=100,200,400"]


# Parameters that only some policies have


def test_a_parameter_is_varied_for_the_policies_that_have_it():
    """The others are there once, at the place of their first combination."""
    names = ["immediate", *JITTERS]
    assert settings({NAME: names, BASE: [1, 2], CAP: [60]}) == [
        {NAME: "immediate"},
        *({NAME: name, BASE: base, CAP: 60} for name, base in itertools.product(JITTERS, [1, 2])),
    ]
    # The order of the axes is that of the points; which policy has what does not depend on it.
    assert settings({BASE: [1, 2], NAME: names}) == [
        {NAME: "immediate"}, {BASE: 1, NAME: JITTERS[0]}, {BASE: 1, NAME: JITTERS[1]},
        {BASE: 2, NAME: JITTERS[0]}, {BASE: 2, NAME: JITTERS[1]},
    ]  # fmt: skip


def test_parameters_of_one_arm_follow_the_policy_of_that_arm():
    vary = {
        NAME: ["immediate"],
        "arms.v1.2.policies.failover.name": ["never", "full-jitter"],
        "arms.v1.2.policies.failover.base_s": [1, 2],
    }
    found = settings(vary, {"arms": [{"name": "v1.2"}]})
    assert [point.get("arms.v1.2.policies.failover.base_s") for point in found] == [None, 1, 2]


def test_a_parameter_of_a_policy_that_is_not_varied_is_always_set():
    base = {"policies": {"failover": {"name": "full-jitter"}}}
    assert settings({BASE: [1, 2]}, base) == [{BASE: 1}, {BASE: 2}]


def test_a_parameter_that_no_policy_has_is_an_error():
    assert refused(plan_of, {NAME: ["immediate", "never"], BASE: [1, 2]}) == [
        f'sweep.vary.{BASE}: no policy of {NAME} has it: "immediate", "never"'
    ]


def test_drawn_points_are_as_many_as_asked_for_alike_or_not():
    found = settings({NAME: ["never", "full-jitter"], BASE: "1:9"}, design="random", samples=50)
    assert len(found) == 50
    assert {frozenset(point) for point in found} == {frozenset([NAME]), frozenset([NAME, BASE])}


OWN = """
from typing import NamedTuple
from meterstorm.policies import retry

class Mine(NamedTuple):
    delay_s: float = 5.0
    def on_failure(self, link, memory, u):
        return retry(self.delay_s)
"""


def test_parameters_of_a_policy_of_one_s_own(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(OWN)
    own = f"{file}:Mine"
    delay = "policies.failover.delay_s"
    assert settings({NAME: ["never", own], delay: [1, 2]}) == [
        {NAME: "never"}, {NAME: own, delay: 1}, {NAME: own, delay: 2}
    ]  # fmt: skip


# Wrong values are found before anything runs


def test_every_value_is_tried_and_all_that_is_wrong_is_told_at_once():
    vary = {"clients.count": [10, 0, 20, -1], NAME: ["never", "nver"], "clients.offline": ["allow"]}
    lines = refused(check, plan_of(vary))
    assert [line.split(":")[0] for line in lines] == ["clients.count", "clients.count", "policies.failover"]
    assert "did you mean" in lines[2]


@pytest.mark.parametrize(
    "wrong", ["clients.size", "products[3].licenses", "arms.c.clients.count", "a b", "faults[0].start_s"]
)
def test_keys_that_there_are_not(wrong):
    (line,) = refused(check, plan_of({wrong: [1]}, {"arms": ARMS}))
    assert wrong.split(".")[0] in line


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0.5, 0.9), (-1, 0.5)])
def test_of_a_range_the_lowest_and_the_highest_number_are_tried(low, high):
    """0 <= loss < 1, and whoever draws has all but never the bounds themselves."""
    made = plan_of({"network.loss": f"{low}:{high}"}, design="lhs", samples=1000)
    if low < 0:
        assert len(refused(check, made)) == 1
    else:
        assert check(made) == []


def test_a_key_that_an_arm_sets_itself_is_varied_in_this_arm_only():
    layer = {"arms": ARMS}
    (line,) = refused(check, plan_of({"clients.count": [1]}, layer))
    assert 'would not be seen in arm "v1.2"' in line
    made = plan_of({"arms.v1.2.clients.count": [1, 2], "arms.b.clients.count": "3:5:2"}, layer)
    check(made)
    counts = [
        [version.scenario.clients.count for version in varied(made.base, point.settings)] for point in made.points
    ]
    assert counts == [[1, 3], [1, 5], [2, 3], [2, 5]]


def test_what_all_versions_share_is_not_varied_in_one():
    lines = refused(check, plan_of({"arms.b.run.seed": [1, 2]}, {"arms": ARMS}))
    assert len(lines) == 2 and all("cases and arms may not change it" in line for line in lines)


@pytest.mark.parametrize("order", [1, -1])
def test_a_policy_s_name_comes_before_its_parameters_in_an_arm_too(order):
    """Whatever the order of keys, which is that of their hashes in a set."""
    layer = {"arms": [{"name": name, "set": {NAME: "sms2-documented"}} for name in "abcdefgh"]}
    keys = [f"arms.{arm}.{key}" for arm in "abcdefgh" for key in (NAME, BASE, CAP)]
    values = dict(zip(keys, ["full-jitter", 7, 70] * 8, strict=True))
    base = validate({"title": "t", **layer})
    for version in varied(base, {key: values[key] for key in keys[::order]}):
        failover = version.scenario.policies.failover
        assert (failover.name, failover.model_extra) == ("full-jitter", {"base_s": 7, "cap_s": 70})


def test_a_combination_that_breaks_a_rule_is_left_to_its_world():
    check(plan_of({"servers.count": [4, 6], "servers.sites": [1, 2, 4]}))


def test_files_that_only_an_axis_names_are_inputs(tmp_path):
    for name in ("one.py", "other.py"):
        (tmp_path / name).write_text(OWN)
    trace = tmp_path / "trace.csv"
    trace.write_text("time_s,client,run_time_s,product\n1,0,1,editor\n")
    made = plan_of(
        {NAME: ["never", *(f"{tmp_path / name}:Mine" for name in ("one.py", "other.py"))],
         "workload.trace": [str(trace)]},
        {"workload": {"arrivals": "trace", "trace": "/none.csv"}, "products": [{"name": "editor"}]},
    )  # fmt: skip
    assert [Path(file.path).name for file in check(made)] == ["one.py", "other.py", "trace.csv"]
    trace.unlink()
    with pytest.raises(ValueError, match="there is no file"):
        check(made)


def test_the_number_of_points_has_a_bound(monkeypatch):
    monkeypatch.setattr(points, "POINTS_MAX", 12)
    words = "points are too many; at most 12 are allowed"
    many = {"clients.count": "1:4:4", "servers.count": [4, 8, 12], "network.loss": "0:0.1:1000"}
    assert len(settings({key: many[key] for key in list(many)[:2]})) == 12
    assert refused(plan_of, many) == [f"sweep: 12,000 {words}"]
    assert refused(plan_of, {"network.loss": "0:0.1:13"}, design="zip") == [f"sweep: 13 {words}"]
    assert refused(plan_of, {"network.loss": "0:0.1"}, design="lhs", samples=13) == [f"sweep: 13 {words}"]
    assert len(settings({"network.loss": "0:0.1"}, design="saltelli", samples=4)) == 12
    assert refused(plan_of, {"network.loss": "0:0.1"}, design="saltelli", samples=5) == [f"sweep: 15 {words}"]
