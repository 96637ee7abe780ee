"""The state of one shard: its tables, gathered in a `World`.

Agents have numbers: clients from 0, then servers, then the site servers, then the observers, one of each for every
site. A shard holds the clients [first, first + local) of all, and the servers [first_server, first_server +
local_servers), maybe none, with their site servers and observers: see `setup/partition.py`. Its tables of servers,
pools, products and sites have rows for all, but it uses only those that it holds.
"""

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from . import clients, schedule, servers
from .config import CONFIG, SELDOM_SET
from .control import CONTROL
from .events import CHAIN, DEADLINE, DUE, EVENT, JOURNAL
from .sums import SUM

# Every table of a shard and what its rows are. A shard that does not host the servers has no leases, accounts,
# seats and callers.
TABLES: dict[str, Any] = {
    "config": CONFIG,
    "control": CONTROL,
    "keys": np.dtype("u8"),  # one key for each random stream
    # event queue
    "events": EVENT,
    "chains": CHAIN,  # by event number: of slots' timers, then of rows of events
    "due": DUE,
    "buckets": np.dtype("i4"),
    "transit": DUE,
    "deadlines": DEADLINE,
    "outbox": EVENT,
    "inbox": EVENT,  # messages from another shard, to be filed
    "groups": np.dtype("i1"),  # each client's row of `config`, of the whole world; empty without groups
    # clients of this shard
    "clients": clients.CLIENT,
    "slots": clients.SLOT,
    "launch_numbers": np.dtype("i4"),  # how many users have come to each slot; empty but in open worlds
    "patience": clients.PATIENCE,  # each slot's; empty where users just give up when they are denied
    "memory": np.dtype("f8"),  # the failover policy's, `config.memory` numbers for each client
    "selection_memory": np.dtype("f8"),  # the selection policy's, likewise
    "contacts": clients.CONTACT,  # empty where the failover policy has one hook only, and is not a user's own
    "stays": clients.STAY,  # empty where only failures move clients
    "connections": clients.CONNECTION,  # each client's; empty where none keeps one
    "pending_releases": clients.PENDING_RELEASE,
    "first_pending_release": np.dtype("i4"),  # each client's; empty where none is kept
    "outages": schedule.OUTAGE,  # crashes of this shard's clients, client by client
    "outages_next": np.dtype("i8"),  # each client's next row of `outages`, or the present one, and the end of all
    "outages_end": np.dtype("i8"),
    "started": np.dtype("i4"),  # attempts of each client before its last start; empty where none crashes
    "restarts": schedule.RESTART,  # by entry of the list of faults
    "recorded": schedule.RECORDED,
    "recorded_next": np.dtype("i8"),  # each client's next row of `recorded`, and the end of all
    "recorded_end": np.dtype("i8"),
    # servers
    "servers": servers.SERVER,
    "pools": servers.POOL,
    "products": servers.PRODUCT,
    "sites": servers.SITE,
    "leases": servers.LEASE,
    "accounts": servers.ACCOUNT,
    "peers": servers.PEER,  # empty where servers do not mind lost connections
    "seats": servers.SEAT,
    "preferred": np.dtype("i4"),  # the first server of each of the sites' own clients; empty where none drains
    "callers": servers.CALLER,  # empty where users are not called back
    "visitors": servers.VISITOR,  # empty where there is one site
    "visitors_from": np.dtype("i4"),  # each chain's first, by hash
    # the network and the day
    "faults": schedule.FAULT,  # as they were laid out
    "spells": schedule.SPELL,
    "spells_from": np.dtype("i8"),  # each server's first row of `spells`
    "cuts": schedule.CUT,
    "profile": schedule.POINT,
    "sizes": schedule.SIZE,  # how many licenses launches take, by product
    "run_times": np.dtype("i8"),  # observed ones, ns, in order; empty unless run times are drawn from them
    "launch_intervals": np.dtype("i8"),  # likewise
    # what is measured
    "series": np.dtype("i8"),  # counters.COLUMNS numbers for each sample, for each row of `config`
    "server_series": servers.SERVER_SAMPLE,
    "connected": np.dtype("i8"),  # to each server how many of this shard's clients; empty where none ever is
    "connected_series": np.dtype("i8"),  # the same at the end of each sample
    "sums": SUM,  # over the measured time: state/sums.py
    "queueing": SUM,  # time, ns, that requests had waited at servers when their service began; by sample
    "histograms": np.dtype("i8"),  # counters.BINS numbers each, for each row of `config`
    "journal": JOURNAL,  # empty when none is kept
    # policies
    "failover_parameters": np.dtype("f8"),
    "failback_parameters": np.dtype("f8"),
    "selection_parameters": np.dtype("f8"),
    "admission_parameters": np.dtype("f8"),
    "admission_memory": np.dtype("f8"),  # `config.server_memory` numbers for each server
    "denial_parameters": np.dtype("f8"),
}
# Each has its compiled policies, by row of `config`; servers have one admission policy.
POLICIES = ("failover", "failback", "selection", "admission", "denial")
MEMBERS = (*TABLES, *POLICIES)
# Empty in most worlds, as compiled code knows of those (compiled/views.py).
SELDOM_FILLED = ("groups", "contacts", "stays", "connections", "connected", "peers")


class World:
    """One shard's tables and its compiled policies, as attributes named in TABLES and POLICIES."""

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    def __init__(self, **members: Any) -> None:
        self.__dict__.update(members)
        # Of each kind of policies their addresses (0 with the JIT off).
        self._calls = {kind: _addresses(members[kind]) for kind in POLICIES}
        # For each of these, and for each table, its address and its size.
        found = members | self._calls
        self.directory = np.array([_entry(found[name]) for name in MEMBERS], dtype=np.int64)
        self.address = self.directory.ctypes.data

    @cached_property
    def is_plain(self) -> bool:
        """Whether it does without all that most worlds do without, which its compiled code then has not."""
        return not (
            any(self.config[name].any() for name in SELDOM_SET)
            or any(len(getattr(self, name)) for name in SELDOM_FILLED)
        )

    def replace(self, **tables: Any) -> None:
        """Put larger tables in the place of some."""
        self.__dict__.update(tables)
        for name, table in tables.items():
            self.directory[MEMBERS.index(name)] = _entry(table)


def _addresses(calls: Any) -> Any:
    return np.array([getattr(call, "address", 0) for call in calls])


def _entry(table: Any) -> tuple[int, int]:
    """Return what the directory says of a table; a record array is slow to ask, a plain one is not."""
    return np.ndarray.view(table, np.ndarray).ctypes.data, len(table)
