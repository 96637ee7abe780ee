"""Who gets a license: requests granted or denied, and why; leases refreshed, freed and reclaimed."""

import numpy as np
from meterstorm.policies.balancing import MILLION

from ...compiled.jit import inlined, jit
from ...messaging import network
from ...messaging.addresses import pool_of
from ...messaging.messages import answer
from ...queue import told
from ...records import ledger
from ...state import counters, kinds
from ...state.events import WANTS_CALLBACK
from ...state.rows import NEVER, NONE
from ...state.servers import GHOST, LIVE, LOST, RESERVED
from .. import roaming, settings
from . import callbacks, leases, rights, sharing, transfers
from .accounts import account_of


@inlined
def given_back(world, n, s):
    """Return the lease that a RELEASE means; NONE when a newer request asked for it again.

    A reservation is no lease yet: what is released was granted before, and may have been lost.
    """
    event = world.events[n]
    lease = leases.find(world, s, event.source, event.slot, event.program)
    if lease == NONE:
        return NONE
    row = world.leases[lease]
    is_none = row.state == RESERVED and row.granted == 0
    return NONE if is_none or row.attempt > event.attempt else lease


@inlined
def decide(world, n, s):
    """Grant or deny a request; return whether its event was kept, to wait for a callback."""
    event = world.events[n]
    pool = world.pools[pool_of(world, s, event.product)]
    lease = leases.find(world, s, event.source, event.slot, event.program)
    lost = NONE  # the lease that the program has lost; a denial leaves it so, until its client has heard
    if lease != NONE and world.leases[lease].state == LOST:
        lost, lease = lease, NONE
    if lease != NONE and world.leases[lease].state != RESERVED:
        if not _is_abandoned(world, event, s):
            leases.unmark_ghost(world, lease)
        leases.refresh(world, lease, event.attempt)
        _grant(world, n, s, lease)
        return False
    world.servers[s].decided += 1
    wanted = leases.wanted(world, event)
    world.pools[s * world.config[0].products + event.product].requests += wanted
    if lease != NONE:
        pool.reserved -= world.leases[lease].count
        leases.refresh(world, lease, event.attempt)
    elif wanted == 0 or (
        rights.room(world, s, event.source, event.product) >= wanted
        and not callbacks.is_barred(world, s, event.source, event.slot, event.program)
    ):
        pool.free -= wanted
        rights.note(world, s, event.source, event.product, wanted)
        lease = leases.enter(world, lost, s, event, wanted)
    else:
        return _deny(world, n, s)
    leases.activate(world, lease)
    count = np.int64(world.leases[lease].count)
    pool.leased += count
    ledger.leased(world, s, event.product, count)
    if world.config[0].shares:
        sharing.settle(world, lease)
    if world.config[0].shortage_share:
        _note_use(world, s, pool)
    if world.leases[lease].granted == 0 and _is_abandoned(world, event, s):
        leases.mark_ghost(world, lease)
    _grant(world, n, s, lease)
    return False


@inlined
def _grant(world, n, s, lease):
    """Answer with a lease, and note whether its client will know that it has it."""
    callbacks.stop_waiting(world, s, world.events[n])
    arrival = answer(world, n, s, kinds.GRANT, _told(world, s, world.events[n]))
    if arrival != NEVER:
        leases.grant(world, lease, world.events[n].attempt, arrival)


@inlined
def _told(world, s, request):
    """Return what an answer tells of the server's queue and of free licenses, if the client's policies may ask."""
    if world.config[0].tells and settings.of_agent(world, request.source).tells:
        return told.to_value(world.servers[s].waiting, world.pools[pool_of(world, s, request.product)].free)
    return np.int64(0)


@inlined
def _is_abandoned(world, event, s):
    """Whether the program of a request no longer waits for its answer, as the site's observer knows."""
    account = account_of(world, s, event.source)
    if event.attempt > world.accounts[account].abandoned:  # nearly always: the seat need not be fetched
        return False
    return event.attempt <= world.seats[account * world.config[0].programs + event.slot].abandoned


@jit
def abandon(world, s, client, slot, attempt):
    """Note that a slot's program no longer waits for answers of a server's site to attempts up to this one."""
    account = account_of(world, s, client)
    seat = world.seats[account * world.config[0].programs + slot]
    seat.abandoned = max(seat.abandoned, attempt)
    world.accounts[account].abandoned = max(world.accounts[account].abandoned, attempt)


@inlined
def _deny(world, n, s):
    event = world.events[n]
    world.servers[s].denied += 1
    ledger.count(world, _cause(world, s, event.product, event.source, leases.wanted(world, event)))
    if world.config[0].shortage_gap:
        _note_shortage(world, event, s)
    arrival = answer(world, n, s, kinds.DENY, _told(world, s, event))
    if arrival != NEVER and world.config[0].asks_next:
        roaming.expect(world, event.source, 1)
    if event.flag & WANTS_CALLBACK == 0:
        return False
    return callbacks.enqueue(world, n, s)


