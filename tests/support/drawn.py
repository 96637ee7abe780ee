"""Whole scenarios, drawn by hypothesis: every key of a file, every built-in policy, every kind of fault.

Values are raw data, as of a parsed file, and valid by construction. They are small, so that hundreds of them run
in seconds, and their planned faults are over after 1,000 s of measured time.
"""

import math
import random
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.internal.conjecture import providers
from meterstorm.experiments.scenario import Scenario, to_toml, validate
from meterstorm.experiments.scenario.faults import FAULTS
from meterstorm.policies.registry import ALL, BUILT_IN, resolve

from support.connected import with_connections
from support.drawn_groups import with_groups
from support.failing import is_hasty
from support.kept import kept
from support.observed import with_observations
from support.shared_licenses import sharing

# Hypothesis also draws constants that it finds in the modules that happen to be loaded; without them, the same
# number draws the same scenarios in every process.
providers._get_local_constants = providers.Constants
providers.CONSTANTS_CACHE.cache.clear()

ROUND = 10
TIMES = st.sampled_from(["constant", "exponential", "lognormal", "gamma"])
LATENCIES = st.one_of(st.just(0.0), st.floats(1.0, 300.0))
QUIET_HOURS = [[0.0, 1.0], [0.2, 1.0], [0.201, 0.0], [1000.0, 0.0]]  # nobody launches after 12 minutes
PROFILES = [[], [[0.0, 0.2], [0.5, 2.0], [1.0, 0.5]], [[0.3, 1.0], [0.6, 0.0]], QUIET_HOURS]

# What launches take; nobody ever gets the last one of all.
SIZES = [1, 1, 1, 2, [[1, 3.0], [2, 1.0], [5, 0.5]], [[1, 9.0], [32767, 0.1]]]


def _weights(count: int) -> st.SearchStrategy[list[float]]:
    return st.lists(st.sampled_from([0.0, 1.0, 2.5]), min_size=count, max_size=count).map(
        lambda shares: shares if any(shares) else [1.0] * count
    )


def _parameter(kind: str, name: str) -> st.SearchStrategy[float]:
    if kind == "failover" and name == "interval_s":
        return st.floats(5.0, 60.0)
    if name in {"interval_s", "max_age_s"}:
        return st.floats(5.0, 500.0)
    if name == "offline_s":
        return st.floats(10.0, 600.0)
    if name == "poll_s":
        return st.sampled_from([0.0, 30.0, 300.0])
    if name == "patience_s":
        return st.sampled_from([0.0, 40.0, 400.0, math.inf])
    if kind == "denial" and name.endswith("_s"):
        return st.floats(10.0, 100.0)
    if name.endswith("_s"):
        return st.floats(0.5, 60.0)
    return st.one_of(st.integers(0, 4).map(float), st.floats(0.0, 1.0))


@st.composite
def policies(draw: st.DrawFn, kind: str) -> dict[str, Any]:
    """A built-in policy of a kind, with all its parameters drawn that it does not refuse."""
    name = draw(st.sampled_from([name for name in ALL[kind] if name != "standby"]))  # see with_tenures
    given: dict[str, float] = {}
    for parameter in ALL[kind][name]._fields:
        value = draw(_parameter(kind, parameter))
        try:
            resolve(kind, name, given | {parameter: value})
        except ValueError:
            continue
        given[parameter] = value
    if kind == "failover":
        return {"name": name, **given, **draw(st.sampled_from([{}, {}, {"within": [draw(policies("wrapper"))]}]))}
    return {"name": name, **given}


