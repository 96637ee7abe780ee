"""Scenario files: what is refused and in which words, overrides, versions, and the way back to TOML."""

import math
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from meterstorm.experiments import scenarios as built_in_files
from meterstorm.experiments.metrics import names as metrics_names
from meterstorm.experiments.scenario import (
    Cut,
    Fraction,
    Network,
    Outage,
    Run,
    Scenario,
    ScenarioError,
    Slow,
    built_in,
    load,
    parse_override,
    schema,
    source_text,
    to_toml,
    validate,
    versions,
)
from meterstorm.experiments.scenario.overrides import thaw
from pydantic import ValidationError

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
on_denial = "give-up"
retry_denied_s = 60.0
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


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a scenario file and gives its path."""

    def _write(text: str, name: str = "scenario.toml") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return _write


def errors(raw: dict[str, Any]) -> list[str]:
    """Everything that is wrong with raw data; a title is added."""
    with pytest.raises(ScenarioError) as caught:
        validate({"title": "t", **raw})
    assert str(caught.value) == "\n".join(caught.value.errors)
    return caught.value.errors


def fault(**keys: Any) -> dict[str, Any]:
    return {"faults": [{"kind": "crash", "duration_s": 60, **keys}]}


# Defaults


def test_the_shortest_scenario_is_one_line(write):
    shortest = load(write('title = "x"'))
    example = load(write(EXAMPLE))
    for section in ("run", "network", "servers", "clients", "workload", "policies"):
        assert getattr(shortest, section) == getattr(example, section), section
    (product,) = shortest.products
    assert (product.name, product.licenses, product.popularity) == ("product", 400, 1.0)
    assert shortest.faults == shortest.cases == shortest.arms == ()
    assert (shortest.description, shortest.article) == ("", "")


def test_defaults_of_keys_that_the_example_lacks():
    default = validate({"title": "x"})
    assert (default.clients.deferred_retry_s, default.clients.callback_poll_s) == (60.0, 0.0)
    assert (default.servers.callback_grace_s, default.servers.callback_cycle_s) == (60.0, 0.0)
    assert default.workload.trace == ""


def test_an_empty_fault_is_the_one_of_the_contract():
    (fault,) = validate({"title": "x", "faults": [{}]}).faults
    assert (fault.kind, fault.servers, fault.start_s, fault.duration_s) == ("unreachable", (0,), 3600.0, 600.0)


def test_the_example_reads_as_written(write):
    example = load(write(EXAMPLE))
    assert example.faults == (
        Outage(kind="unreachable", servers=(0,), start_s=3600.0, duration_s=600.0, repeat_s=0.0, repeats=1),
    )
    assert example.policies.failover.name == "retry-then-failover"
    assert example.policies.failover.parameters == {"retries": 3, "delay_s": 60.0}
    assert example.cases[1].baseline == "control"
    assert isinstance(example.run.duration_s, float)


def test_kinds_of_faults():
    raw = [
        {"kind": "slow", "factor": 10, "duration_s": 1, "servers": {"fraction": 0.5}},
        {"kind": "loss", "probability": 0.1, "duration_s": 1},
        {"kind": "cut", "clients": [0, 799], "duration_s": 1, "servers": [3, 0]},
    ]
    slow, loss, cut = validate({"title": "x", "faults": raw}).faults
    assert isinstance(slow, Slow) and slow.factor == 10 and slow.servers == Fraction(fraction=0.5)
    assert loss.kind == "loss" and loss.probability == 0.1 and loss.servers == (0,)
    assert isinstance(cut, Cut) and cut.clients == (0, 799) and cut.servers == (3, 0)


def test_a_scenario_is_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        validate({"title": "x"}).run.seed = 2


# What is refused, and the words

NUMBER = "is not allowed; it must be a number >= 0"
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
    ("clients", "on_denial", "wait", '"wait" is not allowed; it must be "give-up", "retry" or "callback"'),
    ("clients", "deferred_retry_s", 0, f"0 {ABOVE_0}"),
    ("clients", "callback_poll_s", -1, f"-1 {NUMBER}"),
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


ANYWHERE = [
    ({"title": ""}, 'title: "" is not allowed; it must be a string that is not empty'),
    ({"title": 5}, "title: 5 is not allowed; it must be a string that is not empty"),
    ({"description": 5}, "description: 5 is not allowed; it must be a string"),
    (
        {"article": "226827"},
        'article: "226827" is not allowed; it must be the number of a KB article, such as "Q226827", or ""',
    ),
    ({"article": 5}, 'article: 5 is not allowed; it must be the number of a KB article, such as "Q226827", or ""'),
    ({"network": 3}, "network: 3 is not allowed; it must be a table"),
    ({"products": {}}, "products: {} is not allowed; it must be a list of tables, [[products]]"),
    ({"products": []}, "products: [] is not allowed; it must be a list of one or more tables, [[products]]"),
    ({"faults": ["crash"]}, 'faults[0]: "crash" is not allowed; it must be a table'),
    (
        {"products": [{}, {"name": "b", "licenses": -1}]},
        "products[1].licenses: -1 is not allowed; it must be an integer >= 0",
    ),
    (
        {"products": [{"name": "a"}, {"name": "b"}, {"name": "a"}]},
        'products[2].name: "a" is not allowed; it must be a name that no other of the list has',
    ),
    (
        {"products": [{"popularity": 0}]},
        "products[0].popularity: 0.0 is not allowed; it must be > 0 for at least one product",
    ),
    (
        {"policies": {"intersite": {"name": "periodic-demand"}}},
        'policies.intersite.name: "periodic-demand" is not allowed; it must be "none" while servers.sites = 1',
    ),
    (
        {
            "servers": {"sites": 2},
            "policies": {"intersite": {"name": "periodic-demand"}, "balancing": {"name": "static"}},
        },
        'policies.intersite.name: "periodic-demand" is not allowed; it must be "none" while '
        'policies.balancing.name = "static", which gives site servers no reports',
    ),
    (
        {
            "servers": {"sites": 2},
            "policies": {"intersite": {"name": "periodic-demand"}, "balancing": {"name": "keep-until-ack"}},
        },
        'policies.intersite.name: "periodic-demand" is not allowed; it must be "none" while '
        'policies.balancing.name = "keep-until-ack": copies cannot move between sites',
    ),
    (
        {"servers": {"count": 4, "sites": 3}},
        "servers.count: 4 is not allowed; it must be a multiple of servers.sites = 3",
    ),
    (
        {"servers": {"sites": 2}, "network": {"latency_ms": 60}},
        "network.wan_latency_ms: 50.0 is not allowed; it must be at least network.latency_ms = 60.0",
    ),
    (
        {"servers": {"sites": 2}, "clients": {"assignment": [1, 1, 0, 0]}},
        "clients.assignment: [1.0, 1.0, 0.0, 0.0] is not allowed; "
        "it must be > 0 for a server of every site (servers 2 to 3 are one)",
    ),
    (
        {"run": {"shards": 2}, "network": {"latency_ms": 0}},
        'run.shards: 2 is not allowed; it must be 1 or "auto" while network.latency_ms = 0.0 (or > 0)',
    ),
    (
        {"run": {"shards": 300}, "clients": {"count": 200}},
        "run.shards: 300 is not allowed; it must be at most clients.count = 200: each shard is a process",
    ),
    (
        {"run": {"sample_s": 0.01}},
        "run.sample_s: 0.01 is not allowed; "
        "it must be at least run.duration_s / 1000000 (run.duration_s = 28800.0)",
    ),
    (
        {"servers": {"count": 2, "split": [1, 2, 3]}},
        "servers.split: [1.0, 2.0, 3.0] is not allowed; "
        'it must be "even" or a list of 2 weights (servers.count = 2) with a sum > 0',
    ),
    (
        {"clients": {"assignment": [0, 0, 0, 0]}},
        "clients.assignment: [0.0, 0.0, 0.0, 0.0] is not allowed; "
        'it must be "round-robin", "random" or a list of 4 weights (servers.count = 4) with a sum > 0',
    ),
    (
        {"workload": {"profile": [[0, 1], [6, "x"]]}},
        'workload.profile[1]: [6, "x"] is not allowed; it must be a pair [hour, factor] of numbers >= 0',
    ),
    (
        {"workload": {"profile": [[0, 1], [6, 1], [6, 2]]}},
        "workload.profile[2]: [6.0, 2.0] is not allowed; "
        "it must be later than the hour before it (6.0): hours increase",
    ),
    (
        {"workload": {"profile": [[0, 0], [6, 0]]}},
        "workload.profile: [[0.0, 0.0], [6.0, 0.0]] is not allowed; "
        "it must be a list with at least one factor > 0",
    ),
    (
        {"workload": {"arrivals": "trace"}},
        'workload.trace: "" is not allowed; '
        'it must be the path of a .csv or .parquet file, since workload.arrivals = "trace"',
    ),
    (
        {"workload": {"trace": "a.csv"}},
        'workload.trace: "a.csv" is not allowed; '
        'it must be "" (absent), since workload.arrivals = "closed", or arrivals must be "trace"',
    ),
    (
        fault(kind="crashed"),
        'faults[0].kind: "crashed" is not allowed; '
        'it must be "unreachable", "refusing", "crash", "slow", "loss" or "cut"',
    ),
    (fault(kind="slow"), "faults[0].factor: missing; it must be a number > 0, for example 10"),
    (
        fault(kind="loss"),
        "faults[0].probability: missing; it must be a number from 0 to 1, for example 0.1",
    ),
    (
        fault(kind="loss", probability=1.5),
        "faults[0].probability: 1.5 is not allowed; it must be a number from 0 to 1",
    ),
    (
        fault(kind="cut"),
        "faults[0].clients: missing; it must be [first, last], two client ids >= 0, for example [0, 99]",
    ),
    (
        fault(kind="cut", clients=[5, 800]),
        "faults[0].clients: [5, 800] is not allowed; "
        "it must be [first, last] with 0 <= first <= last <= 799 (clients.count = 800)",
    ),
    (
        fault(kind="cut", clients=[5, 4]),
        "faults[0].clients: [5, 4] is not allowed; "
        "it must be [first, last] with 0 <= first <= last <= 799 (clients.count = 800)",
    ),
    (
        fault(factor=2),
        "faults[0].factor: unknown key; "
        'allowed: duration_s, kind, repeat_s, repeats, servers, start_s (it belongs to kind = "slow")',
    ),
    (
        fault(servers="some"),
        'faults[0].servers: "some" is not allowed; it must be "all", '
        "a list of server ids (integers >= 0) or { fraction = f } with 0 < f <= 1",
    ),
    (
        fault(servers={"fraction": 0}),
        'faults[0].servers: {fraction = 0} is not allowed; it must be "all", '
        "a list of server ids (integers >= 0) or { fraction = f } with 0 < f <= 1",
    ),
    *(
        (
            fault(servers=servers),
            f"faults[0].servers: {servers} is not allowed; "
            "it must be a list of one or more distinct ids from 0 to 3 (servers.count = 4)",
        )
        for servers in ([], [4], [1, 1])
    ),
    (
        fault(repeat_s=59),
        "faults[0].repeat_s: 59.0 is not allowed; it must be 0 or at least duration_s = 60.0",
    ),
    (fault(repeats=0), "faults[0].repeats: 0 is not allowed; it must be an integer >= 1"),
    (
        {"policies": {"selection": "ring"}},
        'policies.selection: "ring" is not allowed; '
        'it must be a table { name = "..." } that may also give the parameters of the policy',
    ),
    (
        {"cases": [{}]},
        'cases[0].name: missing; it must be a string that is not empty, for example "as shipped"',
    ),
    ({"arms": [{"name": " "}]}, 'arms[0].name: " " is not allowed; it must be a string that is not empty'),
    (
        {"arms": [{"name": "a"}, {"name": "a"}]},
        'arms[1].name: "a" is not allowed; it must be a name that no other of the list has',
    ),
    (
        {"arms": [{"name": "a", "set": [1]}]},
        'arms[0].set: [1] is not allowed; it must be a table of overrides, { "dotted.key" = value, ... }',
    ),
    (
        {"cases": [{"name": "a", "metric": "denials"}]},
        "cases[0]: symptom and baseline missing; symptom, metric and baseline are given together or not at all",
    ),
    (
        {"cases": [{"name": "a"}, {"name": "b", "symptom": "s", "metric": "denails", "baseline": "a"}]},
        'cases[1].metric: "denails" is not allowed; it must be a metric of the summary (did you mean "denials"?)',
    ),
    (
        {"cases": [{"name": "a"}, {"name": "b", "symptom": "s", "metric": "denials", "baseline": "b"}]},
        'cases[1].baseline: "b" is not allowed; it must be the name of another case: "a"',
    ),
]


@pytest.mark.parametrize(("raw", "line"), ANYWHERE)
def test_an_error_has_the_key_the_value_and_what_is_allowed(raw, line):
    assert errors(raw) == [line]


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


# Policies


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


# Reading


def refused(*arguments: Any) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        load(*arguments)
    return caught.value.errors


def test_a_file_that_is_not_there(tmp_path):
    path = tmp_path / "no.toml"
    assert refused(path) == refused(str(path)) == [f"{path}: no such file"]


def test_a_folder_is_no_scenario(tmp_path):
    assert refused(tmp_path) == [f"{tmp_path}: a folder, not a scenario file"]


def test_a_file_that_is_not_toml(write):
    path = write("title = \n")
    (line,) = refused(path)
    assert line.startswith(f"{path}: not a TOML file: ") and "line 1" in line


def test_a_file_that_is_not_text(tmp_path):
    path = tmp_path / "x.toml"
    path.write_bytes(b'title = "\xff"')
    assert refused(path) == [f"{path}: not a TOML file: not UTF-8 text (byte 9)"]


@pytest.mark.parametrize("text", ["x = " + "[" * 5000, 'title.{} = "x"'.format(".".join("a" * 5000))])
def test_a_file_nested_too_deep(write, text):
    path = write(text)
    (line,) = refused(path)
    assert line.startswith(f"{path}: ")


def test_a_path_that_cannot_be(write):
    (line,) = refused("a\0b.toml")
    assert "cannot be read" in line


def test_a_byte_order_mark_does_no_harm(write):
    assert load(write('\ufefftitle = "x"')).title == "x"


def test_built_in_scenarios_have_names(tmp_path, monkeypatch):
    (tmp_path / "outage.toml").write_text('title = "An outage"\n')
    (tmp_path / "storm.toml").write_text('title = "A storm"\n[run]\nseed = 7\n')
    monkeypatch.setattr(built_in_files.resources, "files", lambda package: tmp_path)
    assert built_in() == {"outage": "An outage", "storm": "A storm"}
    assert source_text("outage") == 'title = "An outage"\n'
    assert load("storm").run.seed == 7
    line = 'strom: neither a built-in scenario (outage, storm) nor a file (did you mean "storm"?)'
    assert refused("strom") == [line]
    with pytest.raises(ScenarioError, match="neither a built-in"):
        source_text("strom")


def test_every_built_in_scenario_loads():
    for name, title in built_in().items():
        scenario = load(name)
        assert scenario.title == title
        assert versions(scenario)


def test_traces_are_relative_to_the_file(write, tmp_path, monkeypatch):
    path = write(
        'title = "x"\n[workload]\narrivals = "trace"\ntrace = "a.csv"\n'
        '[[arms]]\nname = "b"\nset = { "workload.trace" = "b.parquet" }\n'
        '[[arms]]\nname = "c"\nset = { workload.trace = "c.csv" }\n'
    )
    monkeypatch.chdir(tmp_path.parent)
    scenario = load(path.relative_to(tmp_path.parent))
    assert scenario.workload.trace == str(tmp_path / "a.csv")
    traces = [version.scenario.workload.trace for version in versions(scenario)]
    assert traces == [str(tmp_path / "b.parquet"), str(tmp_path / "c.csv")]


# Overrides


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
            "title": "other",
            "run.seed": 9,
            "products[0].licenses": 5,
            "faults.0.duration_s": 7,
            "policies.failover.delay_s": 8,
            "policies.balancing": {"name": "static"},
        },
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
    same = load(path, {"policies.failover.name": "retry-then-failover"})
    assert same.policies.failover.parameters == {"retries": 3, "delay_s": 60.0}
    other = load(path, {"policies.failover.name": "immediate"})
    assert other.policies.failover.parameters == {}
    for order in (1, -1):
        both = {"policies.failover.retries": 2, "policies.failover.name": "retry-then-give-up"}
        chosen = load(path, dict(list(both.items())[::order])).policies.failover
        assert (chosen.name, chosen.parameters) == ("retry-then-give-up", {"retries": 2})


def test_the_general_comes_before_the_particular(write):
    table = {"name": "retry-then-failover", "retries": 1}
    scenario = load(write('title = "x"'), {"policies.failover.retries": 5, "policies.failover": table})
    assert scenario.policies.failover.parameters == {"retries": 5}


def test_a_table_for_a_section_changes_only_its_keys(write):
    path = write(EXAMPLE)
    scenario = load(path, {"clients": {"count": 8}, "policies": {"failover": {"delay_s": 1}}})
    assert scenario == load(path, {"clients.count": 8, "policies.failover.delay_s": 1})
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


# Versions


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


# There and back


def test_to_toml_loads_back(write):
    example = load(write(EXAMPLE))
    assert load(write(to_toml(example))) == example
    for version in versions(example):
        assert load(write(to_toml(version.scenario))) == version.scenario


times = st.floats(1e-3, 1e6) | st.integers(1, 10**6)
names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8).filter(str.strip)
servers = st.just("all") | st.just([0, 2]) | st.builds(dict, fraction=st.floats(0.01, 1))
faults = st.one_of(
    st.fixed_dictionaries(
        {"kind": st.sampled_from(["crash", "refusing"]), "duration_s": times}, optional={"servers": servers}
    ),
    st.fixed_dictionaries({"kind": st.just("slow"), "factor": times, "duration_s": times}),
    st.fixed_dictionaries({"kind": st.just("cut"), "clients": st.just([0, 5]), "duration_s": times}),
)
overrides = st.dictionaries(
    st.sampled_from(["network.jitter_ms", "clients.retry_denied_s", "policies.failover.delay_s"]), times
)
scenarios = st.fixed_dictionaries(
    {"title": names},
    optional={
        "description": st.text(st.characters(codec="utf-8"), max_size=20),
        "run": st.fixed_dictionaries(
            {}, optional={"seed": st.integers(0, 2**63 - 1), "shards": st.just("auto"), "warmup_s": times}
        ),
        "servers": st.fixed_dictionaries(
            {}, optional={"split": st.just([1, 0, 2.5, 1]), "durable": st.booleans()}
        ),
        "products": st.lists(
            st.fixed_dictionaries({"name": names, "licenses": st.integers(0, 10**9)}),
            min_size=1,
            max_size=3,
            unique_by=lambda product: product["name"],
        ),
        "workload": st.just({"profile": [[0, 1], [8.5, 0]]}),
        "policies": st.just({"failover": {"name": "retry-then-failover", "retries": math.inf}}),
        "faults": st.lists(faults, max_size=3),
        "arms": st.lists(
            st.fixed_dictionaries({"name": names, "set": overrides}),
            max_size=2,
            unique_by=lambda arm: arm["name"],
        ),
    },
)


@given(scenarios)
@settings(max_examples=60, deadline=None)
def test_any_scenario_comes_back_from_toml(raw):
    scenario = validate(raw)
    again = validate(tomllib.loads(to_toml(scenario)))
    assert again == scenario
    assert to_toml(again) == to_toml(scenario)
    assert versions(again) == versions(scenario)


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=3)
    | st.sampled_from(["all", "cut"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=6,
)


def tables(model: type[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from([*model.model_fields, "clients", "factor"]), values, max_size=4)


nonsense = st.fixed_dictionaries(
    {},
    optional={
        "title": values,
        **{name: values | tables(getattr(schema, name.capitalize())) for name in ("run", "servers", "workload")},
        **{name: values | st.lists(tables(schema.Fault), max_size=2) for name in ("faults", "products")},
        **{name: values | st.lists(tables(schema.Case), max_size=2) for name in ("cases", "arms")},
    },
)


@given(nonsense)
@settings(max_examples=100, deadline=None)
def test_nonsense_is_refused_line_by_line_and_never_breaks_the_check(raw):
    try:
        validate(raw)
    except ScenarioError as error:
        assert all("\n" not in line and ": " in line for line in error.errors)


# Metrics


def test_every_metric_has_a_meaning():
    assert metrics_names.METRICS[0] == "launches" and metrics_names.METRICS[-1] == "time_to_recover_s"
    assert set(metrics_names.METRICS) | set(metrics_names.WALL_METRICS) == set(metrics_names.MEANINGS)
    assert not set(metrics_names.METRICS) & set(metrics_names.WALL_METRICS)
    assert all(metrics_names.MEANINGS.values())
