"""Policies in a scenario file."""

import math

import pytest
from meterstorm.experiments.scenario import (
    validate,
)

from support.scenario_file import errors


def test_an_unknown_policy():
    (line,) = errors({"policies": {"failover": {"name": "imediate"}}})
    assert line.startswith("policies.failover: no failover policy 'imediate'; allowed: immediate, ")
    assert line.endswith("(did you mean 'immediate'?)")


def test_a_policy_without_a_name():
    (line,) = errors({"policies": {"admission": {"limit": 3}}})
    assert line.startswith("policies.admission.name: missing; allowed: fifo, ")


@pytest.mark.parametrize(
    ("delay_s", "start"),
    [
        (-1, "policies.failover.delay_s: -1 is not allowed; it must be "),
        (math.nan, "policies.failover.delay_s: nan is not allowed; it must be "),
        (True, "policies.failover.delay_s: True is not allowed; it must be "),
        (10**400, "policies.failover: a parameter is too large; it must be a number"),
    ],
)
def test_a_parameter_of_a_policy(delay_s, start):
    (line,) = errors({"policies": {"failover": {"name": "retry-then-failover", "delay_s": delay_s}}})
    assert line.startswith(start)


def test_an_unknown_parameter_of_a_policy():
    (line,) = errors({"policies": {"selection": {"name": "ring", "speed": 3}}})
    assert line.startswith("policies.selection.speed: unknown parameter of selection policy 'ring'; ")


def test_a_parameter_may_be_infinite():
    policy = {"name": "retry-then-failover", "retries": math.inf}
    endless = validate({"title": "x", "policies": {"failover": policy}})
    assert endless.policies.failover.parameters == {"retries": math.inf}


def test_a_policy_of_ones_own(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "from typing import NamedTuple\n"
        "class Mine(NamedTuple):\n"
        "    pause_s: float = 1.0\n"
        "    def on_failure(self, link, memory, u):\n"
        "        ...\n"
    )
    mine = {"name": f"{path}:Mine", "pause_s": 2}
    assert validate({"title": "x", "policies": {"failover": mine}}).policies.failover.parameters == {"pause_s": 2}
    (line,) = errors({"policies": {"failover": {"name": f"{path}:Yours"}}})
    assert line.startswith("policies.failover: ") and "Yours" in line
