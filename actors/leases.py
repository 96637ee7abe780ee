"""Who holds which license: the servers' table of leases.

A lease belongs to one program of one slot of one client, at one server. Leases of a client form a chain, for
look-up; leases of a server form a list in the order they were last heard of, for the reclaim scan.
"""

import numpy as np

from . import ledger
from .jit import inlined, jit
from .tables import prefetch
from .visitors import account_of
from .world import NONE

# A LOST lease was reclaimed or crashed away while its program runs on: it holds no license, but the time that
# the program runs without one is counted. A RESERVED one waits for a user who was called back; it has `granted`
# from a lost one, if the program still runs, because its client has not heard yet that it was denied.
LIVE, GHOST, LOST, RESERVED = 1, 2, 3, 4


@inlined
def find(world, client, server, slot, program):
    """Return the lease of a program at a server, or NONE; a LOST one counts."""
    n = world.accounts[account_of(world, server, client)].leases
    while n != NONE:
        lease = world.leases[n]
        if lease.program == program and lease.slot == slot and lease.server == server:
            return n
        n = lease.next
    return NONE


@inlined
def reserve(world, lost, client, server, slot, program, product, attempt):
    """Enter a lease, whose license the caller has taken from the pool, and return its row.

    It takes the place of a lost one (or NONE) under whose grant the program still runs.
    """
    control = world.control[0]
    known = np.int64(0)
    if lost != NONE:
        known = np.int64(world.leases[lost].granted)
        remove(world, lost)
    account = world.accounts[account_of(world, server, client)]
    n = control.free_lease
    lease = world.leases[n]
    control.free_lease = lease.next
    control.free_leases -= 1
    lease.client = client
    lease.server = server
    lease.slot = slot
    lease.program = program
    lease.product = product
    lease.state = RESERVED
    lease.granted = known
    lease.next = account.leases
    account.leases = n
    lease.heard = control.now
    lease.attempt = attempt
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
    """A lease has been heard of, by attempt number `attempt` of its client."""
    lease = world.leases[n]
    _unlink(world, n)
    lease.heard = world.control[0].now
    lease.attempt = max(lease.attempt, attempt)
    _append(world, n)


@jit
def lose(world, n):
    """The license of a live lease is gone while its program runs on."""
    _unlink(world, n)
    world.leases[n].state = LOST
    ledger.unmetered(world, 1)


@inlined
def take_up(world, n):
    """The user for whom a license is reserved has asked for it."""
    lease = world.leases[n]
    lease.state = LIVE
    if lease.granted != 0:
        ledger.unmetered(world, -1)


@jit
def reserve_no_more(world, n):
    """A reservation ends, and is once more the lost lease that it may have been."""
    if world.leases[n].granted != 0:
        _unlink(world, n)
        world.leases[n].state = LOST
    else:
        remove(world, n)


@inlined
def haunt(world, n):
    """The program of a lease no longer runs under it."""
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
def leave_untaken(world, n, attempt):
    """The program of a lease did not take up the grant of `attempt`; it runs without one until the next."""
    lease = world.leases[n]
    if lease.granted <= attempt:
        if lease.state == LOST or lease.state == RESERVED:  # noqa: PLR1714
            haunt(world, n)
        else:
            lease.granted = 0


@inlined
def revive(world, n):
    """The program of a ghost asks for its lease again."""
    lease = world.leases[n]
    if lease.state == GHOST:
        lease.state = LIVE
        ledger.ghost(world, lease.server, lease.product, -1)


@inlined
def look_ahead(world, client):
    """Have a client's newest lease fetched, which it gives back, and the neighbors of the one before."""
    config = world.config[0]
    control = world.control[0]
    account = client - config.known_first
    if 0 <= account < config.known:
        fetched = world.leases[control.fetched_lease]
        prefetch(world.leases, max(0, fetched.older))
        prefetch(world.leases, max(0, fetched.newer))
        control.fetched_lease = max(0, world.accounts[account].leases)
        prefetch(world.leases, control.fetched_lease)


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
