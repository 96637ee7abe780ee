"""Overrides where there are arms and cases: none is ignored in silence."""

import itertools

import pytest
from meterstorm.experiments.scenario import ScenarioError, each_once, load, versions

FILE = """
title = "x"
[[products]]
name = "editor"
[[cases]]
name = "small"
set = { "clients.count" = 10 }
[[cases]]
name = "as it is"
[[arms]]
name = "at once"
set = { "policies.failover" = { name = "immediate" } }
[[arms]]
name = "v1.5 = new"
set = { "policies.failover" = { name = "full-jitter", base_s = 1, cap_s = 60 }, "servers.queue_limit" = 7 }
"""


@pytest.fixture
def path(tmp_path):
    (tmp_path / "x.toml").write_text(FILE)
    return tmp_path / "x.toml"


def refused(*arguments) -> list[str]:
    with pytest.raises(ScenarioError) as error:
        load(*arguments)
    return error.value.errors


def policies(scenario) -> dict[str | None, tuple[str, dict[str, float]]]:
    found = {version.arm: version.scenario.policies.failover for version in versions(scenario)}
    return {arm: (choice.name, dict(choice.parameters)) for arm, choice in found.items()}


HIDDEN = {
    "the name of a policy that arms set whole": ({"policies.failover.name": "never"}, ["at once", "v1.5 = new"]),
    "a whole policy": ({"policies.failover": {"name": "never"}}, ["at once", "v1.5 = new"]),
    "within a section": ({"policies": {"failover": {"name": "never"}}}, ["at once", "v1.5 = new"]),
    "a parameter": ({"policies.failover.retries": 5}, ["at once", "v1.5 = new"]),
    "a key that one arm sets": ({"servers": {"queue_limit": 3}}, ["v1.5 = new"]),
    "a key that a case sets": ({"clients.count": 30}, ["small"]),
    "a key of a case that an arm sets": ({"cases.small.servers.queue_limit": 3}, ["v1.5 = new"]),
    "a key above": ({"products": [{"name": "other"}], "arms[0].set": {"products[0].licenses": 3}}, ["at once"]),
    "a key below": ({"products[0].licenses": 3, "arms[0].set": {"products": [{"name": "b"}]}}, ["at once"]),
    "a parameter of a policy that an arm replaces by name": (
        {"policies.failover.retries": 5, "arms": [{"name": "b", "set": {"policies.failover.name": "immediate"}}]},
        ["b"],
    ),
}


@pytest.mark.parametrize("name", HIDDEN)
def test_an_override_that_some_version_would_not_see_is_an_error(name, path):
    overrides, names = HIDDEN[name]
    (line,) = refused(path, overrides)
    for hiding in ("at once", "v1.5 = new", "small"):
        assert (f'"{hiding}"' in line) == (hiding in names)
    assert "would not be seen" in line
    assert ("--arms none" in line and "--arm NAME" in line) == (names != ["small"])
    assert f"--set '{'cases' if names == ['small'] else 'arms'}.{names[0]}." in line


def test_the_same_name_of_a_policy_hides_none_of_its_parameters(path):
    same = [{"name": "b", "set": {"policies.failover.name": "retry-then-failover"}}]
    found = load(path, {"arms": same, "policies.failover.retries": 5})
    assert policies(found) == {"b": ("retry-then-failover", {"retries": 5, "delay_s": 60})}


def test_every_version_sees_what_is_not_refused(path):
    """All pairs of a key given and one that an arm sets: refused, or in the versions as given."""
    values = {
        "clients.count": 9,
        "clients": {"programs": 2},
        "policies.failover.name": "never",
        "policies.failover": {"name": "immediate"},
        "policies.selection.name": "sticky-random",
        "products[0].licenses": 3,
    }
    seen = 0
    for (key, value), (other, theirs) in itertools.product(values.items(), values.items()):
        arm = [{"name": "a", "set": {other: theirs}}]
        overrides = {"cases": [], "arms": arm, key: value}
        try:
            (version,) = versions(load(path, overrides))
        except ScenarioError as error:
            assert "would not be seen" in str(error)
        else:
            seen += 1
            scenario = version.scenario
            found = {
                "clients.count": scenario.clients.count,
                "clients": {"programs": scenario.clients.programs},
                "policies.failover.name": scenario.policies.failover.name,
                "policies.failover": {"name": scenario.policies.failover.name},
                "policies.selection.name": scenario.policies.selection.name,
                "products[0].licenses": scenario.products[0].licenses,
            }
            assert found[key] == value
    assert seen == 6 * 6 - 6 - 2  # all but each key with itself, and the name of a policy with the policy


