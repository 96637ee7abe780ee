"""From a scenario to the arrays of a shard."""

import math
from typing import Any, NamedTuple

import numpy as np

from ..policies import registry
from ..policies.balancing import share_out
from ..policies.compile import Compiled, compile_admission, compile_failover, compile_selection
from . import calendar, faults, journal, layout, recorded, streams, workload
from .growth import extended, more_debts, more_due, more_events, more_leases, zeros
from .layout import Part
from .world import (
    ACCOUNT,
    ASK_AGAIN,
    BINS,
    CALLER,
    CLIENT,
    COLUMNS,
    CONFIG,
    CONTROL,
    DEADLINE,
    DEBT,
    DUE,
    EVENT,
    GIVE_UP,
    JOURNAL,
    LEASE,
    LINK,
    NEVER,
    NONE,
    POINT,
    POLICIES,
    POOL,
    PRODUCT,
    RECORDED,
    SEAT,
    SERVER,
    SITE,
    SLOT,
    VISITOR,
    WAIT_FOR_CALLBACK,
    World,
)

SECOND = 1_000_000_000
DISTRIBUTIONS = {
    "constant": streams.CONSTANT,
    "exponential": streams.EXPONENTIAL,
    "lognormal": streams.LOGNORMAL,
    "gamma": streams.GAMMA,
}
ARRIVALS = {"closed": workload.CLOSED, "open": workload.OPEN, "trace": workload.TRACE}
ON_DENIAL = {"give-up": GIVE_UP, "retry": ASK_AGAIN, "callback": WAIT_FOR_CALLBACK}

# The site server waits so long for the servers' reports.
REPORT_PATIENCE_S = 30.0

BUCKETS_PER_TIMER = 1.06  # at the least
FIRST_DEADLINES = 1 << 10  # room for so many, a power of two
FIRST_VISITORS = 1 << 6  # likewise
FIRST_MESSAGES, BUCKETS_PER_MESSAGE = 1 << 10, 32  # likewise; those beyond wait in buckets, so it need not grow

# The state of so many clients is more than a core's own cache holds.
CLIENTS_OUT_OF_CACHE = 2048


class PolicySet(NamedTuple):
    """The scenario's policies: three compiled, and those of balancing as they are."""

    failover: Compiled
    selection: Compiled
    admission: Compiled
    balancing: Any
    intersite: Any
    memory_size: int


def policies(scenario: Any) -> PolicySet:
    """Resolve and compile a scenario's policies; raises ValueError when one cannot be compiled."""
    chosen = {kind: registry.resolve(kind, choice.name, choice.parameters) for kind, choice in scenario.policies}
    return PolicySet(
        compile_failover(chosen["failover"]),
        compile_selection(chosen["selection"]),
        compile_admission(chosen["admission"]),
        chosen["balancing"],
        chosen["intersite"],
        int(getattr(chosen["failover"], "memory_size", 0)),
    )


