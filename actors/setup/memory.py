"""How much memory a shard's process takes, from its scenario alone, so that Ray knows where it fits.

It counts every table that a client may have, as if all clients had messages in transit at once. Recorded launches,
a journal, and the list of client crashes are not counted; they come on top.
"""

from meterstorm.policies import registry

from ..state import counters
from ..state.world import TABLES
from .groups import names, versions
from .partition import Part, first_client, parts
from .policies import remembered
from .scenario import Scenario, members, samples

PROCESS_BYTES = 512 << 20  # Python, Ray, NumPy and the engine: 505 to 520 MB resident while that is compiled
BARE_BYTES = 128 << 20  # without the pages that processes share, and with the engine compiled

NUMBER_BYTES = 8

# Tables by what they have a row for; further down those that a message, a lease or a timer takes a row of.
OF_CLIENT = (
    "clients", "contacts", "stays", "connections", "first_pending_release", "outages_next", "outages_end",
    "started", "recorded_next", "recorded_end",
)  # fmt: skip
OF_SLOT = ("slots", "launch_numbers", "patience", "chains", "buckets", "buckets", "buckets", "buckets")
OF_CLIENT_AT_SERVERS = ("accounts", "preferred", "visitors", "visitors_from")
OF_SLOT_AT_SERVERS = ("seats", "callers", "leases", "leases")
GROWING = ("events", "chains", "due", "deadlines", "transit")


def shards_bytes(scenario: Scenario, shards: int = 1) -> list[int]:
    """Return about how many bytes of memory the process of each shard takes at most."""
    return [PROCESS_BYTES + _tables_bytes(scenario, part) for part in parts(scenario, shards)]


def least_bytes(scenario: Scenario, shards: int = 1) -> int:
    """Return how many bytes the largest shard takes for certain: rows of its clients and of their slots."""
    clients = max(part.end - part.first for part in parts(scenario, shards))
    return BARE_BYTES + clients * (_row_bytes("clients") + scenario.clients.programs * _row_bytes("slots"))


def _tables_bytes(scenario: Scenario, part: Part) -> int:
    programs, sites = scenario.clients.programs, scenario.servers.sites
    local = part.end - part.first
    first, end = (first_client(scenario.clients.count, sites, site) for site in (part.first_site, part.end_site))
    known = end - first if part.hosts_servers else 0
    peers = known * members(scenario) * (scenario.clients.connection == "kept")
    return (
        local * (_row_bytes(*OF_CLIENT) + NUMBER_BYTES * max(map(_remembered, versions(scenario))))
        + local * programs * _row_bytes(*OF_SLOT, *GROWING)
        + known * _row_bytes(*OF_CLIENT_AT_SERVERS, *GROWING)
        + known * programs * _row_bytes(*OF_SLOT_AT_SERVERS)
        + peers * _row_bytes("peers")
        + _records_bytes(scenario)
    )


def _remembered(scenario: Scenario) -> int:
    """Return how many numbers the policies of a client remember."""
    chosen = {kind: registry.resolve(kind, choice.name, choice.parameters) for kind, choice in scenario.policies}
    return sum(remembered(scenario, chosen["failover"], chosen["selection"]))


def _records_bytes(scenario: Scenario) -> int:
    """Return the bytes of what is measured, by sample, and for each group and server."""
    rows = 1 + len(names(scenario))
    by_sample = rows * counters.COLUMNS * _row_bytes("series")
    by_sample += scenario.servers.count * _row_bytes("server_series", "connected_series")
    return samples(scenario) * by_sample + rows * counters.HISTOGRAMS * counters.BINS * _row_bytes("histograms")


def _row_bytes(*tables: str) -> int:
    return sum(int(TABLES[name].itemsize) for name in tables)
