"""Values that are not allowed, and in which words they are refused; those on the edge that are."""

import math

import pytest
from meterstorm.experiments.scenario import (
    validate,
)
from meterstorm.experiments.scenario.overrides import thaw

from support.scenario_file import NUMBER, errors

ABOVE_0 = "is not allowed; it must be a number > 0"

ONE_VALUE = [
    ("run", "duration_s", 0, f"0 {ABOVE_0}"),
    ("run", "duration_s", math.inf, f"inf {ABOVE_0}"),
    ("run", "warmup_s", math.nan, f"nan {NUMBER}"),
    ("run", "warmup_s", True, f"true {NUMBER}"),
    ("run", "warmup_s", "60", f'"60" {NUMBER}'),
    ("run", "warmup_s", 2e9, f"2000000000.0 {NUMBER}, at most 1e+09"),
    ("run", "seed", -1, "-1 is not allowed; it must be an integer >= 0 and < 2**63"),
    ("run", "seed", 2**63, f"{2**63} is not allowed; it must be an integer >= 0 and < 2**63"),
    ("run", "seed", 1.0, "1.0 is not allowed; it must be an integer >= 0 and < 2**63"),
    ("run", "replications", 0, "0 is not allowed; it must be an integer >= 1"),
    ("run", "shards", "all", '"all" is not allowed; it must be an integer >= 1 or "auto"'),
    ("run", "shards", 0, '0 is not allowed; it must be an integer >= 1 or "auto"'),
    ("run", "clock", "real", '"real" is not allowed; it must be "virtual" or "wall"'),
    ("run", "sample_s", 0, f"0 {ABOVE_0}"),
    ("network", "latency_ms", -3, f"-3 {NUMBER}"),
    ("network", "jitter_ms", -0.5, f"-0.5 {NUMBER}"),
    ("network", "latency_ms", 1e-7, f"1e-07 {NUMBER}, in whole nanoseconds (at least 1e-06 if not 0)"),
    ("network", "loss", 1, "1 is not allowed; it must be a number >= 0 and < 1"),
    ("servers", "count", 0, "0 is not allowed; it must be an integer >= 1"),
    ("servers", "count", 4.0, "4.0 is not allowed; it must be an integer >= 1"),
    ("servers", "service", "gamma", '"gamma" is not allowed; it must be "constant" or "exponential"'),
    ("servers", "queue_limit", -1, "-1 is not allowed; it must be an integer >= 0"),
    ("servers", "durable", 1, "1 is not allowed; it must be true or false"),
    ("servers", "scan_s", 0, f"0 {ABOVE_0}"),
    ("servers", "callback_grace_s", 0, f"0 {ABOVE_0}"),
    ("servers", "callback_cycle_s", -1, "-1 is not allowed; it must be a number >= 0"),
    (
        "servers",
        "split",
        [1, -1, 0, 0],
        '[1, -1, 0, 0] is not allowed; it must be "even" or a list of weights, numbers >= 0',
    ),
    ("clients", "count", 0, "0 is not allowed; it must be an integer >= 1"),
    ("servers", "sites", 0, "0 is not allowed; it must be an integer >= 1"),
    ("clients", "failover_to", "any", '"any" is not allowed; it must be "any-site" or "own-site"'),
    ("network", "wan_latency_ms", -1, f"-1 {NUMBER}"),
    ("clients", "programs", 33, "33 is not allowed; it must be an integer from 1 to 32"),
    ("clients", "request_timeout_s", 0, f"0 {ABOVE_0}"),
    ("clients", "heartbeat_s", -1, f"-1 {NUMBER}"),
    ("clients", "deferred_retry_s", 0, f"0 {ABOVE_0}"),
    (
        "clients",
        "assignment",
        "even",
        '"even" is not allowed; it must be "round-robin", "random" or a list of weights, numbers >= 0',
    ),
    ("workload", "launch_interval_s", 0, f"0 {ABOVE_0}"),
    ("workload", "run_time_s", -1, f"-1 {NUMBER}"),
    ("workload", "launch_cv", 0, f"0 {ABOVE_0}"),
    ("workload", "profile", 3, "3 is not allowed; it must be a list"),
]


@pytest.mark.parametrize(("section", "key", "value", "line"), ONE_VALUE)
def test_a_value_that_is_not_allowed(section, key, value, line):
    assert errors({section: {key: value}}) == [f"{section}.{key}: {line}"]


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("workload", "run_time_s", 0),
        ("clients", "heartbeat_s", 0),
        ("network", "latency_ms", 0),
        ("network", "latency_ms", 1e-6),
        ("run", "seed", 0),
        ("run", "seed", 2**63 - 1),
        ("run", "shards", "auto"),
        ("run", "warmup_s", 1e9),
        ("clients", "programs", 32),
        ("servers", "split", [0, 0, 0, 1]),
        ("clients", "assignment", [0.5, 0.5, 0, 0]),
        ("workload", "profile", [[0, 0], [8, 1], [24, 0.5]]),
    ],
)
def test_a_value_on_the_edge_is_allowed(section, key, value):
    given_value = getattr(getattr(validate({"title": "x", section: {key: value}}), section), key)
    assert thaw(given_value) == value
