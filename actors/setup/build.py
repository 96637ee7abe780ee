"""From a scenario to the tables of a shard."""

from typing import Any

import numpy as np

from ..queue.calendar import RESERVE
from ..randomness.streams import stream_keys
from ..records.journal import FIRST_ROWS
from ..state import counters
from ..state.allocation import more_due, more_events, more_leases, more_pending_releases, zeros
from ..state.control import CONTROL
from ..state.events import CHAIN, DEADLINE, DUE, EVENT, JOURNAL
from ..state.rows import NEVER, NONE
from ..state.servers import SERVER_SAMPLE
from ..state.sums import SUM, SUMS
from ..state.world import POLICIES, World
from . import crashes, faults, groups, observations, partition, spells
from .clients import client_tables, first_servers
from .config import config_table
from .policies import PolicySet
from .profile import day_profile
from .scenario import Scenario, ns, samples
from .servers import server_tables
from .sizes import size_table

BUCKETS_PER_TIMER = 1.06  # at the least
FIRST_DEADLINES = 1 << 10  # a power of two
FIRST_MESSAGES, BUCKETS_PER_MESSAGE = 1 << 10, 32  # the ring need not grow: what does not fit waits in buckets
OUTBOX = 1 << 14  # messages for other shards


def build(
    scenario: Scenario,
    chosen: PolicySet,
    replication: int,
    part: partition.Part,
    is_alone: bool,
    keep_journal: bool = False,
) -> World:
    """Return the state of a shard, alone or one of several, at time 0, before its agents' first timers are set."""
    keys = stream_keys(scenario.run.seed, replication)
    homes = first_servers(scenario, keys)
    at_servers, at_clients = spells.lay_out(scenario, keys), crashes.lay_out(scenario, keys)
    schedule = faults.schedule(scenario, at_servers)
    laid_out = np.concatenate([at_servers, crashes.as_faults(at_clients)]).view(np.recarray)
    first_fault = spells.first_start(laid_out)
    profile = day_profile(scenario)
    buckets = _bucket_count(_timers(scenario, part.end - part.first))
    queue = {
        "shift": _shift(scenario, buckets),
        "first_fault": NEVER if first_fault is None else first_fault,
        "last_hit": spells.last_end(laid_out) or 0,
        "profile_period": profile["hour"].max(initial=0),
    }
    config = config_table(scenario, chosen, part, queue)
    world = World(
        config=config,
        control=zeros(1, CONTROL),
        keys=keys,
        **_queue_tables(buckets, (part.end - part.first) * scenario.clients.programs),
        inbox=zeros(0, EVENT),
        groups=groups.rows_of_clients(scenario),
        outbox=zeros(4 * RESERVE if is_alone else OUTBOX, EVENT),
        **client_tables(scenario, chosen, homes[part.first : part.end], part.first),
        **crashes.crash_tables(scenario, at_clients, part.first, part.end - part.first),
        **server_tables(scenario, chosen, homes, config[0]),
        faults=laid_out,
        spells=schedule.spells,
        spells_from=schedule.spells_from,
        cuts=schedule.cuts,
        profile=profile,
        sizes=size_table(scenario),
        **observations.tables(scenario),
        **_record_tables(scenario, len(config), int(config[0].local_servers), keep_journal),
        **{kind: chosen.calls(kind) for kind in POLICIES},
        **{f"{kind}_parameters": np.concatenate(chosen.tables(kind)) for kind in POLICIES},
    )
    _make_room(world, scenario)
    return world


def _queue_tables(buckets: int, slots: int) -> dict[str, Any]:
    return {
        "events": zeros(0, EVENT),
        "chains": zeros(slots, CHAIN),
        "due": zeros(0, DUE),
        "transit": zeros(max(FIRST_MESSAGES, buckets // BUCKETS_PER_MESSAGE), DUE),
        "deadlines": zeros(FIRST_DEADLINES, DEADLINE),
        "buckets": np.full(buckets, NONE, np.int32),
    }


def _record_tables(scenario: Scenario, rows: int, local_servers: int, keep_journal: bool) -> dict[str, Any]:
    """Return what is measured; where there are groups, with a part for each row of CONFIG."""
    connected = scenario.servers.count if scenario.clients.connection == "kept" else 0
    return {
        "series": np.zeros(rows * samples(scenario) * counters.COLUMNS, np.int64),
        "server_series": zeros(samples(scenario) * local_servers, SERVER_SAMPLE),
        "connected": np.zeros(connected, np.int64),
        "connected_series": np.zeros(samples(scenario) * connected, np.int64),
        "sums": zeros(rows * SUMS, SUM),
        "queueing": zeros(samples(scenario), SUM),
        "histograms": np.zeros(rows * counters.HISTOGRAMS * counters.BINS, np.int64),
        "journal": zeros(FIRST_ROWS if keep_journal else 0, JOURNAL),
    }


def _make_room(world: World, scenario: Scenario) -> None:
    """Set up the event queue and the free lists, with room for what a world usually needs."""
    control, config = world.control[0], world.config[0]
    for name in ("free_event", "unfiled", "free_lease", "free_pending_release"):
        control[name] = NONE
    for name in ("sent_within", "sent_across", "deadline", "next_transit", "next_round"):
        control[name] = NEVER
    control.cursor = -1
    control.sample_end = config.measure_from
    under_way = (world.slots.size + world.accounts.size) // 16 + 8 * scenario.servers.count + world.spells.size
    others = _timers(scenario, int(config.local)) - world.slots.size
    more_events(world, others + under_way + 8 * RESERVE)
    more_due(world, int(config.room))
    licenses = sum(product.licenses for product in scenario.products) if config.local_servers > 0 else 0
    more_leases(world, min(licenses, 1 << 16) + 2 * RESERVE)
    more_pending_releases(world, 2 * RESERVE)


def _timers(scenario: Scenario, clients: int) -> int:
    """Return how many timers of clients wait at a time: one for each slot's launch or end, and for heartbeats."""
    beats = groups.any_of(scenario, lambda one: one.clients.heartbeat_s > 0)
    return clients * (scenario.clients.programs + beats)


def _bucket_count(timers: int) -> int:
    """Return a power of two, from one to two buckets for each timer that waits: see engine/PERFORMANCE.md."""
    return 1 << max(10, min(24, int(BUCKETS_PER_TIMER * timers).bit_length()))


def _shift(scenario: Scenario, buckets: int) -> int:
    """Return log2 of the bucket width in ns: the ring spans two to four times the longest of the usual timers."""
    longest = 2 * max(
        max(one.workload.launch_interval_s, one.workload.run_time_s, one.clients.heartbeat_s)
        for one in groups.versions(scenario)
    )
    return max(10, int(longest * ns(1) / buckets).bit_length())
