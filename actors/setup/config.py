"""The rows of CONFIG: one function for each table of the scenario."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from meterstorm.policies.balancing import report_patience_s, shortage_gap_s, shortage_share, takes_over

from ..queue.calendar import RESERVE
from ..state import clients as words
from ..state.allocation import zeros
from ..state.config import CONFIG
from ..state.rows import SECOND
from ..state.servers import DRAINED_MOST
from . import groups
from .partition import Part, first_client, hosted_servers
from .policies import PolicySet
from .scenario import DISTRIBUTIONS, Scenario, choices, is_client_crash, is_failback, members, ns, samples, shares

MILLISECOND = 1_000_000

ON_LOST_LEASE = {"run-on": words.RUN_ON, "request": words.REQUEST, "stop": words.STOP}
ARRIVALS = {"closed": words.CLOSED, "open": words.OPEN, "trace": words.TRACE}

CLIENTS_OUT_OF_CACHE = 2048  # their state is more than a core's own cache holds


# What row 0 says of all clients where there are groups; it is read where it need only hold for one of them.
OF_ALL: dict[str, Callable[..., Any]] = {
    "request_timeout": min,
    **dict.fromkeys(
        (
            "memory",
            "selection_memory",
            "asks_first",
            "is_told",
            "tells",
            "on_lost_lease",
            "calls_back",
            "asks_next",
            "asked_before",
            "deferred",
            "failback",
            "choices",
            "room",
        ),
        max,
    ),
}


def config_table(scenario: Scenario, chosen: PolicySet, part: Part, queue: dict[str, Any]) -> Any:
    """Return the rows; `queue` has what the event queue and the schedules of the shard need."""
    first, versions = chosen.first_row, groups.versions(scenario)
    policies = zip(versions, chosen.rows[first:], chosen.places()[first:], strict=True)
    rows = [_row(*own, part, queue) for own in policies]
    if scenario.groups:
        rows.insert(0, rows[0] | {name: of_all(row[name] for row in rows) for name, of_all in OF_ALL.items()})
    differ = len({row["request_timeout"] for row in rows}) > 1
    config = zeros(len(rows), CONFIG)
    config.view(np.ndarray)[:] = [
        tuple((row | {"timeouts_differ": differ})[name] for name in CONFIG.names or ()) for row in rows
    ]
    return config


def _row(
    scenario: Scenario, chosen: PolicySet, places: dict[str, int], part: Part, queue: dict[str, Any]
) -> dict[str, Any]:
    """Return the values of a row."""
    values = {
        **_sizes(scenario, chosen),
        **_part(scenario, part),
        **_run(scenario),
        **_network(scenario),
        **_clients(scenario),
        **_failover(chosen),
        **_denied(chosen, choices(scenario)),
        **_workload(scenario),
        **_servers(scenario, chosen),
        **_balancing(scenario, chosen),
        **places,
        "timeouts_differ": False,  # until all rows are known
        "looks_ahead": part.end - part.first >= CLIENTS_OUT_OF_CACHE,
        "room": _room(scenario, part.hosts_servers) + (DRAINED_MOST if chosen.drain_share else 0),
        **queue,
        "last_hit": queue["last_hit"] + ns(scenario.clients.request_timeout_s),
    }
    assert values.keys() == set(CONFIG.names or ()), "every field of CONFIG is set, and nothing else"
    return values


def _sizes(scenario: Scenario, chosen: PolicySet) -> dict[str, Any]:
    return {
        "clients": scenario.clients.count,
        "servers": scenario.servers.count,
        "products": len(scenario.products),
        "programs": scenario.clients.programs,
        "memory": chosen.memory_size,
        "selection_memory": chosen.selection_memory,
        "sites": scenario.servers.sites,
        "members": members(scenario),
    }


def _part(scenario: Scenario, part: Part) -> dict[str, Any]:
    sites, local_sites = scenario.servers.sites, part.end_site - part.first_site if part.hosts_servers else 0
    known_first, known_end = (
        first_client(scenario.clients.count, sites, site)
        for site in (part.first_site, part.first_site + local_sites)
    )
    servers = hosted_servers(scenario, part)
    return {
        "first": part.first,
        "local": part.end - part.first,
        "first_server": servers.start,
        "local_servers": len(servers),
        "first_site": part.first_site,
        "end_site": part.end_site,
        "local_sites": local_sites,
        "hosts_all": len(servers) == scenario.servers.count,
        "known_first": known_first,
        "known": known_end - known_first,
    }


def _run(scenario: Scenario) -> dict[str, Any]:
    run = scenario.run
    return {
        "measure_from": ns(run.warmup_s),
        "end": ns(run.warmup_s) + ns(run.duration_s),
        "sample": ns(run.sample_s),
        "samples": samples(scenario),
    }


def _network(scenario: Scenario) -> dict[str, Any]:
    network = scenario.network
    wan_latency_ms = network.latency_ms if scenario.servers.sites == 1 else network.wan_latency_ms
    return {
        "latency": round(network.latency_ms * MILLISECOND),
        "wan_latency": round(wan_latency_ms * MILLISECOND),
        "jitter": network.jitter_ms * MILLISECOND,
        "loss": network.loss,
    }


def _clients(scenario: Scenario) -> dict[str, Any]:
    clients = scenario.clients
    return {
        "before_start": clients.enforcement == "before-start",
        "request_timeout": ns(clients.request_timeout_s),
        "heartbeat": ns(clients.heartbeat_s),
        "heartbeat_spread": clients.heartbeat_spread,
        "names_leases": clients.heartbeat_names_leases,
        "on_lost_lease": ON_LOST_LEASE[clients.on_lost_lease],
        "offline_deny": clients.offline == "deny",
        "rerequest": clients.rerequest,
        "deferred": clients.release_old == "deferred",
        "deferred_retry": ns(clients.deferred_retry_s),
        "failback": is_failback(scenario),
        "moves_all": clients.failback_moves == "all",
        "connects": clients.connection == "kept",
        "keepalive": ns(clients.keepalive_s),
        "keepalive_misses": clients.keepalive_misses,
        "choices": choices(scenario),
    }


def _failover(chosen: PolicySet) -> dict[str, Any]:
    return {"asks_first": chosen.asks_first, "is_told": chosen.is_told, "tells": chosen.tells}


def _denied(chosen: PolicySet, servers: int) -> dict[str, Any]:
    return {
        "gives_up": not chosen.asks_policy,
        "calls_back": chosen.calls_back,
        "draws_pauses": chosen.draws_pauses,
        "asks_next": chosen.asks_next,
        "asked_before": int(min(chosen.asked_before, servers)) if servers > 1 else 0,
    }


def _workload(scenario: Scenario) -> dict[str, Any]:
    work = scenario.workload
    streams_per_client = scenario.clients.programs if work.arrivals == "open" else 1
    return {
        "arrivals": ARRIVALS[work.arrivals],
        "launch_interval": _scale(work.launch, work.launch_interval_s) * streams_per_client,
        "launch_distribution": DISTRIBUTIONS[work.launch],
        "launch_cv": work.launch_cv,
        "run_time": _scale(work.run_time, work.run_time_s),
        "run_distribution": DISTRIBUTIONS[work.run_time],
        "run_cv": work.run_time_cv,
        "sized": work.arrivals == "trace" or any(product.tokens != 1 for product in scenario.products),
        "restricted": any(product.max_per_client or product.reserve for product in scenario.products),
        "shares": any(map(shares, scenario.products)),
    }


def _scale(distribution: str, mean_s: float) -> float:
    """Return what draws are multiplied by: observed times are in ns already."""
    return 1.0 if distribution == "empirical" else mean_s * SECOND


def _servers(scenario: Scenario, chosen: PolicySet) -> dict[str, Any]:
    servers = scenario.servers
    return {
        "service": servers.service_ms * MILLISECOND,
        "service_exponential": servers.service == "exponential",
        "heartbeat_cost": servers.heartbeat_cost,
        "release_cost": servers.release_cost,
        "connect_cost": servers.connect_cost,
        "backlog": servers.backlog,
        "frees_lost": servers.on_lost_connection == "free",
        "connection_grace": ns(servers.connection_grace_s),
        "queue_limit": servers.queue_limit,
        "overloads": servers.queue_limit > 0 or scenario.policies.admission.name != "fifo",
        "drops": chosen.drops,
        "lifo": chosen.lifo_after_s < math.inf,
        "lifo_after": ns(chosen.lifo_after_s),
        "overtakes": scenario.network.jitter_ms > 0.0 or chosen.lifo_after_s < math.inf,
        "server_memory": chosen.server_memory,
        "durable": servers.durable,
        "stalls": any(fault.kind == "stall" for fault in scenario.faults),
        "reclaim_after": ns(servers.reclaim_after_s),
        "failover_ttl": ns(servers.failover_ttl_s),
        "scan": ns(servers.scan_s),
        "callback_grace": ns(servers.callback_grace_s),
        "callback_cycle": ns(servers.callback_cycle_s),
        "drain_share": chosen.drain_share,
    }


def _balancing(scenario: Scenario, chosen: PolicySet) -> dict[str, Any]:
    balancing, tenure = chosen.balancing, ns(scenario.servers.tenure_s)
    return {
        "balance_interval": ns(balancing.interval_s),
        "intersite_interval": ns(chosen.intersite.interval_s),
        "report_patience": ns(report_patience_s(balancing)),
        "shortage_gap": ns(shortage_gap_s(balancing)),
        "shortage_share": shortage_share(balancing),
        "tenure": tenure,
        "has_terms": tenure > 0 or takes_over(balancing),
        "shared_pool": chosen.is_shared,
        "keeps_until_ack": bool(getattr(balancing, "keeps_until_ack", False)),
    }


def _room(scenario: Scenario, hosts_servers: bool) -> int:
    """Return how many events one event may add, at the very most, besides one for each user called back."""
    servers, sites, products = scenario.servers.count, scenario.servers.sites, len(scenario.products)
    room = RESERVE + scenario.clients.programs
    if scenario.clients.on_lost_lease == "stop" or any(map(is_client_crash, scenario.faults)):
        room += 5 * scenario.clients.programs  # each may end: notices, and a timer
    if hosts_servers:  # a site server's messages, and a server's word of a shortage
        room += 4 * servers // sites * products + 1
        room += 4 * sites * products if sites > 1 else 0
    if scenario.clients.release_old == "deferred":
        room += servers
    return room
