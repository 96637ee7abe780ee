"""What is loaded is checked once: every version that a scenario compares, and every policy that one chooses."""

import json
from collections import Counter
from typing import Any

import pytest
from meterstorm.experiments.metrics.names import METRICS, WALL_METRICS
from meterstorm.experiments.scenario import (
    ScenarioError,
    Sweep,
    built_in,
    check,
    load,
    to_toml,
    validate,
    versions,
)
from meterstorm.policies import registry


class Calls:
    """What is called, and with what."""

    def __init__(self, monkeypatch: Any) -> None:
        self.checked = 0
        self.resolved: Counter[tuple[Any, ...]] = Counter()
        broken_rules, resolve = check.broken_rules, registry.resolve

        def count_check(*arguments: Any) -> Any:
            self.checked += 1
            return broken_rules(*arguments)

        def count_choice(kind: str, name: str, parameters: dict[str, Any]) -> Any:
            self.resolved[kind, name, json.dumps(parameters, sort_keys=True)] += 1
            return resolve(kind, name, parameters)

        monkeypatch.setattr(check, "broken_rules", count_check)
        monkeypatch.setattr(registry, "resolve", count_choice)


def distinct_choices(scenarios: list[Any]) -> set[tuple[Any, ...]]:
    own = [scenario for one in scenarios for scenario in (one, *one.of_groups)]
    choices = [(kind, choice) for scenario in own for kind, choice in scenario.policies]
    return {(kind, choice.name, json.dumps(choice.parameters, sort_keys=True)) for kind, choice in choices}


@pytest.mark.parametrize("name", built_in())
def test_a_load_checks_each_version_and_each_policy_once(name: str, monkeypatch):
    """And each case without its arms, since an error may be the case's alone; and each as its groups have it."""
    scenario = load(name)
    alone = scenario.model_copy(update={"cases": (), "arms": (), "expect": (), "sweep": Sweep()})
    cases = [version.scenario for version in versions(scenario.model_copy(update={"arms": ()}))]
    all_versions = [version.scenario for version in versions(scenario)]
    calls = Calls(monkeypatch)
    load(name)
    different = {to_toml(each): each for each in (alone, *cases, *all_versions)}
    assert calls.checked == sum(1 + len(each.groups) for each in different.values())
    assert calls.resolved == Counter(distinct_choices([alone, *all_versions]))


def test_what_is_wrong_is_resolved_once_too(monkeypatch):
    calls = Calls(monkeypatch)
    raw = {
        "title": "x",
        "policies": {
            "failover": {"name": "imediate"},
            "intersite": {"name": "periodic-demand", "interval_s": True},
        },
        "arms": [{"name": "a", "set": {"run.seed": 2}}, {"name": "b", "set": {"network.loss": 0.1}}],
    }
    with pytest.raises(ScenarioError):
        validate(raw)
    assert set(calls.resolved.values()) == {1}


def test_parameters_are_told_apart_by_their_type():
    """1 and true are equal in Python; only one of them is a number in a file."""
    arms = [{"name": str(n), "set": {"policies.failover.retries": n}} for n in (1, True)]
    with pytest.raises(ScenarioError) as caught:
        validate({"title": "x", "arms": arms})
    (line,) = caught.value.errors
    assert line.startswith("arms[1].set: policies.failover.retries: True is not allowed")


@pytest.mark.parametrize("metric", [*WALL_METRICS, METRICS[0]])
def test_a_metric_of_the_wall_clock_shows_no_symptom(metric: str):
    cases = [{"name": "calm"}, {"name": "dark", "symptom": "s", "metric": metric, "baseline": "calm"}]
    raw = {"title": "x", "cases": cases}
    if metric in METRICS:
        assert validate(raw).cases[1].metric == metric
        return
    with pytest.raises(ScenarioError) as caught:
        validate(raw)
    (line,) = caught.value.errors
    assert line.startswith(f'cases[1].metric: "{metric}" is not allowed; ')
    assert line.endswith("this one is of the wall clock only")


def test_one_load_is_what_validating_again_would_give():
    """The scenario is made of tables that are checked one by one, not checked again as a whole."""
    for name in built_in():
        scenario = load(name)
        again = type(scenario).model_validate(scenario.model_dump(exclude_none=True))
        assert dict(again) == dict(scenario)
