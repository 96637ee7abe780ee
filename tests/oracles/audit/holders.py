"""Every lease has a program, is known to have none, or its fate is on its way; and the other way round."""

from typing import NamedTuple

import numpy as np
from meterstorm.actors.state import clients, kinds
from meterstorm.actors.state.rows import NONE
from meterstorm.actors.state.servers import GHOST, LOST, RESERVED

from oracles.audit.tables import Tables, columns


class Lease(NamedTuple):
    """A lease, by what it is for."""

    client: int
    slot: int
    program: int
    server: int


def check(tables: Tables) -> None:
    """Leases and slots agree on who holds what."""
    held = set()
    for *key, state in columns(tables.leases, "client", "slot", "program", "server", "state"):
        lease = Lease(*key)
        held.add(lease)
        _check_lease(tables, lease, state)
    _check_slots(tables, held)
    _check_counts(tables)
    _check_down(tables)


def _check_lease(tables: Tables, lease: Lease, state: int) -> None:
    c, j, program, s = lease
    slot = tables.slots[c, j]
    holds = slot.program == program and slot.lease == s
    if state == RESERVED:
        agent = tables.config.clients + s
        assert (kinds.GRACE_END, agent, agent, j, program) in tables.under_way
    elif state == GHOST:
        assert not holds, f"client {c}'s slot {j} holds a lease of server {s} that counts as a ghost"
    elif not holds:
        assert _fate_is_known(tables, lease), f"server {s} keeps a lease of client {c}'s slot {j}"


def _fate_is_known(tables: Tables, lease: Lease) -> bool:
    """Whether a lease that no program holds is awaited, or its client or server is about to hear of it."""
    c, j, program, s = lease
    slot, config = tables.slots[c, j], tables.config
    server = config.clients + s
    observer = config.clients + config.servers + config.sites + int(tables.site_of[s])
    return (
        (slot.program == program and slot.asked == s)
        or (kinds.GRANT, server, c, j, program) in tables.under_way
        or (kinds.RELEASE, c, server, j, program) in tables.under_way
        or (kinds.NOTICE, c, observer, j, program) in tables.under_way
        or (kinds.ORPHANED, c, observer, j, program) in tables.under_way
    )


def _check_slots(tables: Tables, held: set[Lease]) -> None:
    for (c, j), slot in np.ndenumerate(tables.slots):
        if slot["state"] == clients.METERED:
            lease = Lease(c, j, int(slot["program"]), int(slot["lease"]))
            assert lease in held, f"client {c}'s slot {j} runs under a lease that server {lease.server} has not"


def _check_down(tables: Tables) -> None:
    """A client that is down wants, holds and awaits nothing; orphans are ghosts."""
    down = tables.world.clients["link"] == clients.DOWN
    slots, rows = tables.slots[down], tables.world.clients[down]
    assert np.isin(slots["state"], (clients.IDLE, clients.WILL_START)).all()
    assert (slots["lease"] == NONE).all() and (slots["asked"] == NONE).all()
    assert not rows["wants"].any() and (rows["flight"] == clients.NOTHING).all()
    orphans = tables.leases[tables.leases["orphan"] != 0]
    assert (orphans["state"] == GHOST).all() and orphans["count"].sum() == tables.control.orphans


def _check_counts(tables: Tables) -> None:
    """Programs without a lease are counted, and users who wait after a denial."""
    marks = tables.slots["marks"]
    unleased = (marks & clients.RUNNING != 0) & (tables.slots["lease"] == NONE)
    lost = np.isin(tables.leases["state"], (LOST, RESERVED)) & (tables.leases["granted"] > 0)
    assert tables.control.unmetered == unleased.sum() + lost.sum()
    assert tables.control.waiting == (marks & clients.WAITS != 0).sum()