def test_without_arms_all_is_seen(path):
    scenario = load(path, {"policies.failover.name": "never"}, ())
    assert policies(scenario) == {None: ("never", {})}


def test_some_arms_in_the_order_of_the_file(path):
    assert [arm.name for arm in load(path, {}, ["v1.5 = new", "at once"]).arms] == ["at once", "v1.5 = new"]
    scenario = load(path, {"servers.queue_limit": 3}, ["at once"])
    assert {version.scenario.servers.queue_limit for version in versions(scenario)} == {3}
    assert refused(path, {}, ["at onc"]) == [
        'arms.at onc: there is no such arm; the arms are "at once", "v1.5 = new" (did you mean "at once"?)'
    ]


@pytest.mark.parametrize("name", ["v1.5 = new", '"v1.5 = new"'])
@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("policies.failover.base_s", 2, ("full-jitter", {"base_s": 2, "cap_s": 60})),
        ("policies.failover", {"base_s": 2}, ("full-jitter", {"base_s": 2, "cap_s": 60})),
        ("policies.failover.name", "immediate", ("immediate", {})),
        ("policies", {"failover": {"name": "immediate"}}, ("immediate", {})),
    ],
)
def test_a_key_in_one_arm(name, key, value, expected, path):
    before = policies(load(path))
    assert policies(load(path, {f"arms.{name}.{key}": value})) == before | {"v1.5 = new": expected}


def test_a_new_key_of_an_arm_wins_over_those_below(path):
    own = {"name": "b", "set": {"policies.failover.name": "full-jitter", "policies.failover.base_s": 1}}
    for key, value in (("policies.failover", {"name": "never"}), ("policies.failover.name", "never")):
        scenario = load(path, {"arms": [own], f"arms.b.{key}": value})
        assert policies(scenario) == {"b": ("never", {})}


def test_a_key_in_one_case(path):
    scenario = load(path, {"cases.small.clients.count": 12})
    assert {version.case: version.scenario.clients.count for version in versions(scenario)} == {
        "small": 12,
        "as it is": 800,
    }


@pytest.mark.parametrize("key", ["arms.nobody.clients.count", "arms.at once", "cases.large.clients.count"])
def test_an_arm_that_is_not_there(key, path):
    (line,) = refused(path, {key: 3})
    assert "there is no such" in line


def test_what_versions_share_stays_shared(path):
    (line,) = refused(path, {"arms.at once.run.seed": 3})
    assert "arms[0].set: run.seed: 3 is not allowed; cases and arms may not change it" in line


@pytest.mark.parametrize(
    "given",
    [
        [("run.seed", 1), ("run.seed", 1)],
        [("run.seed", 1), ("run", {"seed": 2})],
        [("policies.failover.name", "a"), ("policies.failover", {"name": "b"})],
        [("policies", {"failover": {"name": "a"}}), ("policies.failover.name", "b")],
        [("faults[0].start_s", 1), ("faults.0.start_s", 2)],
        [("faults", [{"start_s": 1}]), ("faults[0].start_s", 2)],
        [('arms."a".clients.count', 1), ("arms.a.clients.count", 2)],
    ],
)
def test_a_key_given_twice(given):
    with pytest.raises(ScenarioError, match="given 2 times; a key may be set once"):
        each_once(given)


def test_keys_of_one_table_are_not_twice_the_same():
    given = [("policies.failover", {"name": "a", "retries": 1}), ("policies.failover.delay_s", 2), ("run.seed", 1)]
    assert each_once(given) == dict(given)
