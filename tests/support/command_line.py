"""Scenario files and policies for the command line, and ways to call it."""

import json
from typing import Any

from meterstorm.experiments.cli import main as cli
from typer.testing import CliRunner

SHORT = """
title = "short"
[run]
duration_s = 1200
warmup_s = 60
[clients]
count = 40
"""

DARK = """
[[faults]]
kind = "unreachable"
servers = "all"
start_s = 100
duration_s = 600
"""

COMPARED = (
    SHORT
    + """
[[cases]]
name = "calm"
[[cases]]
name = "dark"
[cases.set]
faults = [{ kind = "unreachable", servers = "all", start_s = 100, duration_s = 5000 }]
[[arms]]
name = "immediate"
set = { "policies.failover" = { name = "immediate" } }
[[arms]]
name = "never"
set = { "policies.failover" = { name = "never" } }
"""
).replace("warmup_s = 60", "warmup_s = 60\nreplications = 3")

POLICIES = """
from typing import NamedTuple

from meterstorm.policies import (
    Decision, Plan, ask_again, ask_next, await_callback, probe, refuse, retry, stay, when_asked,
)


class MyPolicy(NamedTuple):
    delay_s: float = 5.0

    def on_failure(self, link, memory, u):
        return retry(self.delay_s)


class BadAction(NamedTuple):
    def on_failure(self, link, memory, u):
        return Decision(9, 1.0)


class NegativeDelay(NamedTuple):
    def on_failure(self, link, memory, u):
        return retry(-1.0)


class NotANumber(NamedTuple):
    def on_failure(self, link, memory, u):
        return retry(float("nan"))


class Restless(NamedTuple):
    period_s: float = 7.0

    def plan(self, place, u):
        return stay() if place.server == place.preferred else probe(self.period_s * (0.5 + u))


class Draining(NamedTuple):
    drain_share: float = 0.5

    def plan(self, place, u):
        return when_asked()


class BadPlan(NamedTuple):
    def plan(self, place, u):
        return Plan(7, 1.0)


class NegativePlan(NamedTuple):
    def plan(self, place, u):
        return stay() if place.now_s > 0.0 else probe(-2.5)


class EndlessPlan(NamedTuple):
    def plan(self, place, u):
        return probe(float("nan"))


class TooFar(NamedTuple):
    def next_server(self, choice, u):
        return choice.servers


class BelowZero(NamedTuple):
    def next_server(self, choice, u):
        return -1


class LongAgo(NamedTuple):
    def on_request(self, arrival, u):
        return refuse(-1.5)


class NoTime(NamedTuple):
    def on_request(self, arrival, u):
        return refuse(float("nan"))


class BadReaction(NamedTuple):
    def on_denial(self, denied, u):
        return await_callback()


class Wanderer(NamedTuple):
    def on_denial(self, denied, u):
        return ask_next()


class Backwards(NamedTuple):
    def on_denial(self, denied, u):
        return ask_again(-2.5)


class Hasty(NamedTuple):
    def on_denial(self, denied, u):
        return ask_again(0.0)


class TooMany(NamedTuple):
    interval_s: float = 100.0

    def targets(self, report):
        return report.allocated + 1


class NoTargets(NamedTuple):
    interval_s: float = 100.0

    def targets(self, report):
        return None


class Fails(NamedTuple):
    interval_s: float = 100.0

    def targets(self, report):
        raise RuntimeError("boom")


class NoInterval(NamedTuple):
    def targets(self, report):
        return report.allocated


class Uncompilable(NamedTuple):
    def on_failure(self, link, memory, u):
        return open(str(link))


class NoDecision(NamedTuple):
    def on_failure(self, link, memory, u):
        return 3


class NoMethod(NamedTuple):
    delay_s: float = 1.0


class Needy(NamedTuple):
    delay_s: float

    def on_failure(self, link, memory, u):
        return retry(self.delay_s)


class Worded(NamedTuple):
    word: str = "x"

    def on_failure(self, link, memory, u):
        return retry(1.0)


class Plain:
    pass
"""


def invoke(*arguments: object) -> Any:
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


def run_json(*arguments: object) -> Any:
    result = invoke("run", *arguments, "--json", "--workers", 0)
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)  # refuses anything around it


def refused(result: Any, code: int, words: list[str]) -> None:
    """The command has failed as it should: in few words, none of them on standard output."""
    assert result.exit_code == code, result.stderr
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    for word in words:
        assert word in result.stderr, result.stderr