ONCE = st.fixed_dictionaries({"duration_s": st.floats(1.0, 300.0)})
STAGGERED = st.fixed_dictionaries({"duration_s": st.floats(1.0, 100.0), "stagger_s": st.floats(1.0, 100.0)})
REPEATED = st.fixed_dictionaries(
    {"duration_s": st.just(40.0), "repeat_s": st.floats(40.0, 80.0), "repeats": st.integers(2, 4)}
)
PLANNED = st.one_of(ONCE, ONCE, STAGGERED, REPEATED)
SHARED = {"drawn_by": st.sampled_from(["server", "site", "all"])}
RANDOM = st.one_of(
    st.fixed_dictionaries({"mttr_s": st.floats(1.0, 100.0), **SHARED}),
    st.fixed_dictionaries({"mtbf_s": st.floats(50.0, 500.0), "duration_s": st.floats(1.0, 100.0), **SHARED}),
    st.fixed_dictionaries({"mtbf_s": st.floats(50.0, 500.0), "mttr_s": st.floats(1.0, 100.0), **SHARED}),
)


@st.composite
def faults(
    draw: st.DrawFn,
    servers: int,
    clients: int,
    kinds: tuple[str, ...] = tuple(FAULTS),
    times: st.SearchStrategy[dict[str, Any]] = PLANNED | RANDOM,
) -> dict[str, Any]:
    """A fault of any kind, at any times."""
    kind = draw(st.sampled_from(kinds))
    if kind == "client-crash":
        return draw(client_crashes(clients, times))
    some = st.sets(st.integers(0, servers - 1), min_size=1).map(sorted)
    share = st.floats(0.1, 1.0).map(lambda fraction: {"fraction": fraction})
    fault: dict[str, Any] = {
        "kind": kind,
        "servers": draw(st.one_of(st.just("all"), some, share)),
        "start_s": float(draw(st.integers(0, 600))),
        **draw(times),
    }
    if isinstance(fault["servers"], list) and len(fault["servers"]) == 1:
        fault.pop("stagger_s", None)
    if kind == "slow":
        fault["factor"] = draw(st.floats(0.5, 50.0))
    elif kind == "loss":
        fault["probability"] = draw(st.floats(0.0, 1.0))
    elif kind == "cut":
        fault["clients"] = sorted(draw(st.tuples(*[st.integers(0, clients - 1)] * 2)))
    return fault


@st.composite
def client_crashes(draw: st.DrawFn, clients: int, times: st.SearchStrategy[dict[str, Any]]) -> dict[str, Any]:
    """Clients that crash, each at times of its own."""
    some = st.tuples(*[st.integers(0, clients - 1)] * 2).map(sorted)
    share = st.floats(0.1, 1.0).map(lambda fraction: {"fraction": fraction})
    when = draw(times)
    when.pop("drawn_by", None)
    if "stagger_s" in when:
        when["stagger_s"] /= clients  # so that the last one's end is as soon as servers'
    fault = {
        "kind": "client-crash",
        "clients": draw(st.one_of(st.just("all"), some, share)),
        "start_s": float(draw(st.integers(0, 600))),
        **when,
    }
    if draw(st.booleans()):
        fault |= {
            "restart": "all",
            "restart_delay_s": draw(st.sampled_from([0.0, 5.0, 60.0])),
            "restart_delay": draw(TIMES),
            "restart_delay_cv": draw(st.floats(0.2, 3.0)),
        }
    return fault