@jit
def _note_shortage(world, event, s):
    """Tell the site server if too few licenses are free; a denial for a cap or a reservation is no shortage."""
    if world.pools[pool_of(world, s, event.product)].free < leases.wanted(world, event):
        transfers.tell_shortage(world, s)


@jit
def _note_use(world, s, pool):
    """Tell the site server once enough of a pool's licenses are in use that it may soon run short."""
    if MILLION * (pool.allocated - pool.free) >= world.config[0].shortage_share * pool.allocated:
        transfers.tell_shortage(world, s)


@inlined
def _cause(world, s, product, client, wanted):
    """Return why server `s` denies a client `wanted` licenses of a product now: a column of the time series.

    Capped: it would have more than it may; reserved: they are free, but kept for others. Else misplaced: as many
    are free for it on a server that it could reach, or are its own there to share; else stranded: only on one that
    it could not; else ghost: all together, with those of leases whose programs no longer run under them; else
    exhausted. All at that site. Licenses of servers that have lapsed count as free on one that it could not reach.
    """
    config = world.config[0]
    now = world.control[0].now
    if config.restricted:
        forbidden = rights.forbidden(world, s, client, product, wanted)
        if forbidden != NONE:
            return forbidden
    row = world.products[world.servers[s].first_product + product]
    ghosts, free, is_stranded = row.ghosts, np.int64(0), row.lapsed >= wanted
    first = world.servers[s].site * config.members
    for other in range(first, first + config.members):
        room = rights.room(world, other, client, product)
        free += room if pool_of(world, other, product) == other * config.products + product else 0
        if room >= wanted or sharing.has_one(world, other, client, product):
            if network.is_reachable(world, other, client, now):
                return counters.MISPLACED
            is_stranded = True
    if is_stranded:
        return counters.STRANDED
    return counters.GHOST if ghosts > 0 and free + ghosts >= wanted else counters.EXHAUSTED


@jit
def on_heartbeat(world, n, s, frees):
    """Refresh the leases here of a client that is alive; free those it does not name, if it names what it holds.

    Of a slot that is named, the newest lease is meant. A lease asked for after this message left is spared; one
    that its client lost in a crash is no longer its own. Return the slots named that have none, as the bits of a
    signed number of 32.
    """
    event = world.events[n]
    named = np.int64(event.value)
    lease = world.accounts[account_of(world, s, event.source)].leases
    while lease != NONE:
        row = world.leases[lease]
        following = row.next
        if row.server == s and (row.state == LIVE or row.state == GHOST):
            if row.attempt <= event.program:  # its client has crashed since
                if frees:
                    free(world, lease)
            elif not frees or named & (np.int64(1) << np.int64(row.slot)) or row.attempt > event.attempt:
                leases.refresh(world, lease, row.attempt)
                named &= ~(np.int64(1) << np.int64(row.slot))
            else:
                free(world, lease)
        lease = following
    return np.int64(np.int32(named))


@inlined
def free(world, lease):
    """End a lease; its licenses are free from this instant."""
    row = world.leases[lease]
    leases.unmark_ghost(world, lease)
    if world.config[0].shares:
        sharing.leave(world, lease)
    s, product, count = row.server, row.product, np.int64(row.count)
    world.pools[pool_of(world, s, product)].leased -= count
    rights.note(world, s, row.client, product, -count)
    ledger.leased(world, s, product, -count)
    leases.remove(world, lease)
    callbacks.licenses_freed(world, s, product, count)


@jit
def reclaim(world, lease):
    """Take a lease away from its holder: nobody (a ghost), a running program, or a user called back."""
    row = world.leases[lease]
    if row.state == GHOST or (row.state == LIVE and row.granted == 0):
        free(world, lease)
        return
    if world.config[0].shares:
        sharing.leave(world, lease)
    s, product, count = row.server, row.product, np.int64(row.count)
    pool = world.pools[pool_of(world, s, product)]
    rights.note(world, s, row.client, product, -count)
    if row.state == RESERVED:
        pool.reserved -= count
        leases.cancel(world, lease)
    else:
        pool.leased -= count
        ledger.leased(world, s, product, -count)
        leases.lose(world, lease)
    callbacks.licenses_freed(world, s, product, count)


@jit
def end_grace(world, s, client, slot, program):
    """Free the licenses of a user who was called back and did not come, but not any reserved again since.

    The time is past, not just over, where the server has stalled meanwhile.
    """
    lease = leases.find(world, s, client, slot, program)
    if lease == NONE or world.leases[lease].state != RESERVED:
        return
    if world.leases[lease].heard + world.config[0].callback_grace <= world.control[0].now:
        reclaim(world, lease)
