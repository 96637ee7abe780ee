"""The tables of a shard's clients, and which server is whose first."""

from typing import Any

import numpy as np
from meterstorm.policies.apportionment import share_out

from ..randomness import streams
from ..state.allocation import zeros
from ..state.clients import CLIENT, CONNECTION, CONTACT, PATIENCE, PENDING_RELEASE, SLOT, STAY
from ..state.rows import NONE
from ..state.schedule import RECORDED
from . import groups, traces
from .partition import first_client
from .policies import PolicySet
from .scenario import Scenario, is_failback, members


def client_tables(scenario: Scenario, chosen: PolicySet, homes: Any, first: int) -> dict[str, Any]:
    """Return the tables of this shard's clients, the first of whom has number `first`."""
    local, is_traced = len(homes), scenario.workload.arrivals == "trace"
    slots = local * scenario.clients.programs
    rows = traces.read(scenario) if is_traced else np.zeros(0, RECORDED)
    begin, end = _recorded_bounds(rows, first, local if is_traced else 0)
    return {
        "clients": _clients(homes),
        "slots": _slots(slots),
        "launch_numbers": np.zeros(slots if scenario.workload.arrivals == "open" else 0, np.int32),
        "patience": zeros(slots if chosen.has("asks_policy") else 0, PATIENCE),
        "memory": np.zeros(local * max(one.memory_size for one in chosen.rows)),
        "selection_memory": np.zeros(local * max(one.selection_memory for one in chosen.rows)),
        "contacts": zeros(local if chosen.has("hears") else 0, CONTACT),
        "stays": zeros(local if groups.any_of(scenario, is_failback) else 0, STAY),
        "connections": zeros(local if scenario.clients.connection == "kept" else 0, CONNECTION),
        "pending_releases": zeros(0, PENDING_RELEASE),
        "first_pending_release": np.full(_with_pending_releases(scenario, local), NONE, np.int32),
        "recorded": rows.view(np.recarray),
        "recorded_next": begin,
        "recorded_end": end,
    }


def _with_pending_releases(scenario: Scenario, local: int) -> int:
    return local if groups.any_of(scenario, lambda one: one.clients.release_old == "deferred") else 0


def _clients(homes: Any) -> Any:
    clients = zeros(len(homes), CLIENT)
    clients["home"] = clients["server"] = homes
    clients["deadline"] = clients["flight"] = clients["resend"] = NONE
    return clients


def _slots(count: int) -> Any:
    slots = zeros(count, SLOT)
    slots["lease"] = slots["asked"] = NONE
    return slots


def _recorded_bounds(rows: Any, first: int, local: int) -> tuple[Any, Any]:
    """Return where each client's recorded launches begin and end."""
    numbers = np.arange(first, first + local)
    begin, end = (np.searchsorted(rows["client"], numbers, side) for side in ("left", "right"))
    return begin.astype(np.int64), end.astype(np.int64)


def first_servers(scenario: Scenario, keys: Any) -> Any:
    """Return every client's first server, one of its site's, shape (clients,)."""
    sites = scenario.servers.sites
    limits = [first_client(scenario.clients.count, sites, site) for site in range(sites + 1)]
    return np.concatenate([_at_site(scenario, keys, site, *limits[site : site + 2]) for site in range(sites)])


def _at_site(scenario: Scenario, keys: Any, site: int, begin: int, end: int) -> Any:
    """Return the first servers of a site's clients [begin, end)."""
    count, assignment = members(scenario), scenario.clients.assignment
    servers = np.arange(site * count, (site + 1) * count, dtype=np.int32)
    if assignment == "round-robin":
        return servers[0] + np.arange(end - begin, dtype=np.int32) % np.int32(count)
    if assignment == "random":
        return servers[0] + np.array([int(_uniform(keys, c) * count) for c in range(begin, end)], np.int32)
    weights = np.array(assignment)[servers]
    return np.repeat(servers, share_out(end - begin, weights))


def _uniform(keys: Any, client: int) -> float:
    with np.errstate(over="ignore"):
        bits = np.uint64(streams.draw(keys[streams.ASSIGNMENT], client, 0))
        return float(streams.uniform(bits))