def without_restarts(faults: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same faults, after which nobody starts programs again: a trace has all launches."""
    return [{key: value for key, value in fault.items() if not key.startswith("restart")} for fault in faults]


@st.composite
def traces(draw: st.DrawFn, clients: int, products: list[str]) -> str:
    """The path of a recorded trace, which is named after what is in it."""
    row = st.tuples(
        st.floats(0.5, 1500.0),
        st.integers(0, clients - 1),
        st.sampled_from([0.0, 20.0, 300.0]),
        st.sampled_from(products),
    )
    rows = draw(st.lists(row, min_size=1, max_size=60))
    table = [("time_s", "client", "run_time_s", "product"), *rows]
    chance = random.Random(repr(rows))  # whether launches are counted follows from them
    if chance.random() < 0.5:
        table = [(*row, chance.choice([1, 1, 4]) if n else "count") for n, row in enumerate(table)]
    return kept("".join(f"{','.join(map(str, row))}\n" for row in table))


def _run(draw: st.DrawFn, duration_s: float) -> dict[str, Any]:
    return {
        "duration_s": draw(st.floats(0.6, 1.0)) * duration_s,
        "warmup_s": draw(st.sampled_from([0.0, 300.0])),
        "seed": draw(st.integers(0, 2**63 - 1)),
        "sample_s": draw(st.sampled_from([7.5, 60.0, 400.0])),
    }


def _network(draw: st.DrawFn, hasty: bool, latencies_ms: st.SearchStrategy[float]) -> dict[str, Any]:
    latency_ms = draw(st.floats(100.0, 300.0) if hasty else latencies_ms)
    return {
        "latency_ms": latency_ms,
        "jitter_ms": draw(st.sampled_from([0.0, 0.0, 5.0, 500.0, 100.0 * latency_ms])),
        "loss": draw(st.sampled_from([0.0, 0.0, 0.05, 0.3])),
    }


def _servers(draw: st.DrawFn, count: int) -> dict[str, Any]:
    servers = {
        "count": count,
        "service_ms": draw(st.sampled_from([0.0, 50.0, 1000.0])),
        "service": draw(st.sampled_from(["constant", "exponential"])),
        "queue_limit": draw(st.sampled_from([0, 0, 1, 5])),
        "durable": draw(st.booleans()),
        "heartbeat_cost": draw(st.sampled_from([0.0, 0.2, 1.0])),
        "release_cost": draw(st.sampled_from([0.0, 0.2, 1.0])),
        "reclaim_after_s": draw(st.sampled_from([0.0, 200.0, 600.0])),
        "scan_s": draw(st.floats(100.0, 900.0)),
        "split": draw(st.one_of(st.just("even"), _weights(count))),
        "callback_grace_s": draw(st.sampled_from([0.01, 1.0, 60.0])),
        "callback_cycle_s": draw(st.sampled_from([0.0, 60.0, 400.0])),
    }
    if servers["durable"] and servers["reclaim_after_s"]:
        servers["failover_ttl_s"] = draw(st.sampled_from([0.0, 50.0, 900.0]))
    return servers


def _products(draw: st.DrawFn, names: list[str], most: int) -> list[dict[str, Any]]:
    return [
        {"name": name, "licenses": draw(st.integers(0, most)), "popularity": draw(st.floats(0.1, 2.0))}
        for name in names
    ]


def _clients(draw: st.DrawFn, count: int, programs: int, servers: int) -> dict[str, Any]:
    heartbeat_s, names = draw(st.sampled_from([0.0, 60.0, 300.0])), draw(st.booleans())
    ways = ["run-on", "request", "stop"] if names and heartbeat_s else ["run-on"]
    return {
        "count": count,
        "programs": programs,
        "assignment": draw(st.one_of(st.sampled_from(["round-robin", "random"]), _weights(servers))),
        "enforcement": draw(st.sampled_from(["after-start", "before-start"])),
        "request_timeout_s": draw(st.floats(2.0, 10.0)),
        "heartbeat_s": heartbeat_s,
        "heartbeat_spread": draw(st.sampled_from([0.0, 0.0, 0.3, 1.0])) if heartbeat_s else 0.0,
        "heartbeat_names_leases": names,
        "on_lost_lease": draw(st.sampled_from(ways)),
        "offline": draw(st.sampled_from(["allow", "deny"])),
        "rerequest": draw(st.booleans()),
        "release_old": draw(st.sampled_from(["lost", "deferred"])),
        "deferred_retry_s": draw(st.floats(20.0, 100.0)),
        "attempt_cpu_ms": draw(st.floats(1.0, 100.0)),
    }


def _workload(draw: st.DrawFn, clients: int, products: list[str], arrivals: str) -> dict[str, Any]:
    return {
        "arrivals": arrivals,
        "trace": draw(traces(clients, products)) if arrivals == "trace" else "",
        "launch_interval_s": draw(st.floats(30.0, 600.0)),
        "launch": draw(TIMES),
        "launch_cv": draw(st.floats(0.2, 3.0)),
        "run_time_s": draw(st.sampled_from([0.0, 5.0, 100.0, 500.0])),
        "run_time": draw(TIMES),
        "run_time_cv": draw(st.floats(0.2, 3.0)),
        "profile": draw(st.sampled_from(PROFILES)),
    }


@st.composite
def scenarios(
    draw: st.DrawFn,
    latencies_ms: st.SearchStrategy[float] = LATENCIES,
    arrivals: tuple[str, ...] = ("closed", "closed", "open", "open", "trace"),
    clients_min: int = 1,
    clients_max: int = 150,
    duration_s: float = 2400.0,
    sites: tuple[int, ...] = (1, 1, 2, 3),
) -> dict[str, Any]:
    """A scenario of any sort, of one of these numbers of sites."""
    servers = draw(st.integers(1, 4))
    failover = draw(policies("failover"))
    hasty = is_hasty(failover, servers)
    sizes = [(1, 8)] if hasty else [(1, 5), (6, 15), (16, 30), (16, 30), (31, 150)]
    least, most = draw(st.sampled_from(sizes))
    clients = draw(st.integers(max(clients_min, min(least, clients_max)), min(most, clients_max)))
    programs = draw(st.integers(1, 3))
    names = ["a", "b", "c"][: draw(st.integers(1, 3))]
    come = draw(st.sampled_from(arrivals))
    raw = {
        "title": "drawn",
        "run": _run(draw, duration_s),
        "network": _network(draw, hasty, latencies_ms),
        "servers": _servers(draw, servers),
        "products": _products(draw, names, clients * programs),
        "clients": _clients(draw, clients, programs, servers),
        "workload": with_observations(_workload(draw, clients, names, come), least=0.0),
        "policies": {
            kind: failover if kind == "failover" else draw(policies(kind))
            for kind in BUILT_IN
            if kind not in {"intersite", "failback"}
        },
        "faults": [draw(faults(servers, clients)) for _ in range(draw(st.sampled_from([0, 1, 1, 2, 3])))],
    }
    if come == "trace":
        raw["faults"] = without_restarts(raw["faults"])
    if servers > 1:
        raw["policies"]["failback"] = failback = draw(policies("failback"))
        if failback["name"] != "none":
            raw["clients"]["failback_moves"] = draw(st.sampled_from(["new", "all"]))
    if not raw["servers"]["durable"] and any(fault["kind"] == "crash" for fault in raw["faults"]):
        # With far more jitter, a client may run under a lease that its server has lost unheard: not yet mended.
        raw["network"]["jitter_ms"] = min(raw["network"]["jitter_ms"], 500.0)
    denial = raw["policies"]["denial"]
    if denial.get("servers", 1.0) > servers:
        denial["servers"] = math.inf
    asks_next = denial.get("servers", 1.0) > 1 and programs > 1
    if asks_next or failover["name"] in {"each-server-once", "flexnet-list", "lmx"}:  # which must take time
        raw["network"]["latency_ms"] = max(1.0, raw["network"]["latency_ms"])
    return with_groups(with_quorum(with_tenures(in_sites(with_connections(sharing(with_rights(raw))), sites))))


def with_rights(raw: dict[str, Any]) -> dict[str, Any]:
    """The scenario, with what launches take of products and who may have how many. This follows from its seed."""
    chance = random.Random(raw["run"]["seed"] + 1)
    count = raw["clients"]["count"]
    for product in raw["products"]:
        product["tokens"] = chance.choice(SIZES)
        product["max_per_client"] = chance.choice([0, 0, 0, 2, 5])
        if product["licenses"] and chance.random() < 0.4:
            some = sorted(chance.choices(range(count), k=2))
            clients = chance.choice([some, {"fraction": chance.uniform(0.1, 1.0)}])
            product["reserve"] = {"clients": clients, "licenses": chance.randint(1, product["licenses"])}
    return raw


def with_tenures(raw: dict[str, Any]) -> dict[str, Any]:
    """The scenario, in which servers may lose licenses, to a standby or after a tenure: its seed says."""
    chance, balancing = random.Random(raw["run"]["seed"] + 2), raw["policies"]["balancing"]
    if any(product.get("reserve") for product in raw["products"]) or balancing["name"] == "keep-until-ack":
        return raw
    if balancing["name"] == "static" and chance.random() < 0.7:
        balancing |= {"name": "standby", "interval_s": chance.choice([20.0, 90.0])}
    interval_s = balancing.get("interval_s", 0.0)
    awaited_s = min(30.0, (balancing.get("shortage_gap_s") or interval_s) / 2)
    reports_in_time = raw["network"]["latency_ms"] / 500 < awaited_s
    if interval_s > 0 and reports_in_time and chance.random() < 0.7:
        raw["servers"]["tenure_s"] = balancing["interval_s"] * chance.choice([2.0, 2.0, 3.0, 10.0])
    if raw["servers"].get("tenure_s") or balancing["name"] == "standby":
        raw["network"]["jitter_ms"] = min(raw["network"]["jitter_ms"], 500.0)  # as above: leases are lost
    return raw


def with_quorum(raw: dict[str, Any]) -> dict[str, Any]:
    """The scenario, in which sites of some servers may need so many of them: its seed says."""
    chance, servers = random.Random(raw["run"]["seed"] + 3), raw["servers"]
    members = servers["count"] // servers.get("sites", 1)
    if members > 1 and chance.random() < 0.3:
        servers["quorum"] = chance.randint(1, members)
    return raw


def in_sites(raw: dict[str, Any], sites: tuple[int, ...]) -> dict[str, Any]:
    """The scenario, its servers repeated at one of these numbers of sites. This follows from its seed."""
    chance = random.Random(raw["run"]["seed"])
    count = chance.choice(sites)
    servers, clients, network = raw["servers"], raw["clients"], raw["network"]
    if count == 1 or is_hasty(raw["policies"]["failover"], servers["count"] * count):
        return raw
    servers |= {"sites": count, "count": servers["count"] * count}
    for table, key in ((servers, "split"), (clients, "assignment")):
        if isinstance(table[key], list):
            table[key] *= count
    clients["failover_to"] = chance.choice(["any-site", "any-site", "own-site"])
    if raw["policies"].get("failback", {}).get("name") == "drain":
        clients["failover_to"] = "own-site"
    if raw["policies"]["balancing"]["name"] == "periodic-demand" and chance.random() < 0.7:
        raw["policies"]["intersite"] = {"name": "periodic-demand", "interval_s": chance.choice([30.0, 200.0])}
    network["wan_latency_ms"] = network["latency_ms"] + chance.choice([0.0, 20.0, 300.0])
    return raw


def explore(
    draws: st.SearchStrategy[dict[str, Any]], check: Callable[[Scenario], object], examples: int, number: int
) -> None:
    """Check so many drawn scenarios, which follow from `number`; a failure carries the scenario as TOML.

    Rounds are short, since once hypothesis has seen ten examples it mostly varies those that it has. Nothing is
    shrunk: what a smaller scenario fails at may take minutes.
    """

    @settings(
        max_examples=ROUND,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(draws)
    def run(raw: dict[str, Any]) -> None:
        scenario = validate(raw)
        try:
            check(scenario)
        except Exception as error:
            error.add_note(f"The scenario:\n{to_toml(scenario)}")
            raise

    for part in range(-(-examples // ROUND)):
        seed(f"{number}, {part}")(run)()
