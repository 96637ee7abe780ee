"""No row is lost or used twice: not of a lease, nor of an event; and no program has two leases."""

from collections import Counter

import numpy as np
from meterstorm.actors.state import kinds
from meterstorm.actors.state.rows import NONE
from meterstorm.actors.state.servers import LOST

from oracles.audit.tables import Tables, chain, columns, listed


def check(tables: Tables) -> None:
    """Free rows, lists and rows in use add up."""
    _free_rows(tables)
    _calendar(tables)
    _leases_by_program(tables)
    _leases_by_account(tables)
    _leases_by_server(tables)
    _queues(tables)


def _free_rows(tables: Tables) -> None:
    world, control = tables.world, tables.control
    assert control.free_leases == len(world.leases) - len(tables.leases)
    assert control.free_leases == listed(world.leases, control.free_lease).sum()
    timers = (world.slots["timer"] != kinds.FREE).sum()
    assert control.free_events == len(world.events) + timers - len(tables.events)


def _calendar(tables: Tables) -> None:
    world, control = tables.world, tables.control
    numbers = _in_the_calendar(tables)
    assert len(set(numbers)) == len(numbers) == control.pending + control.open
    timers = np.flatnonzero(world.slots["timer"] != kinds.FREE)
    assert {n for n in numbers if n < tables.slots.size} == set(timers.tolist())


def _in_the_calendar(tables: Tables) -> list[int]:
    """The numbers of all events in its heap and its buckets, and of those that are yet to be filed there."""
    world, control = tables.world, tables.control
    heads = [*world.buckets[world.buckets != NONE], control.unfiled]
    in_lists = [n for head in heads for n in chain(world.chains["next"], head)]
    return in_lists + world.due["event"][: control.open].tolist()


def _leases_by_program(tables: Tables) -> None:
    programs = Counter(columns(tables.leases, "client", "slot", "program", "server"))
    assert max(programs.values(), default=1) == 1, programs.most_common(1)


def _leases_by_account(tables: Tables) -> None:
    """Each client has one account at its own site and at each one it visits, which lists its leases there."""
    world = tables.world
    seats = world.seats["abandoned"].reshape(-1, tables.config.programs)
    assert (world.accounts["abandoned"] == seats.max(axis=1)).all()
    known = _accounts(tables)
    assert max(Counter(known).values()) == 1
    by_account = [chain(world.leases["next"], n) for n in world.accounts["leases"][: len(known)]]
    assert sum(map(len, by_account)) == len(tables.leases)
    for (client, site), found in zip(known, by_account, strict=True):
        assert (world.leases["client"][found] == client).all()
        assert (tables.site_of[world.leases["server"][found]] == site).all()


def _accounts(tables: Tables) -> list[tuple[int, int]]:
    """The client and the site of every account, in order."""
    config = tables.config
    first_clients = np.arange(config.sites + 1) * config.clients // config.sites
    homes = np.repeat(np.arange(config.sites), np.diff(first_clients))
    visitors = tables.world.visitors[: tables.control.visitors]
    return [*enumerate(homes.tolist()), *columns(visitors, "client", "site")]


def _leases_by_server(tables: Tables) -> None:
    """Each server lists the leases that it knows, in the order in which it heard of them."""
    world = tables.world
    by_server = [chain(world.leases["newer"], n) for n in world.servers["oldest"]]
    assert sum(map(len, by_server)) == (tables.leases["state"] != LOST).sum()
    for s, found in enumerate(by_server):
        assert (world.leases["server"][found] == s).all()
        assert (np.diff(world.leases["heard"][found]) >= 0).all()


def _queues(tables: Tables) -> None:
    """Every event is in one place: a server's queue, a line for callbacks, the calendar, or the ring."""
    world, control = tables.world, tables.control
    queued = [chain(tables.links["next"], n) for n in world.servers["head"]]
    assert sum(map(len, tables.called)) == control.callbacks
    waiting = [int((world.events["kind"][found] == kinds.REQUEST).sum()) for found in queued]
    assert waiting == world.servers["waiting"].tolist()
    elsewhere = control.pending + control.open + control.transit_end - control.transit_begin
    assert sum(map(len, queued + tables.called)) + elsewhere == len(tables.events)
