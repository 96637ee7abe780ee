"""Errors all at once, in one short line each, with the nearest key."""

import pytest
from meterstorm.experiments.metrics import names as metrics_names
from meterstorm.experiments.scenario import (
    Network,
    Run,
    Scenario,
    ScenarioError,
    validate,
)
from pydantic import ValidationError

from support.scenario_file import errors


def test_an_unknown_key_is_answered_with_the_nearest():
    (line,) = errors({"clients": {"colour": 3}})
    assert line.startswith("clients.colour: unknown key; allowed: assignment, attempt_cpu_ms, ")
    assert line.endswith(' (did you mean "count"?)')


def test_an_unknown_key_that_belongs_elsewhere_is_sent_there():
    (line,) = errors({"servers": {"latency_ms": 3}})
    assert line.endswith('(did you mean "network.latency_ms"?)')


def test_an_unknown_table():
    (line,) = errors({"client": {}})
    assert line.startswith("client: unknown key; allowed: arms, article, cases, clients, ")
    assert line.endswith('(did you mean "clients"?)')


def test_a_metric_like_no_other_is_answered_with_all_of_them():
    case = {"name": "b", "symptom": "s", "metric": "xyzzy", "baseline": "a"}
    (line,) = errors({"cases": [{"name": "a"}, case]})
    assert all(name in line for name in metrics_names.METRICS)


def test_without_a_title():
    with pytest.raises(ScenarioError) as caught:
        validate({})
    (line,) = caught.value.errors
    assert line.startswith("title: missing; it must be a string that is not empty, for example ")


def test_a_long_value_is_cut_off():
    (line,) = errors({"run": {"clock": "x" * 1000}})
    assert len(line) < 200
    (line,) = errors({"run": {"seed": 10**5000}})
    assert len(line) < 200


def test_all_errors_at_once_also_those_between_keys():
    """Rules between values are checked as far as the values are right in themselves."""
    lines = errors(
        {
            "title": 3,
            "run": {"shards": 2, "seed": "x"},
            "network": {"latency_ms": 0, "loss": 2},
            "servers": {"service_ms": -1, "split": [1]},
            "clients": {"count": 10, "programs": 0},
            "faults": [
                {"kind": "cut", "clients": [9, 10]},
                {"kind": "crash", "servers": [7], "duration_s": -1},
            ],
            "policies": {"failover": {"name": "nonsense"}, "selection": 3},
        }
    )
    assert [line.split(": ")[0] for line in lines] == [
        "title",
        "run.seed",
        "network.loss",
        "servers.service_ms",
        "clients.programs",
        "policies.selection",
        "faults[1].duration_s",
        "run.shards",
        "servers.split",
        "policies.failover",
        "faults[0].clients",
        "faults[1].servers",
    ]


def test_a_rule_is_silent_when_one_of_its_values_is_wrong_itself():
    lines = errors({"servers": {"count": 0, "split": [1, 1]}, "faults": [{"kind": "crash", "duration_s": 1}]})
    assert lines == ["servers.count: 0 is not allowed; it must be an integer >= 1"]


def test_a_scenario_made_in_python_keeps_the_rules_too():
    with pytest.raises(ValidationError, match=r"run\.shards: 2 is not allowed"):
        Scenario(title="x", run=Run(shards=2), network=Network(latency_ms=0))
    with pytest.raises(ValidationError, match="-1 is not allowed; it must be an integer >= 0"):
        Run(seed=-1)
