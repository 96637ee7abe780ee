"""Who holds which license: the servers' table of leases.

A lease belongs to one program of one slot of one client, at one server. Leases of a client form a chain, for
look-up; leases of a server form a list in the order they were last heard of, for the reclaim scan.
"""

import numpy as np

from ...compiled.jit import inlined, jit
from ...messaging import network
from ...messaging.addresses import observer
from ...messaging.messages import post
from ...queue.letters import letter
from ...records import ledger
from ...state import counters, kinds
from ...state.rows import NEVER, NONE
from ...state.servers import GHOST, LIVE, LOST, RESERVED
from . import sharing
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
def wanted(world, request):
    """Return how many licenses a request is for, besides one that its client has there and its program shares."""
    s = request.target - world.config[0].clients
    if sharing.has_one(world, s, request.source, request.product):
        return np.int64(0)
    return np.int64(request.value) + 1


@inlined
def enter(world, lost, s, request, count):
    """Enter a lease of licenses that the caller has taken from the pool, as RESERVED; return its row.

    It takes the place of a lost one (or NONE) under whose grant the program still runs.
    """
    control = world.control[0]
    granted, arrival = np.int64(0), np.int64(0)
    if lost != NONE:
        granted, arrival = np.int64(world.leases[lost].granted), np.int64(world.leases[lost].arrival)
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
    lease.count = count
    lease.state = RESERVED
    lease.granted = granted
    lease.arrival = arrival
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
    elif lease.granted < 0:
        _unlink_unsettled(world, n)
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


@inlined
def grant(world, n, attempt, arrival):
    """Note that the grant of `attempt` will arrive.

    A repeated request is answered, too, but the program runs on under the grant that it has taken up, or will
    take up the grant of its latest attempt.
    """
    lease = world.leases[n]
    if lease.state == LIVE and lease.granted < attempt and (lease.granted == 0 or _is_unsettled(world, lease)):
        lease.arrival = arrival
        lease.granted = attempt


@inlined
def _settled_at(world, lease):
    """Return when the observer knows whether the grant of `granted` was taken up."""
    return lease.arrival + network.latency(world, lease.server, lease.client)


@inlined
def _is_unsettled(world, lease):
    return _settled_at(world, lease) > world.control[0].now


@jit
def lose(world, n):
    """Take the licenses of a live lease away while its program runs on.

    The program may have yet to take up its grant: the lease is unsettled until that is known.
    """
    _unlink(world, n)
    lease = world.leases[n]
    lease.state = LOST
    if _is_unsettled(world, lease):
        lease.granted = -lease.granted
        _link_unsettled(world, n)
    else:
        _count_lost(world, lease)


@inlined
def _count_lost(world, lease):
    """A program runs on, and its lease is gone."""
    ledger.count_for(world, lease.client)
    ledger.count(world, counters.LEASES_LOST)
    ledger.unmetered(world, 1)


@jit
def settle(world, s):
    """Count the programs of a server's unsettled leases that have taken up their grants; wait for the others."""
    due = NEVER
    n = world.servers[s].unsettled
    while n != NONE:
        lease = world.leases[n]
        following = lease.newer
        if _is_unsettled(world, lease):
            due = min(due, _settled_at(world, lease))
        else:
            _unlink_unsettled(world, n)
            lease.granted = -lease.granted
            _count_lost(world, lease)
        n = following
    if due != NEVER:
        agent = observer(world, world.servers[s].site)
        post(world, letter(kinds.SETTLE, agent, agent, value=s), due, s)


@inlined
def activate(world, n):
    """Make a reserved lease live: its user has asked for it."""
    lease = world.leases[n]
    lease.state = LIVE
    _no_longer_unmetered(world, lease)
    lease.granted = abs(lease.granted)


@inlined
def _no_longer_unmetered(world, lease):
    """A program that was counted as running without its lease does so no longer, or no longer runs."""
    if lease.granted > 0:
        ledger.count_for(world, lease.client)
        ledger.unmetered(world, -1)


@jit
def cancel(world, n):
    """End a reservation, which becomes the lost lease again that it may have been."""
    if world.leases[n].granted > 0:
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
        lease.granted = 0
        ledger.ghost(world, lease.server, lease.product, np.int64(lease.count))
        if world.config[0].shares:
            sharing.settle(world, n)
    elif lease.state == LOST:
        _no_longer_unmetered(world, lease)
        remove(world, n)
    elif lease.state == RESERVED:
        _no_longer_unmetered(world, lease)
        lease.granted = 0


@jit
def orphan(world, n):
    """Note that the program of a lease has ended in a crash of its client."""
    lease = world.leases[n]
    if lease.state == LIVE:
        lease.orphan = 1
        ledger.count_for(world, lease.client)
        ledger.count(world, counters.LEASES_ORPHANED)
        ledger.orphan(world, np.int64(lease.count))
    mark_ghost(world, n)


@jit
def decline(world, n, attempt):
    """Note that a program did not take up the grant of `attempt`; it runs without a lease until the next."""
    lease = world.leases[n]
    if abs(lease.granted) <= attempt:
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
        count = np.int64(lease.count)
        ledger.ghost(world, lease.server, lease.product, -count)
        if lease.orphan:
            lease.orphan = 0
            ledger.orphan(world, -count)
        if world.config[0].shares:
            sharing.settle(world, n)


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


@inlined
def _link_unsettled(world, n):
    lease = world.leases[n]
    server = world.servers[lease.server]
    lease.older = NONE
    lease.newer = server.unsettled
    if lease.newer != NONE:
        world.leases[lease.newer].older = n
    server.unsettled = n


@inlined
def _unlink_unsettled(world, n):
    lease = world.leases[n]
    if lease.older == NONE:
        world.servers[lease.server].unsettled = lease.newer
    else:
        world.leases[lease.older].newer = lease.newer
    if lease.newer != NONE:
        world.leases[lease.newer].older = lease.older
