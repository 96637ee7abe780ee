"""Licenses that a client's programs share: if a product says so, they take one together at each server.

Each program has its own lease, and one of these leases holds the license: its `count` says so; the others' is 0. A
running program comes first, then a ghost, then a user who was called back. So the license is leased while any of
them has a lease, is a ghost while all of their leases are ghosts, and is free when the last one ends.
"""

import numpy as np

from ...compiled.jit import inlined, jit
from ...messaging.addresses import pool_of
from ...records import ledger
from ...state.rows import NONE
from ...state.servers import GHOST, LIVE, LOST
from .accounts import account_of


@inlined
def has_one(world, s, client, product):
    """Whether a client has a license of a product at a server that a further program of it would share."""
    return world.config[0].shares != 0 and _first(world, s, client, product, NONE) != NONE


@jit
def settle(world, n):
    """A lease has changed: the license that it shares is with the one that comes first from now on."""
    lease = world.leases[n]
    first = _first(world, lease.server, lease.client, lease.product, NONE)
    if first != NONE and world.leases[first].count == 0:
        _move(world, _holder(world, n), first)


@jit
def leave(world, n):
    """A lease is about to end: who shares its license has it from now on."""
    lease = world.leases[n]
    heir = _first(world, lease.server, lease.client, lease.product, n)
    if lease.count > 0 and heir != NONE:
        _move(world, n, heir)


@jit
def is_sound(world, n):
    """Whether one of those that share a license with a lease holds it, the one that comes first."""
    lease = world.leases[n]
    first = _first(world, lease.server, lease.client, lease.product, NONE)
    holders = np.int64(0)
    m = np.int64(world.accounts[account_of(world, lease.server, lease.client)].leases)
    while m != NONE:
        holders += _is_of(world, m, lease.server, lease.product) and world.leases[m].count > 0
        m = np.int64(world.leases[m].next)
    return first == NONE or (holders == 1 and world.leases[first].count > 0)


@inlined
def _is_of(world, n, s, product):
    """Whether a lease is one of those that share a client's license of a product at a server."""
    lease = world.leases[n]
    return lease.server == s and lease.product == product and lease.state != LOST


@inlined
def _rank(world, n):
    """Return what comes first: a program that runs, an orphan, another ghost, or a user called back."""
    lease = world.leases[n]
    if lease.state == LIVE:
        return 3
    return 1 + lease.orphan if lease.state == GHOST else 0


@jit
def _first(world, s, client, product, without):
    """Return which lease should hold the license that a client has there; if several may, the one that does.

    NONE when it has none, besides `without`, or its programs share none.
    """
    if world.products[world.servers[s].first_product + product].shared == 0:
        return np.int64(NONE)
    first = np.int64(NONE)
    n = np.int64(world.accounts[account_of(world, s, client)].leases)
    while n != NONE:
        if n != without and _is_of(world, n, s, product) and (first == NONE or _comes_before(world, n, first)):
            first = n
        n = np.int64(world.leases[n].next)
    return first


@inlined
def _comes_before(world, n, other):
    higher = _rank(world, n) - _rank(world, other)
    return higher > 0 or (higher == 0 and world.leases[n].count > 0)


@jit
def _holder(world, n):
    """Return which of those that share a lease's license holds it; that lease itself where the license is lost."""
    lease = world.leases[n]
    m = np.int64(world.accounts[account_of(world, lease.server, lease.client)].leases)
    while m != NONE and (world.leases[m].count == 0 or not _is_of(world, m, lease.server, lease.product)):
        m = np.int64(world.leases[m].next)
    return m if m != NONE else np.int64(n)


@jit
def _move(world, holder, heir):
    """Have another lease hold a license."""
    count = np.int64(world.leases[holder].count)
    _account(world, holder, -count)
    world.leases[holder].count = 0
    world.leases[heir].count = count
    _account(world, heir, count)


@inlined
def _account(world, n, change):
    """Count licenses more, or less, where a lease in its state has them."""
    lease = world.leases[n]
    s, product = lease.server, lease.product
    pool = world.pools[pool_of(world, s, product)]
    if lease.state != LIVE and lease.state != GHOST:
        pool.reserved += change
        return
    pool.leased += change
    ledger.leased(world, s, product, change)
    if lease.state == GHOST:
        ledger.ghost(world, s, product, change)
        if lease.orphan:
            ledger.orphan(world, change)
