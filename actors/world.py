"""The state of one shard: tables of packed rows, gathered in a `World`.

`client = world.clients[c]; client.tries_here += 1` is ordinary Python with the JIT off and a plain struct
access with it on (see `tables.py`). Time is int64 nanoseconds since the start of the simulation, where the
warm-up begins.

Agents have numbers: clients from 0, then servers, then the site servers, then the observers, one of each for
every site. A shard holds the clients [first, first + local) of all, and the servers [first_server, first_server +
local_servers), maybe none, with their site servers and observers: see `layout.py`. Its tables of servers, pools,
products and sites have rows for all, of which only those it holds are in use.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

NEVER = np.iinfo(np.int64).max
CACHE_LINE = 64  # bytes
NONE = -1  # no server, no lease, no event, ...

# Flags of an event, as bits. Of a client's message at a server: its client wants to be called back; it is in
# service; it died in a crash; it came from another shard, where an answer may have to go. The last one also of
# answers from there.
WANTS_CALLBACK, IN_SERVICE, VOID, FOREIGN = 1, 2, 4, 8

# What a user does who was denied.
GIVE_UP, ASK_AGAIN, WAIT_FOR_CALLBACK = range(3)

# What a client has in flight: a slot's request (its number), or one of these; the last three end a pause.
NOTHING, BEAT, RESUME, MOVE, COME_BACK = -1, -2, -3, -4, -5

# Marks of a client, as bits: a heartbeat is due; a timer to offer its debts is set; it is near to another site.
BEAT_DUE, OWING, NEAR = 1, 2, 4

# Marks of a slot, as bits: its program runs; a request for it reached the server that was asked; a grant from
# there came late and is kept; its user was denied and waits: it was the first answer, or it stopped a program that
# ran by right till then.
RUNNING, REACHED, KEPT, DENIED, STOPPED = 1, 2, 4, 8, 16
WAITS = DENIED | STOPPED


def _rows(*fields: tuple[str, str]) -> np.dtype[Any]:
    return np.dtype(list(fields), align=True)


# What does not change in a run. One row.
CONFIG = _rows(
    # sizes
    ("clients", "i8"), ("servers", "i8"), ("products", "i8"), ("programs", "i8"), ("memory", "i8"),
    ("first", "i8"), ("local", "i8"), ("first_server", "i8"), ("local_servers", "i8"),
    # sites: how many, servers of each; those to which this shard's agents belong; whose servers are here
    ("sites", "i8"), ("members", "i8"), ("first_site", "i8"), ("end_site", "i8"), ("local_sites", "i8"),
    ("hosts_all", "i8"),
    ("known_first", "i8"), ("known", "i8"),  # the clients of the sites whose servers are here
    # time
    ("measure_from", "i8"), ("end", "i8"), ("sample", "i8"), ("first_fault", "i8"),
    # network
    ("latency", "i8"), ("wan_latency", "i8"), ("jitter", "f8"), ("loss", "f8"),
    # clients
    ("before_start", "i8"), ("request_timeout", "i8"), ("heartbeat", "i8"), ("names_leases", "i8"),
    ("on_denial", "i8"), ("retry_denied", "f8"), ("callback_poll", "i8"), ("offline_deny", "i8"),
    ("rerequest", "i8"), ("deferred", "i8"), ("deferred_retry", "i8"),
    ("choices", "i8"),  # servers among which the selection policy chooses: all, or those of the client's site
    # workload
    ("arrivals", "i8"), ("launch_interval", "f8"), ("launch_distribution", "i8"), ("launch_cv", "f8"),
    ("run_time", "f8"), ("run_distribution", "i8"), ("run_cv", "f8"), ("profile_period", "i8"),
    # servers
    ("service", "f8"), ("service_exponential", "i8"), ("heartbeat_cost", "f8"), ("release_cost", "f8"),
    ("queue_limit", "i8"), ("durable", "i8"), ("reclaim_after", "i8"), ("scan", "i8"),
    ("callback_grace", "i8"), ("callback_cycle", "i8"),
    ("overloads", "i8"),  # whether a request may be turned away: else nobody is asked
    # site server
    ("intersite_interval", "i8"),
    ("balance_interval", "i8"), ("report_patience", "i8"), ("shared_pool", "i8"), ("keeps_until_ack", "i8"),
    # calendar
    ("shift", "i8"), ("looks_ahead", "i8"),
    ("room", "i8"),  # how many events one event may add, at the very most
)  # fmt: skip

# What changes in a run and belongs to no agent. One row.
CONTROL = _rows(
    ("now", "i8"), ("next", "i8"), ("status", "i8"), ("horizon", "i8"), ("events", "i8"), ("same_time", "i8"),
    # calendar
    ("cursor", "i8"), ("open", "i8"), ("pending", "i8"), ("unfiled", "i8"), ("crowd", "i8"), ("ahead", "i8"),
    ("free_event", "i8"), ("fresh_event", "i8"), ("free_events", "i8"),
    ("deadline", "i8"), ("deadlines_begin", "i8"), ("deadlines_end", "i8"),
    ("arrival", "i8"), ("transit_begin", "i8"), ("transit_end", "i8"),
    ("fetched_lease", "i8"),  # see leases.look_ahead
    # messages for other shards
    ("outgoing", "i8"), ("foreign", "i8"),
    # the earliest arrival among them: at shards that share a site with this one, and at others
    ("sent_near", "i8"), ("sent_far", "i8"),
    # free lists
    ("free_lease", "i8"), ("free_leases", "i8"), ("free_debt", "i8"), ("free_debts", "i8"),
    # ledger
    ("bucket", "i8"), ("bucket_end", "i8"), ("measuring", "i8"),
    ("wait_sum", "i8"), ("wait_count", "i8"), ("wait_max", "i8"),
    ("queue_sum", "i8"), ("queue_count", "i8"), ("queue_max", "i8"),
    ("waiting", "i8"), ("waiting_area", "i8"), ("unmetered", "i8"), ("unmetered_area", "i8"),
    ("leased", "i8"), ("leased_area", "i8"), ("ghosts", "i8"), ("ghost_area", "i8"), ("overissued", "i8"),
    ("callbacks", "i8"), ("journaled", "i8"),
    ("at_once", "i8"),  # messages in servers' queues that take no service time: one event may answer them all
    # sites
    ("visitors", "i8"), ("near", "i8"), ("next_round", "i8"),  # see visitors.py and roaming.py
    ("balancing", "i8"),  # the site whose balancing policy is asked
    # what an invariant found: agents and a number
    ("culprit", "i8"), ("culprit_2", "i8"), ("value", "i8"),
)  # fmt: skip

# An event: a timer, or a message on its way, or one that waits at a server. 48 bytes.
EVENT = _rows(
    ("time", "i8"), ("serial", "i8"), ("target", "i4"), ("source", "i4"), ("program", "i4"), ("attempt", "i4"),
    ("value", "i4"), ("slot", "i2"), ("product", "i2"), ("kind", "i1"), ("flag", "i1"),
)  # fmt: skip

# What comes behind an event in its list, and the slot (its row) that it is about if it has a row of events: apart
# from there, since whoever looks ahead along a list would wait for each event. There is one for each number of an
# event (see events.py); in buckets `next` is a number, too, but in queues at servers and among free rows a row.
LINK = _rows(("next", "i4"), ("place", "i4"))

# An entry of the open bucket's heap, or of the ring of messages on their way; `event` is a number.
DUE = _rows(("time", "i8"), ("event", "i4"), ("target", "i4"))

# The time-out of what a client (its index in this shard; NONE: struck out) has in flight; see deadlines.py.
DEADLINE = _rows(("time", "i8"), ("serial", "i8"), ("client", "i4"), ("timer", "i4"))

# 64 bytes: one line of the processor's cache.
CLIENT = _rows(
    ("serial", "i8"), ("digest", "u8"),
    ("home", "i4"), ("server", "i4"),  # the first, and the present one
    ("tries_here", "i4"), ("beat_failures", "i4"), ("servers_tried", "i4"), ("attempt", "i4"),
    ("flight_attempt", "i4"), ("timer", "i4"), ("deadline", "i4"), ("draws", "i4"), ("wants", "u4"),
    ("flight", "i1"), ("resend", "i1"), ("link", "i1"), ("marks", "i1"),
)  # fmt: skip

# A slot runs one metered program at a time, and has room for a timer (see events.py). 64 bytes: one line.
SLOT = _rows(
    ("timer_time", "i8"), ("timer_serial", "i8"), ("launched", "i8"),
    ("timer_program", "i4"), ("timer_epoch", "i4"), ("program", "i4"), ("epoch", "i4"),
    ("lease", "i4"), ("asked", "i4"), ("failures", "i4"), ("product", "i2"),
    ("state", "i1"), ("marks", "i1"), ("timer", "i1"),
)  # fmt: skip

# A lease left behind that a client still means to give back: it offers it to the server until it answers.
DEBT = _rows(("server", "i4"), ("next", "i4"), ("since", "i4"))

SERVER = _rows(
    ("serial", "i8"), ("digest", "u8"), ("head", "i4"), ("tail", "i4"), ("serving", "i4"), ("waiting", "i4"),
    ("served", "i8"), ("busy_area", "i8"), ("oldest", "i4"), ("newest", "i4"), ("reported", "i4"),
    ("clients", "i8"), ("second_end", "i8"), ("second_count", "i8"), ("peak", "i8"), ("before", "i8"),
    ("before_measured", "i8"), ("arrivals", "i8"), ("refused", "i8"), ("dropped", "i8"), ("decided", "i8"),
    ("denied", "i8"), ("queue_max", "i8"),
    # its site, with its clients; its first row of pools, and its site's first row of products
    ("site", "i4"), ("first_client", "i4"), ("end_client", "i4"), ("pools", "i4"), ("stock", "i4"),
)  # fmt: skip

# A server's licenses of one product; row server * products + product. Under a shared pool only those of a site's
# first server are used, but for `requests`.
POOL = _rows(
    ("allocated", "i8"), ("free", "i8"), ("reserved", "i8"), ("leased", "i8"), ("requests", "i8"),
    ("reported_allocated", "i8"), ("reported_leased", "i8"), ("reported_requests", "i8"),
    ("target", "i8"), ("need", "i8"), ("unacknowledged", "i8"), ("queue_head", "i4"), ("queue_tail", "i4"),
)  # fmt: skip

# A site's licenses of one product; row site * products + product.
PRODUCT = _rows(
    ("up_to", "f8"),  # cumulative popularity, the last one 1
    ("owned", "i8"), ("copies", "i8"), ("allocated", "i8"), ("in_transit", "i8"), ("reserve", "i8"),
    ("shipped", "i8"),  # to other sites, less what has come from there
    ("leased", "i8"),
    ("ghosts", "i8"), ("distance", "i8"), ("distance_since", "i8"), ("imbalance_area", "f8"),
    ("imbalance_max", "f8"), ("clients", "i8"),  # of the site
    # what the leader among the site servers knows of it, and makes of it
    ("reported_owned", "i8"), ("reported_leased", "i8"), ("reported_requests", "i8"), ("target", "i8"),
)  # fmt: skip

# A site server and the observer beside it.
SITE = _rows(
    ("serial", "i8"), ("digest", "u8"), ("observer_digest", "u8"), ("reports", "i8"), ("collecting", "i8"),
    ("asking", "i8"),  # reports of sites still awaited
)  # fmt: skip

LEASE = _rows(
    ("heard", "i8"), ("client", "i4"), ("program", "i4"), ("server", "i4"), ("attempt", "i4"), ("next", "i4"),
    ("older", "i4"), ("newer", "i4"), ("granted", "i4"), ("slot", "i2"), ("product", "i2"), ("state", "i1"),
)  # fmt: skip

# What a site knows of a client (`abandoned`: the largest of its slots'), of each of its slots, and of each slot's
# user who was denied and may be called back: the denied attempt (0: none), where, for which program, and in which
# site server cycle another denial is certain. Rows of accounts: the sites' own clients, then visitors (see
# visitors.py).
ACCOUNT = _rows(("leases", "i4"), ("heard_at", "i4"), ("abandoned", "i4"))
SEAT = _rows(("abandoned", "i4"))
CALLER = _rows(("queued", "i4"), ("server", "i4"), ("program", "i4"), ("barred", "i4"))
VISITOR = _rows(("client", "i4"), ("site", "i4"), ("next", "i4"))

# From `start` on, until `end`, one server's fault state. Rows of a server are contiguous. `calm`: nothing is lost.
SPELL = _rows(
    ("start", "i8"), ("end", "i8"), ("slow", "f8"), ("loss", "f8"), ("unreachable", "i1"), ("refusing", "i1"),
    ("crashed", "i1"), ("cut", "i1"), ("calm", "i1"),
)  # fmt: skip
CUT = _rows(("start", "i8"), ("end", "i8"), ("server", "i8"), ("first", "i8"), ("last", "i8"))

# A point of the day profile: from `hour` (ns within the period) the factor runs linearly to the next row's;
# `integral` is that of the factor from the period's start.
POINT = _rows(("hour", "i8"), ("factor", "f8"), ("integral", "f8"))

# One launch of a recorded trace, in order of client and time.
RECORDED = _rows(("time", "i8"), ("run_time", "i8"), ("client", "i4"), ("product", "i4"))

# What happened, in order, when a journal is kept: see journal.py.
JOURNAL = _rows(
    ("time", "i8"), ("serial", "i8"), ("target", "i4"), ("source", "i4"), ("program", "i4"), ("attempt", "i4"),
    ("value", "i4"), ("slot", "i2"), ("product", "i2"), ("kind", "i1"), ("flag", "i1"), ("what", "i1"),
)  # fmt: skip

# Counters, one column each of the time series; row 0 is the warm-up, row n the n-th sample of measured time.
(
    LAUNCHES, SUPPRESSED, ATTEMPTS, GRANTS, MISPLACED, STRANDED, GHOST, EXHAUSTED, EVICTIONS, GAVE_UP, TIMEOUTS,
    REFUSALS, OVERLOADS, RETRIES, FAILOVERS, OFFLINE_SPELLS, UNMETERED_STARTS, MESSAGES, MESSAGES_LOST, QUEUED,
    QUEUED_US, IN_USE, GHOST_LEASES, WAITING_USERS, UNMETERED_PROGRAMS,
) = range(25)  # fmt: skip
COLUMNS = 25
STATES_FROM = IN_USE  # columns from here on are states at the end of the sample, not counts

# Histograms of durations: see ledger.py.
BINS = 64 * 32
WAIT, QUEUE = 0, 1


# Every table of a shard and what its rows are. A shard that does not host the servers has no leases, accounts,
# seats and callers.
TABLES: dict[str, Any] = {
    "config": CONFIG,
    "control": CONTROL,
    "keys": np.dtype("u8"),  # one key for each random stream
    # calendar
    "events": EVENT,
    "links": LINK,  # by number: of slots' timers, then of rows of events
    "due": DUE,
    "buckets": np.dtype("i4"),
    "transit": DUE,
    "deadlines": DEADLINE,
    "outbox": EVENT,
    "inbox": EVENT,  # messages from another shard, to be filed
    # clients of this shard
    "clients": CLIENT,
    "slots": SLOT,
    "arrivals": np.dtype("i4"),  # how many users have come to each slot; empty but in open worlds
    "memory": np.dtype("f8"),  # the failover policy's, `config.memory` numbers for each client
    "debts": DEBT,
    "owed": np.dtype("i4"),  # each client's first debt; empty where none is kept
    "recorded": RECORDED,
    "recorded_next": np.dtype("i8"),  # each client's next row of `recorded`, and the end of all
    "recorded_end": np.dtype("i8"),
    # servers
    "servers": SERVER,
    "pools": POOL,
    "products": PRODUCT,
    "sites": SITE,
    "leases": LEASE,
    "accounts": ACCOUNT,
    "seats": SEAT,
    "callers": CALLER,  # empty where users are not called back
    "visitors": VISITOR,  # empty where there is one site
    "visitors_from": np.dtype("i4"),  # by hash
    # the network and the day
    "spells": SPELL,
    "spells_from": np.dtype("i8"),
    "cuts": CUT,
    "profile": POINT,
    # what is measured
    "series": np.dtype("i8"),  # COLUMNS numbers for each sample
    "histograms": np.dtype("i8"),  # BINS numbers each
    "journal": JOURNAL,  # empty when none is kept
    # policies
    "failover_parameters": np.dtype("f8"),
    "selection_parameters": np.dtype("f8"),
    "admission_parameters": np.dtype("f8"),
}
POLICIES = ("failover", "selection", "admission")


class World:
    """One shard's tables and its three compiled policies, as attributes named in TABLES and POLICIES."""

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    def __init__(self, **members: Any) -> None:
        self.__dict__.update(members)
        self.replace()

    def replace(self, **tables: Any) -> None:
        """Put larger tables in the place of some."""
        from .tables import directory  # noqa: PLC0415 - it describes this class to the compiler

        self.__dict__.update(tables)
        self.directory = directory(self)
        self.address = self.directory.ctypes.data
