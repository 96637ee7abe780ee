"""What the wall clock asks of a scenario."""

from collections.abc import Iterator
from typing import Any

from meterstorm.policies.balancing import shortage_gap_s

from .facts import Facts
from .wording import ScenarioError, refuse, show

REAL = 'while run.clock = "wall"'


def wall_clock_can_run(facts: Facts) -> Iterator[str]:
    """Yield an error for each value that the wall clock has no use for, or that only it has a use for."""
    if facts["run.clock"] == "virtual":
        if facts["run.pace"] != 1:
            yield refuse("run.pace", facts["run.pace"], '1 while run.clock = "virtual", which takes no real time')
        return
    if facts["network.latency_ms"] == 0:
        yield refuse(
            "network.latency_ms", facts["network.latency_ms"], f"> 0 {REAL}: no real message takes no time"
        )
    if facts["servers.sites"] != 1:
        yield refuse("servers.sites", facts["servers.sites"], f"1 {REAL}")
    if facts["servers.quorum"] != 0:
        yield refuse("servers.quorum", facts["servers.quorum"], f"0 {REAL}: its servers do not look at each other")
    for index, product in enumerate(facts["products"]):
        if product["sharing"] != "none":
            words = f'"none" {REAL}: servers do not know what is shared at others'
            yield refuse(f"products[{index}].sharing", product["sharing"], words)


def wall_clock_moves_no_licenses(facts: Facts) -> Iterator[str]:
    """Yield an error for a balancing policy that would act: on the wall clock there are no site servers."""
    policy = facts["resolved.balancing"].policy
    if facts["run.clock"] == "virtual" or policy is None:
        return
    choice, whole_s = facts["policies.balancing"], facts["run.warmup_s"] + facts["run.duration_s"]
    if getattr(policy, "is_shared", False):
        yield refuse("policies.balancing.name", choice.name, f"one that has no shared pool {REAL}")
    elif shortage_gap_s(policy) > 0:
        yield refuse("policies.balancing.name", choice.name, f"one that does not act on shortage {REAL}")
    elif 0 < policy.interval_s < whole_s:
        words = f'at least the whole run, {show(whole_s)} s, or name = "static", {REAL}'
        yield refuse("policies.balancing.interval_s", policy.interval_s, words)


def check_virtual(scenario: Any, who: str) -> None:
    """Raise ScenarioError for a wall-clock scenario, for callers that have only simulated time."""
    if scenario.run.clock != "virtual":
        raise ScenarioError([refuse("run.clock", scenario.run.clock, f'"virtual" for {who}')])
