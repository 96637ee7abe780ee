"""Who holds which license: the servers' table of leases.

A lease belongs to one program of one slot of one client, at one server. Leases of a client form a chain, for
look-up; leases of a server form a list in the order they were last heard of, for the reclaim scan.
"""

import numpy as np

from ...compiled.jit import inlined, jit
from ...records import ledger
from ...state.rows import NONE
from ...state.servers import GHOST, LIVE, LOST, RESERVED
from .accounts import account_of


@inlined
def find(world, s, client, slot, program):
    """Return the lease of a program at a server, or NONE; a LOST one counts."""
    n = world.accounts[account_of(world, s, client)].leases
    while n != NONE:
        lease = world.leases[n]
        if lease.program == program and lease.slot == slot and lease.server == s:
            return n
        n = lease.next
    return NONE


@inlined
def enter(world, lost, s, request):
    """Enter a lease for a request, whose license the caller has taken from the pool, as RESERVED; return its row.

    It takes the place of a lost one (or NONE) under whose grant the program still runs.
    """
    control = world.control[0]
    known = np.int64(0)
    if lost != NONE:
        known = np.int64(world.leases[lost].granted)
        remove(world, lost)
    account = world.accounts[account_of(world, s, request.source)]
    n = control.free_lease
    lease = world.leases[n]
    control.free_lease = lease.next
    control.free_leases -= 1
    lease.client = request.source
    lease.server = s
    lease.slot = request.slot
    lease.program = request.program
    lease.product = request.product
    lease.state = RESERVED
    lease.granted = known
    lease.next = account.leases
    account.leases = n
    lease.heard = control.now
    lease.attempt = request.attempt
    _append(world, n)
    return n


@inlined
def remove(world, n):
    """Strike a lease from the table."""
    control = world.control[0]
    lease = world.leases[n]
    if lease.state != LOST:
        _unlink(world, n)
    account = world.accounts[account_of(world, lease.server, lease.client)]
    if account.leases == n:
        account.leases = lease.next
    else:
        k = account.leases
        while world.leases[k].next != n:
            k = world.leases[k].next
        world.leases[k].next = lease.next
    lease.state = 0
    lease.next = control.free_lease
    control.free_lease = n
    control.free_leases += 1


@inlined
def refresh(world, n, attempt):
    """Note that a lease was heard of, by attempt number `attempt` of its client."""
    lease = world.leases[n]
    _unlink(world, n)
    lease.heard = world.control[0].now
    lease.attempt = max(lease.attempt, attempt)
    _append(world, n)


@jit
def lose(world, n):
    """Take the license of a live lease away while its program runs on."""
    _unlink(world, n)
    world.leases[n].state = LOST
    ledger.unmetered(world, 1)


@inlined
def activate(world, n):
    """Make a reserved lease live: its user has asked for it."""
    lease = world.leases[n]
    lease.state = LIVE
    if lease.granted != 0:
        ledger.unmetered(world, -1)


@jit
def cancel(world, n):
    """End a reservation, which becomes the lost lease again that it may have been."""
    if world.leases[n].granted != 0:
        _unlink(world, n)
        world.leases[n].state = LOST
    else:
        remove(world, n)


@inlined
def mark_ghost(world, n):
    """Note that the program of a lease no longer runs under it."""
    lease = world.leases[n]
    if lease.state == LIVE:
        lease.state = GHOST
        ledger.ghost(world, lease.server, lease.product, 1)
    elif lease.state == LOST:
        ledger.unmetered(world, -1)
        remove(world, n)
    elif lease.state == RESERVED and lease.granted != 0:
        ledger.unmetered(world, -1)
        lease.granted = 0


@jit
def decline(world, n, attempt):
    """Note that a program did not take up the grant of `attempt`; it runs without a lease until the next."""
    lease = world.leases[n]
    if lease.granted <= attempt:
        if lease.state == LOST or lease.state == RESERVED:
            mark_ghost(world, n)
        else:
            lease.granted = 0


@inlined
def unmark_ghost(world, n):
    """Make a ghost a live lease again: its program has asked for it, or it ends now."""
    lease = world.leases[n]
    if lease.state == GHOST:
        lease.state = LIVE
        ledger.ghost(world, lease.server, lease.product, -1)


@inlined
def _append(world, n):
    lease = world.leases[n]
    server = world.servers[lease.server]
    lease.older = server.newest
    lease.newer = NONE
    if server.newest == NONE:
        server.oldest = n
    else:
        world.leases[server.newest].newer = n
    server.newest = n


@inlined
def _unlink(world, n):
    lease = world.leases[n]
    server = world.servers[lease.server]
    if lease.older == NONE:
        server.oldest = lease.newer
    else:
        world.leases[lease.older].newer = lease.newer
    if lease.newer == NONE:
        server.newest = lease.older
    else:
        world.leases[lease.newer].older = lease.older
