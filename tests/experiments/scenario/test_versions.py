"""Cases and arms make versions of a scenario."""

import pytest
from meterstorm.experiments.scenario import (
    Run,
    load,
    validate,
    versions,
)

from support.scenario_file import EXAMPLE, errors


def test_versions_are_every_arm_in_every_case(write):
    found = versions(load(write(EXAMPLE)))
    assert [(version.case, version.arm) for version in found] == [
        ("control", "as shipped"),
        ("control", "as documented"),
        ("outage", "as shipped"),
        ("outage", "as documented"),
    ]
    for version in found:
        assert version.scenario.cases == version.scenario.arms == ()
        assert len(version.scenario.faults) == (version.case == "outage")
        shipped = version.scenario.policies.failover.name == "immediate"
        assert shipped == (version.arm == "as shipped")
        assert version.scenario.run == found[0].scenario.run


def test_without_cases_and_arms_the_scenario_is_its_only_version():
    scenario = validate({"title": "x", "run": {"seed": 5}})
    (version,) = versions(scenario)
    assert (version.case, version.arm, version.scenario) == (None, None, scenario)


def test_a_case_is_applied_before_an_arm():
    scenario = validate(
        {
            "title": "x",
            "cases": [{"name": "c", "set": {"network.jitter_ms": 1, "policies.failover.retries": 9}}],
            "arms": [{"name": "a", "set": {"network.jitter_ms": 2, "policies.failover.name": "immediate"}}],
        }
    )
    (version,) = versions(scenario)
    assert version.scenario.network.jitter_ms == 2
    assert version.scenario.policies.failover.parameters == {}


def test_dotted_keys_without_quotes_mean_the_same(write):
    quoted = load(write('title = "x"\n[[arms]]\nname = "a"\nset = { "policies.failover.delay_s" = 1 }\n'))
    nested = load(write('title = "x"\n[[arms]]\nname = "a"\nset = { policies.failover.delay_s = 1 }\n'))
    assert versions(quoted) == versions(nested)
    assert versions(nested)[0].scenario.policies.failover.parameters == {"retries": 3, "delay_s": 1}


def test_errors_in_versions_come_when_the_file_is_loaded():
    lines = errors(
        {
            "cases": [{"name": "c"}, {"name": "d", "set": {"network.loss": 2, "servers.cuont": 1}}],
            "arms": [{"name": "a", "set": {"products[3].licenses": 1}}],
        }
    )
    assert lines[0] == "cases[1].set: network.loss: 2 is not allowed; it must be a number >= 0 and < 1"
    assert lines[1].startswith("cases[1].set: servers.cuont: unknown key; ")
    assert lines[2] == "arms[0].set: products[3].licenses: no such place; products is a list of 1"
    assert len(lines) == 3


def test_an_error_in_one_case_only_names_it():
    lines = errors(
        {
            "cases": [{"name": "few", "set": {"servers.count": 2}}, {"name": "many"}],
            "arms": [{"name": "a", "set": {"servers.split": [1, 1, 1, 1]}}],
        }
    )
    assert lines == [
        "arms[0].set: servers.split: [1.0, 1.0, 1.0, 1.0] is not allowed; "
        'it must be "even" or a list of 2 weights (servers.count = 2) with a sum > 0 (in case "few")'
    ]


def test_errors_of_the_file_and_of_its_versions_together():
    raw = {"run": {"seed": -1}, "arms": [{"name": "a", "set": {"network.loss": 2}}]}
    assert [line.split(":")[0] for line in errors(raw)] == ["run.seed", "arms[0].set"]


@pytest.mark.parametrize("key", Run.model_fields)
@pytest.mark.parametrize("table", ["cases", "arms"])
def test_versions_share_one_run(table, key):
    for settings_ in ({f"run.{key}": 1}, {"run": {key: 1}}):
        (line,) = errors({table: [{"name": "a", "set": settings_}]})
        start = f"{table}[0].set: run.{key}: 1 is not allowed; cases and arms may not change it"
        assert line.startswith(start) and "random numbers" in line


def test_cases_and_arms_do_not_nest():
    assert errors({"arms": [{"name": "a", "set": {"cases": []}}]}) == [
        "arms[0].set: cases: [] is not allowed; cases and arms do not nest"
    ]
