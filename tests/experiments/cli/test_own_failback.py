"""A failback policy of one's own."""

import json

from meterstorm.experiments.cli import console

from support.command_line import invoke, refused

AWAY = ["--failover", "immediate", "--set", "faults[0].servers=[0]", "--set", "workload.launch_interval_s=60"]


def summed(*options):
    result = invoke("run", "dark.toml", "--json", "--workers", 0, *AWAY, *options)
    assert result.exit_code == 0, result.stderr
    (arm,) = json.loads(result.stdout)["arms"]
    return {name: arm["metrics"][name]["mean"] for name in ("failovers", "failbacks", "probes")}


def test_an_own_policy_brings_clients_back():
    assert summed()["failbacks"] == summed()["probes"] == 0
    own = summed("--failback", "mine.py:Restless")
    assert 0 < own["failbacks"] <= own["failovers"]
    assert own["probes"] > own["failbacks"]


def test_its_parameters_are_keys():
    often, seldom = (
        summed("--failback", "mine.py:Restless", "--set", f"policies.failback.period_s={s}") for s in (7.0, 70.0)
    )
    assert often["probes"] > 3 * seldom["probes"]


def test_its_servers_may_drain():
    drained = summed("--failback", "mine.py:Draining")
    assert 0 < drained["failbacks"] <= drained["probes"]
    options = ["--failback", "mine.py:Draining", "--set", "policies.failback.drain_share=1.5"]
    result = invoke("run", "dark.toml", "--json", "--workers", 0, *options)
    refused(result, console.WRONG_INPUT, ["policies.failback.drain_share: 1.5", "in [0, 1]"])
