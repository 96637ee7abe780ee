"""Rules within and between tables: an error has the key, the value and what is allowed."""

import math
import tomllib
from typing import Any

import pytest
from meterstorm.experiments.scenario import to_toml, validate

from support.scenario_file import errors


def fault(**keys: Any) -> dict[str, Any]:
    return {"faults": [{"kind": "crash", "duration_s": 60, **keys}]}


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
        {"products": [{"tokens": 0}]},
        "products[0].tokens: 0 is not allowed; it must be an integer from 1 to 32767 or a list of pairs "
        "[licenses, weight], weights numbers >= 0",
    ),
    (
        {"products": [{"tokens": [[1, 0], [5, 0]]}]},
        "products[0].tokens: [[1, 0.0], [5, 0.0]] is not allowed; it must be a number, or a list of pairs "
        "[licenses, weight] with a weight > 0",
    ),
    (
        {"products": [{"tokens": [[3, 1], [5, 1], [1, 0]], "max_per_client": 2}]},
        "products[0].max_per_client: 2 is not allowed; it must be 0 or at least 3, the fewest that a launch takes",
    ),
    (
        {"products": [{"tokens": [[1, 3], [2, 1]], "sharing": "client"}]},
        "products[0].tokens: [[1, 3.0], [2, 1.0]] is not allowed; it must be a number while products[0].sharing = "
        '"client"',
    ),
    (
        {"products": [{"sharing": "user"}]},
        'products[0].sharing: "user" is not allowed; it must be "none" or "client"',
    ),
    (
        {"products": [{"reserve": {"clients": [0, 9], "licenses": 401}}]},
        "products[0].reserve.licenses: 401 is not allowed; it must be at most products[0].licenses = 400",
    ),
    (
        {"products": [{"reserve": {"clients": [9, 800], "licenses": 1}}]},
        "products[0].reserve.clients: [9, 800] is not allowed; it must be [first, last] with "
        "0 <= first <= last <= 799 (clients.count = 800)",
    ),
    (
        {"products": [{"reserve": {"clients": [0, 9], "licenses": 0}}]},
        "products[0].reserve: {clients = [0, 9], licenses = 0} is not allowed; it must be a table "
        "{ clients = [first, last], { fraction = f } or { group = name }, licenses = n }: client ids (integers >= "
        "0), the first f of the clients, 0 < f <= 1, rounded up, or those of a group, and an integer >= 1",
    ),
    (
        {"products": [{"tokens": []}]},
        "products[0].tokens: [] is not allowed; it must be a number, or a list of pairs [licenses, weight] "
        "with a weight > 0",
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
        {"clients": {"failback_moves": "all"}},
        'clients.failback_moves: "all" is not allowed; it must be "new" while policies.failback.name = "none"',
    ),
    (
        {"servers": {"count": 1}, "policies": {"failback": {"name": "probe"}}},
        'policies.failback.name: "probe" is not allowed; it must be "none" while a client has one server '
        "to choose from (servers.count = 1)",
    ),
    (
        {
            "servers": {"count": 2, "sites": 2},
            "clients": {"failover_to": "own-site"},
            "policies": {"failback": {"name": "probe"}},
        },
        'policies.failback.name: "probe" is not allowed; it must be "none" while a client has one server '
        "to choose from at its site (servers.count = 2)",
    ),
    (
        {"servers": {"sites": 2}, "policies": {"failback": {"name": "drain"}}},
        'policies.failback.name: "drain" is not allowed; it must be one that does not drain, as '
        'servers.sites = 2, or clients.failover_to must be "own-site"',
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
        {"servers": {"count": 3}, "policies": {"denial": {"name": "give-up", "servers": 4}}},
        "policies.denial.servers: 4.0 is not allowed; it must be at most 3, which there are, or inf: all",
    ),
    (
        {
            "servers": {"count": 4, "sites": 2},
            "clients": {"failover_to": "own-site"},
            "policies": {"denial": {"name": "retry", "servers": 3}},
        },
        "policies.denial.servers: 3.0 is not allowed; it must be at most 2, which there are, or inf: all",
    ),
    (
        {
            "network": {"latency_ms": 0},
            "clients": {"programs": 2},
            "policies": {"denial": {"name": "give-up", "servers": math.inf}},
        },
        "network.latency_ms: 0.0 is not allowed; it must be > 0 while policies.denial.servers = inf and "
        "clients.programs = 2",
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
        'workload.profile[1]: [6, "x"] is not allowed; it must be a pair [hour, factor] of numbers >= 0, '
        "hour at most 277777, factor at most 1e+09",
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
        'it must be the path of a CSV or Parquet file, since workload.arrivals = "trace"',
    ),
    (
        {"workload": {"trace": "a.csv"}},
        'workload.trace: "a.csv" is not allowed; '
        'it must be "" (absent), since workload.arrivals = "closed", or arrivals must be "trace"',
    ),
    (
        {"workload": {"run_time": "empirical"}},
        'workload.run_times: "" is not allowed; '
        'it must be the path of a CSV or Parquet file, since workload.run_time = "empirical"',
    ),
    (
        {"workload": {"launch": "empirical"}},
        'workload.launch_intervals: "" is not allowed; '
        'it must be the path of a CSV or Parquet file, since workload.launch = "empirical"',
    ),
    (
        {"workload": {"run_times": "a.csv"}},
        'workload.run_times: "a.csv" is not allowed; '
        'it must be "" (absent), since workload.run_time = "exponential", or run_time must be "empirical"',
    ),
    (
        fault(kind="crashed"),
        'faults[0].kind: "crashed" is not allowed; '
        'it must be "unreachable", "refusing", "crash", "slow", "loss", "cut", "stall" or "client-crash"',
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
        "faults[0].clients: missing; it must be [first, last], two client ids >= 0, { fraction = f } with "
        "0 < f <= 1, or { group = name }, for example [0, 99]",
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
        "faults[0].factor: unknown key; allowed: drawn_by, duration_s, kind, mtbf_s, mttr_s, repeat_s, repeats, "
        'servers, stagger_s, start_s (it belongs to kind = "slow")',
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
        fault(repeat_s=59, repeats=2),
        "faults[0].repeat_s: 59.0 is not allowed; it must be 0 or at least duration_s = 60.0",
    ),
    (fault(repeats=0), "faults[0].repeats: 0 is not allowed; it must be an integer >= 1"),
    (
        fault(repeats=2),
        "faults[0].repeats: 2 is not allowed; it must be 1 while repeat_s, the time from start to start, is 0.0",
    ),
    (fault(repeat_s=60), "faults[0].repeats: missing; with repeat_s = 60.0 it must be an integer >= 1"),
    *(
        (
            {"faults": [{"duration_s": duration_s, "mttr_s": 5.0}]},
            f"faults[0].duration_s: {duration_s} is not allowed; "
            "it must be left out while mttr_s, the mean of the duration, is 5.0",
        )
        for duration_s in (60.0, 600.0)  # the latter is the default
    ),
    (
        fault(stagger_s=5, servers=[2]),
        "faults[0].stagger_s: 5.0 is not allowed; it must be 0 while servers = [2] is one server",
    ),
    (
        {"policies": {"selection": "rings"}},
        'policies.selection: "rings" is not allowed; it must be a table { name = "..." } that may also give the '
        "parameters of the policy: ring, sticky-random, rendezvous, two-choices, least-loaded, or your own as "
        'FILE.py:CLASS; write policies.selection.name = "ring"',
    ),
    (
        {"policies": {"selection": 5}},
        'policies.selection: 5 is not allowed; it must be a table { name = "..." } that may also give the '
        "parameters of the policy: ring, sticky-random, rendezvous, two-choices, least-loaded, or your own as "
        "FILE.py:CLASS",
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
        {"clients": {"heartbeat_s": 0.0, "heartbeat_spread": 0.5}},
        "clients.heartbeat_spread: 0.5 is not allowed; it must be 0 while clients.heartbeat_s = 0: there are no "
        "heartbeats",
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


@pytest.mark.parametrize(
    "keys", [{"mttr_s": 5.0}, {"repeat_s": 700.0, "repeats": 1}, {"stagger_s": 5.0, "servers": "all"}]
)
def test_what_has_an_effect_is_taken_and_written_as_a_file_that_is_taken_too(keys):
    made = validate({"title": "x", "faults": [keys]})
    assert validate(tomllib.loads(to_toml(made))) == made
    assert ("duration_s" in to_toml(made).partition("faults")[2]) == ("mttr_s" not in keys)


@pytest.mark.parametrize(("raw", "line"), ANYWHERE)
def test_an_error_has_the_key_the_value_and_what_is_allowed(raw, line):
    assert errors(raw) == [line]
