"""A whole scenario file, and the errors of a wrong one."""

from typing import Any

import pytest
from meterstorm.experiments.scenario import (
    ScenarioError,
    load,
    validate,
)

EXAMPLE = """
title = "KB Q226827: one metering server is unreachable for ten minutes"
[run]
duration_s = 28800
warmup_s = 3600
seed = 1
replications = 1
shards = 1
clock = "virtual"
sample_s = 60
[network]
latency_ms = 5.0
jitter_ms = 0.0
loss = 0.0
[servers]
count = 4
service_ms = 200.0
service = "constant"
queue_limit = 0
durable = true
heartbeat_cost = 1.0
release_cost = 1.0
reclaim_after_s = 7200
scan_s = 7200
split = "even"
[[products]]
name = "editor"
licenses = 400
popularity = 1.0
[clients]
count = 800
programs = 1
assignment = "round-robin"
enforcement = "after-start"
request_timeout_s = 5.0
heartbeat_s = 3600
heartbeat_names_leases = false
offline = "allow"
rerequest = true
release_old = "lost"
attempt_cpu_ms = 50.0
[workload]
arrivals = "closed"
launch_interval_s = 3600
launch = "exponential"
launch_cv = 1.0
run_time_s = 1800
run_time = "exponential"
run_time_cv = 1.0
profile = []
[policies]
failover  = { name = "retry-then-failover", retries = 3, delay_s = 60.0 }
selection = { name = "ring" }
admission = { name = "fifo" }
balancing = { name = "periodic-demand", interval_s = 14400.0 }
[[faults]]
kind = "unreachable"
servers = [0]
start_s = 3600
duration_s = 600
repeat_s = 0
[[cases]]
name = "control"
set = { faults = [] }
[[cases]]
name = "outage"
symptom = "Abnormal denials of licenses"
metric = "denials_stranded"
baseline = "control"
[[arms]]
name = "as shipped"
set = { "policies.failover" = { name = "immediate" } }
[[arms]]
name = "as documented"
"""


def errors(raw: dict[str, Any]) -> list[str]:
    """Everything that is wrong with raw data; a title is added."""
    with pytest.raises(ScenarioError) as caught:
        validate({"title": "t", **raw})
    assert str(caught.value) == "\n".join(caught.value.errors)
    return caught.value.errors


NUMBER = "is not allowed; it must be a number >= 0"


def refused(*arguments: Any) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        load(*arguments)
    return caught.value.errors
