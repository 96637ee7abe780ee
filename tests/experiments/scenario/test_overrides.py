"""Overrides: how they are written, and where they reach."""

import math

import pytest
from meterstorm.experiments.scenario import (
    ScenarioError,
    load,
    parse_override,
)

from support.scenario_file import EXAMPLE, NUMBER, refused


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("run.seed=2", ("run.seed", 2)),
        ("network.loss = 0.5", ("network.loss", 0.5)),
        ("servers.durable=false", ("servers.durable", False)),
        ("run.shards=auto", ("run.shards", "auto")),
        ('run.shards="auto"', ("run.shards", "auto")),
        ("servers.split=[1, 2]", ("servers.split", [1, 2])),
        ('policies.failover={name="a=b"}', ("policies.failover", {"name": "a=b"})),
        ("title=one = two", ("title", "one = two")),
        ("title=", ("title", "")),
        ('arms."a = b".clients.count=3', ('arms."a = b".clients.count', 3)),
        ("title=1\nother = 2", ("title", "1\nother = 2")),
        ("policies.failover.retries=inf", ("policies.failover.retries", math.inf)),
    ],
)
def test_parse_override(text, expected):
    assert parse_override(text) == expected


@pytest.mark.parametrize("text", ["run.seed", "=3"])
def test_an_override_needs_a_key_and_an_equals_sign(text):
    with pytest.raises(ScenarioError, match=f'"{text}" is not an override; write key=value'):
        parse_override(text)


def test_a_broken_list_is_not_taken_for_a_string():
    with pytest.raises(ScenarioError, match=r"servers\.split: \[1, is not a TOML value"):
        parse_override("servers.split=[1,")


def test_overrides_reach_every_place(write):
    scenario = load(
        write(EXAMPLE),
        {
            "cases": [],
            "title": "other",
            "run.seed": 9,
            "products[0].licenses": 5,
            "faults.0.duration_s": 7,
            "policies.failover.delay_s": 8,
            "policies.balancing": {"name": "static"},
        },
        arms=(),
    )
    assert (scenario.title, scenario.run.seed) == ("other", 9)
    assert (scenario.products[0].licenses, scenario.products[0].name) == (5, "editor")
    assert scenario.faults[0].duration_s == 7
    assert scenario.policies.failover.parameters == {"retries": 3, "delay_s": 8}
    assert (scenario.policies.balancing.name, scenario.policies.balancing.parameters) == ("static", {})


def test_overrides_start_from_the_defaults_where_the_file_is_silent(write):
    path = write('title = "x"')
    scenario = load(path, {"products[0].licenses": 5, "policies.failover.delay_s": 8})
    assert scenario.products[0].name == "product" and scenario.products[0].licenses == 5
    assert scenario.policies.failover.name == "retry-then-failover"
    assert scenario.policies.failover.parameters == {"retries": 3, "delay_s": 8}
    assert load(path).products[0].licenses == 400, "the defaults themselves must not change"


def test_another_policy_does_not_inherit_parameters(write):
    path = write(EXAMPLE)
    same = load(path, {"policies.failover.name": "retry-then-failover"}, ())
    assert same.policies.failover.parameters == {"retries": 3, "delay_s": 60.0}
    other = load(path, {"policies.failover.name": "immediate"}, ())
    assert other.policies.failover.parameters == {}
    for order in (1, -1):
        both = {"policies.failover.retries": 2, "policies.failover.name": "retry-then-give-up"}
        chosen = load(path, dict(list(both.items())[::order]), ()).policies.failover
        assert (chosen.name, chosen.parameters) == ("retry-then-give-up", {"retries": 2})


def test_the_general_comes_before_the_particular(write):
    table = {"name": "retry-then-failover", "retries": 1}
    scenario = load(write('title = "x"'), {"policies.failover.retries": 5, "policies.failover": table})
    assert scenario.policies.failover.parameters == {"retries": 5}


def test_a_table_for_a_section_changes_only_its_keys(write):
    path = write(EXAMPLE)
    scenario = load(path, {"clients": {"count": 8}, "policies": {"failover": {"delay_s": 1}}}, ())
    assert scenario == load(path, {"clients.count": 8, "policies.failover.delay_s": 1}, ())
    assert scenario.policies.failover.parameters == {"retries": 3, "delay_s": 1}


@pytest.mark.parametrize(
    ("key", "value", "start"),
    [
        ("run.sead", 1, "run.sead: unknown key; allowed: clock, "),
        ("foo", 1, "foo: unknown key; allowed: "),
        ("foo.bar", 1, "foo: unknown key; allowed: "),
        ("clients.foo.bar", 1, "clients.foo: unknown key; allowed: "),
        ("products[1].licenses", 1, "products[1].licenses: no such place; products is a list of 1"),
        ("faults[0].start_s", 1, "faults[0].start_s: no such place; faults is a list of 0"),
        ("run[0]", 1, "run[0]: no such place; run is {duration_s = 28800.0, "),
        ("title.x", 1, 'title.x: no such place; title is "x"'),
        ("servers.split[0]", 1, 'servers.split[0]: no such place; servers.split is "even"'),
        ("0", 1, "[0]: no such place; a scenario is "),
        ("a..b", 1, "a..b: not a key; write it like run.seed or products[0].licenses"),
        ("products[-1].licenses", 1, "products[-1].licenses: not a key; "),
        ("", 1, ": not a key; "),
        ("run.seed", "x", 'run.seed: "x" is not allowed; it must be an integer >= 0'),
    ],
)
def test_an_override_into_nowhere(write, key, value, start):
    (line,) = refused(write('title = "x"'), {key: value})
    assert line.startswith(start)


def test_an_override_repairs_a_file(write):
    path = write('title = "x"\n[run]\nseed = -1')
    assert load(path, {"run.seed": 1}).run.seed == 1
    assert refused(path, {"a..b": 1, "run.warmup_s": -1}) == [
        "a..b: not a key; write it like run.seed or products[0].licenses",
        f"run.warmup_s: -1 {NUMBER}",
        "run.seed: -1 is not allowed; it must be an integer >= 0 and < 2**63",
    ]