def build(
    scenario: Any, chosen: PolicySet, replication: int, shard: int, shards: int, keep_journal: bool = False
) -> World:
    """Return the state of one shard at time 0, before its agents' first timers are set."""
    part = layout.parts(scenario, shards)[shard]
    keys = streams.stream_keys(scenario.run.seed, replication)
    homes = _homes(scenario, keys)
    buckets = _bucket_count(_timers(scenario, part.end - part.first))
    spells, spells_from, cuts, first_fault = faults.schedule(scenario)
    config = _config(scenario, chosen, part)
    config[0].shift = _shift(scenario, buckets)
    config[0].first_fault = first_fault
    samples = math.ceil(scenario.run.duration_s / scenario.run.sample_s - 1e-9)
    world = World(
        config=config,
        control=zeros(1, CONTROL),
        keys=keys,
        events=zeros(0, EVENT),
        links=zeros((part.end - part.first) * scenario.clients.programs, LINK),
        due=zeros(0, DUE),
        transit=zeros(max(FIRST_MESSAGES, buckets // BUCKETS_PER_MESSAGE), DUE),
        deadlines=zeros(FIRST_DEADLINES, DEADLINE),
        buckets=np.full(buckets, NONE, np.int32),
        inbox=zeros(0, EVENT),
        outbox=zeros(4 * calendar.RESERVE if shards == 1 else 1 << 14, EVENT),
        **_client_tables(scenario, chosen, homes[part.first : part.end], part.first),
        **_server_tables(scenario, chosen, homes, config[0]),
        spells=spells,
        spells_from=spells_from,
        cuts=cuts,
        profile=_profile(scenario),
        series=np.zeros((samples + 1) * COLUMNS, np.int64),
        histograms=np.zeros(2 * BINS, np.int64),
        journal=zeros(journal.FIRST_ROWS if keep_journal else 0, JOURNAL),
        **{kind: getattr(chosen, kind).call for kind in POLICIES},
        **{f"{kind}_parameters": getattr(chosen, kind).parameters for kind in POLICIES},
    )
    _make_room(world, scenario)
    return world


def _client_tables(scenario: Any, chosen: PolicySet, homes: Any, first: int) -> dict[str, Any]:
    """Return the tables of this shard's clients, the first of whom has number `first`."""
    local = len(homes)
    is_traced = scenario.workload.arrivals == "trace"
    rows = recorded.read(scenario) if is_traced else np.zeros(0, RECORDED)
    traced = local if is_traced else 0
    return {
        "clients": _clients(local, homes),
        "slots": _slots(local * scenario.clients.programs),
        "arrivals": np.zeros(
            local * scenario.clients.programs if scenario.workload.arrivals == "open" else 0, np.int32
        ),
        "memory": np.zeros(local * chosen.memory_size),
        "debts": zeros(0, DEBT),
        "owed": np.full(local if scenario.clients.release_old == "deferred" else 0, NONE, np.int32),
        "recorded": rows.view(np.recarray),
        "recorded_next": _recorded_bound(rows, first, traced, "left"),
        "recorded_end": _recorded_bound(rows, first, traced, "right"),
    }


def _server_tables(scenario: Any, chosen: PolicySet, homes: Any, config: Any) -> dict[str, Any]:
    """Return the tables of the servers; what they know of clients is empty where the shard does not host them."""
    accounts = _accounts(homes[config.known_first : config.known_first + config.known])
    strangers = FIRST_VISITORS if scenario.servers.sites > 1 else 0
    seats = (len(accounts) + strangers) * scenario.clients.programs
    return {
        "servers": _servers(scenario, chosen, homes),
        "pools": (pools := _pools(scenario, chosen)),
        "products": _products(scenario, pools),
        "sites": zeros(scenario.servers.sites, SITE),
        "leases": zeros(0, LEASE),
        "accounts": extended(accounts, strangers),
        "seats": zeros(seats, SEAT),
        "callers": zeros(seats if scenario.clients.on_denial == "callback" else 0, CALLER),
        "visitors": zeros(strangers, VISITOR),
        "visitors_from": np.full(strangers, NONE, np.int32),
    }


def _make_room(world: World, scenario: Any) -> None:
    """Set up the queue of events and the free lists, with room for what a world usually needs."""
    control, config = world.control[0], world.config[0]
    control.free_event = control.unfiled = control.free_lease = control.free_debt = NONE
    control.sent_near = control.sent_far = control.deadline = control.arrival = control.next_round = NEVER
    control.cursor = -1
    control.bucket_end = config.measure_from
    under_way = (world.slots.size + world.accounts.size) // 16 + 8 * scenario.servers.count + world.spells.size
    others = _timers(scenario, int(config.local)) - world.slots.size
    more_events(world, others + under_way + 8 * calendar.RESERVE)
    more_due(world, int(config.room))
    licenses = sum(product.licenses for product in scenario.products) if config.local_servers > 0 else 0
    more_leases(world, min(licenses, 1 << 16) + 2 * calendar.RESERVE)
    more_debts(world, 2 * calendar.RESERVE)


def _ns(seconds: float) -> int:
    return round(seconds * SECOND)


def _config(scenario: Any, chosen: PolicySet, part: Part) -> Any:
    run, network, servers = scenario.run, scenario.network, scenario.servers
    clients, work, balancing = scenario.clients, scenario.workload, chosen.balancing
    streams_per_client = clients.programs if work.arrivals == "open" else 1
    sites, members = servers.sites, servers.count // servers.sites
    local_sites = part.end_site - part.first_site if part.hosts_servers else 0
    known_first, known_end = (
        layout.first_client(clients.count, sites, site)
        for site in (part.first_site, part.first_site + local_sites)
    )
    values = {
        "clients": clients.count,
        "servers": servers.count,
        "products": len(scenario.products),
        "programs": clients.programs,
        "memory": chosen.memory_size,
        "first": part.first,
        "local": part.end - part.first,
        "first_server": part.first_site * members,
        "local_servers": local_sites * members,
        "sites": sites,
        "members": members,
        "first_site": part.first_site,
        "end_site": part.end_site,
        "local_sites": local_sites,
        "hosts_all": local_sites == sites,
        "known_first": known_first,
        "known": known_end - known_first,
        "measure_from": _ns(run.warmup_s),
        "end": _ns(run.warmup_s) + _ns(run.duration_s),
        "sample": _ns(run.sample_s),
        "latency": round(network.latency_ms * 1e6),
        "wan_latency": round((network.latency_ms if sites == 1 else network.wan_latency_ms) * 1e6),
        "jitter": network.jitter_ms * 1e6,
        "loss": network.loss,
        "before_start": clients.enforcement == "before-start",
        "request_timeout": _ns(clients.request_timeout_s),
        "heartbeat": _ns(clients.heartbeat_s),
        "names_leases": clients.heartbeat_names_leases,
        "on_denial": ON_DENIAL[clients.on_denial],
        "retry_denied": clients.retry_denied_s * SECOND,
        "callback_poll": _ns(clients.callback_poll_s),
        "offline_deny": clients.offline == "deny",
        "rerequest": clients.rerequest,
        "deferred": clients.release_old == "deferred",
        "deferred_retry": _ns(clients.deferred_retry_s),
        "choices": servers.count if clients.failover_to == "any-site" else members,
        "arrivals": ARRIVALS[work.arrivals],
        "launch_interval": work.launch_interval_s * SECOND * streams_per_client,
        "launch_distribution": DISTRIBUTIONS[work.launch],
        "launch_cv": work.launch_cv,
        "run_time": work.run_time_s * SECOND,
        "run_distribution": DISTRIBUTIONS[work.run_time],
        "run_cv": work.run_time_cv,
        "profile_period": _profile(scenario)["hour"].max(initial=0),
        "service": servers.service_ms * 1e6,
        "service_exponential": servers.service == "exponential",
        "heartbeat_cost": servers.heartbeat_cost,
        "release_cost": servers.release_cost,
        "queue_limit": servers.queue_limit,
        "overloads": servers.queue_limit > 0 or scenario.policies.admission.name != "fifo",
        "durable": servers.durable,
        "reclaim_after": _ns(servers.reclaim_after_s),
        "scan": _ns(servers.scan_s),
        "callback_grace": _ns(servers.callback_grace_s),
        "callback_cycle": _ns(servers.callback_cycle_s),
        "balance_interval": _ns(balancing.interval_s),
        "intersite_interval": _ns(chosen.intersite.interval_s),
        "report_patience": _ns(min(REPORT_PATIENCE_S, balancing.interval_s / 2)),
        "shared_pool": bool(getattr(balancing, "is_shared", False)),
        "keeps_until_ack": bool(getattr(balancing, "keeps_until_ack", False)),
        "looks_ahead": part.end - part.first >= CLIENTS_OUT_OF_CACHE,
        "room": _room(scenario, part.hosts_servers),
    }
    config = zeros(1, CONFIG)
    for name, value in values.items():
        config[name] = value
    return config


def _room(scenario: Any, hosts_servers: bool) -> int:
    """Return how many events one event may add, at the very most, besides one for each user called back."""
    servers = scenario.servers.count
    room = calendar.RESERVE + scenario.clients.programs
    if hosts_servers:  # a site server's messages
        room += 4 * servers // scenario.servers.sites * len(scenario.products)
        room += 4 * scenario.servers.sites * len(scenario.products) if scenario.servers.sites > 1 else 0
    if scenario.clients.release_old == "deferred":
        room += servers
    return int(room)


def _timers(scenario: Any, clients: int) -> int:
    """Return how many timers of clients wait at a time: one for each slot's launch or end, and for heartbeats."""
    return clients * (scenario.clients.programs + (1 if scenario.clients.heartbeat_s > 0 else 0))


def _bucket_count(timers: int) -> int:
    """Return a power of two, from one to two buckets for each timer that waits: see PERFORMANCE.md."""
    return 1 << max(10, min(24, int(BUCKETS_PER_TIMER * timers).bit_length()))


def _shift(scenario: Any, buckets: int) -> int:
    """Return log2 of the bucket width in ns: the ring spans two to four times the longest of the usual timers."""
    work, clients = scenario.workload, scenario.clients
    longest = 2 * max(work.launch_interval_s, work.run_time_s, clients.heartbeat_s)
    return max(10, int(longest * SECOND / buckets).bit_length())


def _homes(scenario: Any, keys: Any) -> Any:
    """Return every client's first server, one of its site's, shape (clients,)."""
    sites = scenario.servers.sites
    limits = [layout.first_client(scenario.clients.count, sites, site) for site in range(sites + 1)]
    return np.concatenate([_homes_at(scenario, keys, site, *limits[site : site + 2]) for site in range(sites)])


def _homes_at(scenario: Any, keys: Any, site: int, begin: int, end: int) -> Any:
    """Return the first servers of a site's clients [begin, end)."""
    members, assignment = scenario.servers.count // scenario.servers.sites, scenario.clients.assignment
    servers = np.arange(site * members, (site + 1) * members, dtype=np.int32)
    if assignment == "round-robin":
        return servers[0] + np.arange(end - begin, dtype=np.int32) % np.int32(members)
    if assignment == "random":
        return servers[0] + np.array([int(_uniform(keys, c) * members) for c in range(begin, end)], np.int32)
    weights = np.array(assignment)[servers]
    return np.repeat(servers, share_out(end - begin, weights, np.zeros(members, np.int64)))


def _uniform(keys: Any, client: int) -> float:
    with np.errstate(over="ignore"):
        bits = np.uint64(streams.draw(keys[streams.ASSIGNMENT], client, 0))
        return float(streams.uniform(bits))


def _clients(count: int, homes: Any) -> Any:
    clients = zeros(count, CLIENT)
    clients["home"] = clients["server"] = homes
    clients["deadline"] = clients["flight"] = clients["resend"] = NONE
    return clients


def _slots(count: int) -> Any:
    slots = zeros(count, SLOT)
    slots["lease"] = slots["asked"] = NONE
    return slots


def _servers(scenario: Any, chosen: PolicySet, homes: Any) -> Any:
    servers = zeros(scenario.servers.count, SERVER)
    for name in ("head", "tail", "serving", "oldest", "newest"):
        servers[name] = NONE
    servers["second_end"] = np.iinfo(np.int64).min
    servers["clients"] = np.bincount(homes, minlength=scenario.servers.count)
    sites, products = scenario.servers.sites, len(scenario.products)
    numbers = np.arange(scenario.servers.count)
    servers["site"] = site = numbers // (scenario.servers.count // sites)
    servers["first_client"] = layout.first_client(scenario.clients.count, sites, site)
    servers["end_client"] = layout.first_client(scenario.clients.count, sites, site + 1)
    servers["pools"] = _pooled(scenario, chosen) * products
    servers["stock"] = site * products
    return servers


def _pooled(scenario: Any, chosen: PolicySet) -> Any:
    """Return at which server each has its licenses: its own, or under a shared pool the first of its site."""
    numbers = np.arange(scenario.servers.count)
    members = scenario.servers.count // scenario.servers.sites
    return numbers // members * members if getattr(chosen.balancing, "is_shared", False) else numbers


def _accounts(homes: Any) -> Any:
    accounts = zeros(len(homes), ACCOUNT)
    accounts["leases"] = NONE
    accounts["heard_at"] = homes
    return accounts


def _pools(scenario: Any, chosen: PolicySet) -> Any:
    servers, split = scenario.servers.count, scenario.servers.split
    weights = np.ones(servers) if split == "even" else np.array(split)
    allocated = np.zeros((servers, len(scenario.products)), np.int64)
    for p, product in enumerate(scenario.products):
        shares = share_out(product.licenses, weights, np.zeros(servers, np.int64))
        np.add.at(allocated[:, p], _pooled(scenario, chosen), shares)
    pools = zeros(allocated.size, POOL)
    pools["allocated"] = pools["free"] = allocated.ravel()
    pools["queue_head"] = pools["queue_tail"] = NONE
    return pools


def _products(scenario: Any, pools: Any) -> Any:
    sites, count = scenario.servers.sites, len(scenario.products)
    products = zeros(sites * count, PRODUCT)
    popularity = np.cumsum([product.popularity for product in scenario.products])
    products["up_to"] = np.tile(popularity / popularity[-1], sites)
    products["owned"] = products["allocated"] = pools["allocated"].reshape(sites, -1, count).sum(axis=1).ravel()
    limits = layout.first_client(scenario.clients.count, sites, np.arange(sites + 1))
    products["clients"] = np.repeat(np.diff(limits), count)
    return products


def _profile(scenario: Any) -> Any:
    """Return the day profile from hour 0 to its last hour, with the factor's integral; empty when flat."""
    given = list(scenario.workload.profile)
    if not given:
        return zeros(0, POINT)
    if len(given) == 1:  # the same factor all day
        given = [(0.0, given[0][1]), (24.0, given[0][1])]
    if given[0][0] > 0:  # the day before ended with the last factor
        given.insert(0, (0.0, given[-1][1]))
    points = zeros(len(given), POINT)
    points["hour"] = [_ns(hour * 3600) for hour, _ in given]
    points["factor"] = [factor for _, factor in given]
    spans = np.diff(points["hour"]) * (points["factor"][1:] + points["factor"][:-1]) / 2
    points["integral"][1:] = np.cumsum(spans)
    return points


def _recorded_bound(rows: Any, first: int, local: int, side: Any) -> Any:
    """Return where each client's rows begin ("left") or end ("right")."""
    return np.searchsorted(rows["client"], np.arange(first, first + local), side).astype(np.int64)
