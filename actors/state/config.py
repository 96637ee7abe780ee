"""What does not change in a run: rows of numbers made from the scenario (setup/config.py).

Row 0 is the world's. If there are groups of clients, the rest and each group have rows of their own, from 1 on,
and row 0 then says of settings that may differ what holds for any of them (agents/settings.py).
"""

from .rows import rows

CONFIG = rows(
    # sizes
    ("clients", "i8"),  # of the world; so are servers, products, sites
    ("servers", "i8"),
    ("products", "i8"),
    ("programs", "i8"),  # slots of a client
    ("memory", "i8"),  # numbers that the failover policy remembers for a client; row 0: the most of any policy
    ("selection_memory", "i8"),  # numbers that the selection policy remembers for a client; row 0: likewise
    # this shard's part
    ("first", "i8"),  # its first client
    ("local", "i8"),  # how many clients it hosts
    ("first_server", "i8"),
    ("local_servers", "i8"),
    ("sites", "i8"),
    ("members", "i8"),  # servers of each site
    ("first_site", "i8"),  # the sites to which its agents belong: [first_site, end_site)
    ("end_site", "i8"),
    ("local_sites", "i8"),  # sites whose servers are here
    ("hosts_all", "i8"),  # whether all are
    ("known_first", "i8"),  # the clients of the sites whose servers are here
    ("known", "i8"),
    # time, ns
    ("measure_from", "i8"),  # end of the warm-up
    ("end", "i8"),
    ("sample", "i8"),
    ("samples", "i8"),  # of the time series, the warm-up among them
    ("first_fault", "i8"),
    ("last_hit", "i8"),  # until then a fault may be the reason of a failure of a client
    # network
    ("latency", "i8"),
    ("wan_latency", "i8"),
    ("jitter", "f8"),
    ("loss", "f8"),
    # clients
    ("before_start", "i8"),
    ("request_timeout", "i8"),  # row 0: the shortest
    ("timeouts_differ", "i8"),  # whether a client has another one
    ("heartbeat", "i8"),
    ("heartbeat_spread", "f8"),  # how much longer the time to the next one may be, as a share of it
    ("names_leases", "i8"),
    ("on_lost_lease", "i8"),  # what a client does that hears of it; RUN_ON: it does not hear
    ("asks_first", "i8"),  # whether the failover policy is asked before each request
    ("is_told", "i8"),  # whether it is told of good answers, which else make it forget
    ("tells", "i8"),  # whether grants and denials tell of the server's queue, and of free licenses
    ("gives_up", "i8"),  # whether users just give up when they are denied; else the denial policy is asked
    ("calls_back", "i8"),  # whether users may wait to be called back
    ("draws_pauses", "i8"),  # whether a denial may lead to a random pause
    ("asks_next", "i8"),  # whether the next server may be asked
    ("asked_before", "i8"),  # servers that a launch asks before one is asked for a callback
    ("offline_deny", "i8"),
    ("rerequest", "i8"),
    ("deferred", "i8"),
    ("deferred_retry", "i8"),
    ("failback", "i8"),  # whether clients change their server without a failure, too
    ("moves_all", "i8"),  # whether what runs then moves with them
    ("connects", "i8"),  # whether clients keep a connection to their server
    ("keepalive", "i8"),  # time between keep-alives of it; 0: none
    ("keepalive_misses", "i8"),  # a connection is lost after this many in a row without an answer
    ("choices", "i8"),  # servers among which the selection policy chooses: all, or those of the client's site
    # where the parameters of the clients' policies begin in their tables, and how many there are
    ("failover_at", "i8"),
    ("failover_size", "i8"),
    ("failback_at", "i8"),
    ("failback_size", "i8"),
    ("selection_at", "i8"),
    ("selection_size", "i8"),
    ("denial_at", "i8"),
    ("denial_size", "i8"),
    # workload
    ("arrivals", "i8"),
    ("launch_interval", "f8"),
    ("launch_distribution", "i8"),
    ("launch_cv", "f8"),
    ("run_time", "f8"),
    ("run_distribution", "i8"),
    ("run_cv", "f8"),
    ("profile_period", "i8"),
    ("sized", "i8"),  # whether a launch may take more than one license
    ("restricted", "i8"),  # whether a product has a cap or a reservation
    ("shares", "i8"),  # whether a client's programs of some product share their licenses
    # servers
    ("service", "f8"),
    ("service_exponential", "i8"),
    ("heartbeat_cost", "f8"),
    ("release_cost", "f8"),
    ("connect_cost", "f8"),
    ("backlog", "i8"),  # connections that may wait to be accepted; 0: any number
    ("frees_lost", "i8"),  # whether servers free the leases of clients whose connection is lost
    ("connection_grace", "i8"),  # that much later, ns
    ("queue_limit", "i8"),
    ("durable", "i8"),
    ("stalls", "i8"),  # whether a server ever stalls; if not, there is no check
    ("reclaim_after", "i8"),
    ("failover_ttl", "i8"),
    ("scan", "i8"),
    ("callback_grace", "i8"),
    ("callback_cycle", "i8"),
    ("drain_share", "f8"),  # of the clients in excess, asked to move each second; 0: no server drains
    ("overloads", "i8"),  # whether a server may refuse a request as OVERLOADED; if not, admission is never asked
    ("drops", "i8"),  # whether the admission policy is asked once more as a request's service would begin
    ("lifo", "i8"),  # whether what comes is ever served before what waits:
    ("lifo_after", "i8"),  # LIFO once a server's queue has not been empty for this long, ns
    ("overtakes", "i8"),  # whether a message may be served before an earlier one of its client
    ("server_memory", "i8"),  # numbers that the admission policy keeps for each server
    # site servers
    ("intersite_interval", "i8"),
    ("balance_interval", "i8"),
    ("report_patience", "i8"),
    ("shortage_gap", "i8"),  # how far apart cycles are at the least that servers' words begin; 0: they say nothing
    ("shortage_share", "i8"),  # in use, in millionths, at which a server says so as it grants; 0: never
    ("tenure", "i8"),  # how long servers may use licenses that no word renews; 0: for ever
    ("has_terms", "i8"),  # whether a site server may take licenses back unasked: terms say who has them
    ("shared_pool", "i8"),
    ("keeps_until_ack", "i8"),
    # event queue
    ("shift", "i8"),  # log2 of a bucket's width, ns
    ("looks_ahead", "i8"),  # whether memory is fetched ahead: see queue/prefetching.py
    ("room", "i8"),  # most events that one event may add
)

# 0 in most worlds, where compiled code knows it (compiled/views.py).
SELDOM_SET = (
    *("timeouts_differ", "asks_first", "is_told", "failback", "connects", "frees_lost"),
    *("sized", "restricted", "shares", "stalls", "drops", "lifo", "heartbeat_spread", "selection_memory"),
    *("tells", "shortage_gap", "shortage_share", "has_terms"),
)
