"""The engine's loop: take the first event in the total order, let its agent handle it, until the horizon.

The horizon is how far this shard may go before it has heard from the others (see `windows.py`): their earliest
event plus one latency. A message to another shard brings it nearer, since an answer may follow (`messages.py`).
"""

import numpy as np

from . import (
    calendar,
    client,
    events,
    granting,
    journal,
    kinds,
    leases,
    ledger,
    roaming,
    server,
    site,
    streams,
)
from .jit import inlined, jit
from .status import (
    DOUBLE_LEASE,
    GROW,
    HORIZON,
    LOST_PROGRAM,
    LOST_ROAMER,
    NEGATIVE_POOL,
    NOT_CONSERVED,
    STALLED,
)
from .streams import GOLDEN, mix
from .world import FOREIGN, NEAR, NONE, RUNNING, VOID, WAITS

# More events than this at one instant mean that time stands still.
EVENTS_AT_ONCE = 10_000_000

_K1 = np.uint64(0xD6E8FEB86659FD93)
_K2 = np.uint64(0xA0761D6478BD642F)
_K3 = np.uint64(0xE7037ED1A0B428DB)
_32 = np.uint64(32)


@jit
def start(world):
    """Set the first timers of all agents of this shard."""
    config = world.config[0]
    for i in range(config.local):
        client.start(world, i)
    for s in range(config.first_server, config.first_server + config.local_servers):
        server.start(world, s)
    for k in range(config.first_site, config.first_site + config.local_sites):
        site.start(world, k)
        for p in range(config.products):
            ledger.allocation_changed(world, k * config.products + p)
    ledger.turn(world)  # without a warm-up the first instant is measured


@inlined
def room_needed(world):
    """Return how many events one event may add, at the very most."""
    return world.config[0].room + world.control[0].callbacks + world.control[0].at_once


@inlined
def heap_needed(world):
    """Return how many of them may fall into the open bucket: of a user called back, a message and a grace time."""
    return room_needed(world) + world.control[0].callbacks


@inlined
def has_room(world):
    """Whether every table has room for what one event may add."""
    control = world.control[0]
    needed = room_needed(world)
    return (
        control.free_events >= needed
        and world.due.size - control.open >= heap_needed(world)
        and world.deadlines.size - (control.deadlines_end - control.deadlines_begin) >= calendar.RESERVE
        and world.outbox.size - control.outgoing >= needed
        and (world.journal.size == 0 or world.journal.size - control.journaled >= needed)
        and control.free_leases >= calendar.RESERVE + control.callbacks
        and control.free_debts >= calendar.RESERVE
    )


@jit
def run(world, horizon):
    """Handle events before `horizon`; return a status. `control.next` is then the time of the next event."""
    control = world.control[0]
    control.horizon = horizon
    control.status = HORIZON
    while True:
        time = calendar.next_time(world)  # which may open a bucket, and so takes room
        if control.crowd > 0 or not has_room(world):
            return GROW
        if time >= control.horizon:
            control.next = time
            return HORIZON
        number = calendar.pop(world, time)
        if events.is_of_slot(world, number):
            kind, i, j = _take_timer(world, number)
        else:
            kind, i, j = _handle_event(world, events.row(world, number))
        # Here, not in the two, so that it is compiled once: slots' timers lead to most of the code.
        if kind != kinds.FREE:
            client.on_slot_timer(world, i, j, kind)
        if control.status != HORIZON:
            return control.status


@inlined
def _take_timer(world, place):
    """Take the timer out of a slot's row; return its kind, FREE if it is overtaken, and its client and slot."""
    event = events.timer(world, place)
    i = event.target - world.config[0].first
    world.slots[place].timer = kinds.FREE
    if client.is_stale(world, event.kind, event.target, event.slot, event.attempt):
        return np.int64(kinds.FREE), i, event.slot
    _record(world, event)
    _add_to_clients_digest(world, i, _digest_of(world, event))
    return event.kind, i, event.slot


@inlined
def _handle_event(world, n):
    """Handle the event in a row; but if it is a timer of a slot, return its kind, client and slot."""
    event = world.events[n]
    kind, slot = np.int64(event.kind), np.int64(event.slot)
    i = event.target - world.config[0].first
    if _is_void(world, event):
        events.free(world, n)
        return np.int64(kinds.FREE), i, slot
    _record(world, event)
    _add_to_digest(world, event.target, _digest_of(world, event))
    if kind in (kinds.LAUNCH, kinds.END, kinds.ASK_AGAIN):
        events.free(world, n)
        return kind, i, slot
    _dispatch(world, n)
    return np.int64(kinds.FREE), i, slot


@inlined
def _is_void(world, event):
    """Whether an event counts for nothing: a timer overtaken by events, or a message that died in a crash."""
    if event.target < world.config[0].clients:
        return client.is_stale(world, event.kind, event.target, event.slot, event.attempt)
    return event.flag & VOID != 0


@inlined
def _record(world, event):
    """Make an event's instant the present one, count it and enter it in the journal."""
    _advance_to(world, event.time)
    world.control[0].events += 1
    journal.note(
        world, journal.HANDLED, event.kind, event.time, event.serial, event.source, event.target, event.slot,
        event.program, event.product, event.attempt, event.value, event.flag & ~FOREIGN,
    )  # fmt: skip


@inlined
def _advance_to(world, time):
    control = world.control[0]
    if time > control.now:
        control.now = time
        control.same_time = 0
        if time >= control.bucket_end:
            ledger.turn(world)
    else:
        control.same_time += 1
        if control.same_time > EVENTS_AT_ONCE:
            control.status = STALLED
            control.value = control.same_time


@inlined
def _dispatch(world, n):
    """Hand an event to its agent. Messages at servers keep their row while they wait; others free it first."""
    config = world.config[0]
    event = world.events[n]
    target, kind = event.target, event.kind
    if config.clients <= target < config.clients + config.servers and kind <= kinds.KEPT_RELEASE:
        server.handle_message(world, n, target - config.clients)
        return
    source, slot, program, product = event.source, event.slot, event.program, event.product
    attempt, value = event.attempt, event.value
    events.free(world, n)
    if target < config.clients:
        client.handle(world, kind, target, source, slot, program, attempt, value)
    elif target < config.clients + config.servers:
        server.handle(world, kind, target - config.clients, slot, program, product, value)
    elif target < config.clients + config.servers + config.sites:
        site.handle(
            world, target - config.clients - config.servers, kind, source, program, product, attempt, value
        )
    else:
        _observe(world, kind, source, slot, program, value, attempt)


@jit
def _observe(world, kind, source, slot, program, at, attempt):
    """A site's observer learns that a program has no more use for a lease, or for an answer, at a server."""
    lease = leases.find(world, source, at, slot, program)
    if kind == kinds.NOT_TAKEN:
        if lease != NONE:
            leases.leave_untaken(world, lease, attempt)
        return
    if lease != NONE:
        leases.haunt(world, lease)
    granting.abandon(world, at, source, slot, attempt)


@inlined
def _digest_of(world, event):
    """Return an event's part in its agent's digest, which is blind to where agents live."""
    who = (np.uint64(streams.identity(event.source, world.config[0].clients)) << _32) ^ np.uint64(event.program)
    what = (np.uint64(event.attempt) << _32) ^ (np.uint64(event.kind) << np.uint64(16)) ^ np.uint64(event.slot)
    size = (np.uint64(event.product) << _32) ^ np.uint64(np.int64(event.value) & np.int64(0xFFFFFFFF))
    return np.uint64(event.time) * GOLDEN + who * _K1 + what * _K2 + size * _K3


@inlined
def _add_to_clients_digest(world, i, part):
    row = world.clients[i]
    row.digest = mix(row.digest + part)


@inlined
def _add_to_digest(world, target, part):
    """Add an event to its agent's digest: a running hash."""
    config = world.config[0]
    if target < config.clients:
        _add_to_clients_digest(world, target - config.first, part)
    elif target < config.clients + config.servers:
        host = world.servers[target - config.clients]
        host.digest = mix(host.digest + part)
    elif target < config.clients + config.servers + config.sites:
        site_row = world.sites[target - config.clients - config.servers]
        site_row.digest = mix(site_row.digest + part)
    else:
        site_row = world.sites[target - config.clients - config.servers - config.sites]
        site_row.observer_digest = mix(site_row.observer_digest + part)


@jit
def deliver(world, count):
    """File `count` messages of the inbox; return the status GROW when there is no room for them."""
    control = world.control[0]
    if min(control.free_events, world.due.size - control.open) < count:
        return GROW
    for k in range(count):
        n = events.allocate(world)
        event = world.events[n]
        events.copy(event, world.inbox[k])
        if event.kind < kinds.NOTICE and event.kind != kinds.RELEASE:  # another message may follow
            event.flag |= FOREIGN
            control.foreign += 1
        calendar.schedule(world, n)
        control.next = min(control.next, event.time)
    return HORIZON


@jit
def digest(world):
    """Return the sum of this shard's agents' digests, each mixed with its agent's number."""
    config = world.config[0]
    total = np.uint64(0)
    for i in range(config.local):
        total += mix(world.clients[i].digest + np.uint64(config.first + i + 1) * GOLDEN)
    for s in range(config.first_server, config.first_server + config.local_servers):
        total += mix(world.servers[s].digest + np.uint64(config.clients + s + 1) * GOLDEN)
    for k in range(config.first_site, config.first_site + config.local_sites):
        number = config.clients + config.servers + k + 1
        total += mix(world.sites[k].digest + np.uint64(number) * GOLDEN)
        total += mix(world.sites[k].observer_digest + np.uint64(number + config.sites) * GOLDEN)
    return total


@jit
def check(world):
    """Recount what must add up; return HORIZON, or the status of the first invariant that does not hold."""
    config = world.config[0]
    status = HORIZON
    for k in range(config.first_site, config.first_site + config.local_sites):
        if status == HORIZON:
            status = _check_pools(world, k)
    if status == HORIZON:
        status = _check_leases(world)
    if status == HORIZON:
        status = _check_slots(world)
    return status if status != HORIZON else _check_near(world)


@jit
def _check_pools(world, k):
    config = world.config[0]
    for p in range(config.products):
        product = world.products[k * config.products + p]
        allocated = np.int64(0)
        for s in range(k * config.members, (k + 1) * config.members):
            pool = world.pools[s * config.products + p]
            allocated += pool.allocated
            if pool.free + pool.leased + pool.reserved != pool.allocated or min(pool.free, pool.leased) < 0:
                return _found(world, NEGATIVE_POOL, s, p)
        owned = product.owned + product.copies
        if allocated + product.in_transit + product.reserve != owned or allocated != product.allocated:
            return _found(world, NOT_CONSERVED, config.clients + config.servers + k, p)
    return HORIZON


@jit
def _check_leases(world):
    config = world.config[0]
    held = np.int64(0)
    for s in range(config.first_server, config.first_server + config.local_servers):
        n = world.servers[s].oldest
        while n != NONE:
            lease = world.leases[n]
            held += lease.state != leases.RESERVED
            if leases.find(world, lease.client, s, lease.slot, lease.program) != n:
                return _found(world, DOUBLE_LEASE, s, lease.client)
            n = lease.newer
    if held != world.control[0].leased:
        return _found(world, NEGATIVE_POOL, config.servers, -1)
    return HORIZON


@jit
def _check_slots(world):
    """Every program is in a state that some timer, message or answer will end."""
    config = world.config[0]
    waiting = np.int64(0)
    for i in range(config.local):
        row = world.clients[i]
        for j in range(config.programs):
            slot = client.slot_of(world, i, j)
            waits = slot.state == client.ASKING or slot.state == client.CALLED  # noqa: PLR1714
            denied = slot.marks & WAITS != 0
            waiting += denied
            wants = row.wants & client.bit(j) != 0
            leased = slot.lease != NONE
            if (
                (slot.state == client.METERED) != leased
                or (leased and not slot.marks & RUNNING)
                or (slot.state == client.WAITING and not wants)
                or (wants and (slot.state == client.IDLE or waits))
                or (waits and not denied)
            ):
                return _found(world, LOST_PROGRAM, config.first + i, j)
        if row.wants != 0 and row.flight == -1:
            return _found(world, LOST_PROGRAM, config.first + i, -1)
    if waiting != world.control[0].waiting:
        return _found(world, LOST_PROGRAM, -1, waiting)
    return HORIZON


@jit
def _check_near(world):
    """Recount the clients near to another site, and what is on its way within this shard that may lead there."""
    near = np.int64(0)
    for i in range(world.config[0].local):
        if roaming.is_possible(world) and roaming.is_near(world, i):
            near += 1
            if not world.clients[i].marks & NEAR:
                return _found(world, LOST_ROAMER, world.config[0].first + i, 0)
    control = world.control[0]
    for k in range(control.open):
        near += _leads_away(world, world.due[k].event)
    for k in range(control.transit_begin, control.transit_end):
        near += _leads_away(world, world.transit[k & (world.transit.size - 1)].event)
    calendar.file(world)
    for place in range(world.buckets.size):
        n = world.buckets[place]
        while n != NONE:
            near += _leads_away(world, n)
            n = world.links[n].next
    if near != control.near:
        return _found(world, LOST_ROAMER, -1, near)
    return HORIZON


@inlined
def _leads_away(world, number):
    if events.is_of_slot(world, number):
        return False
    event = world.events[events.row(world, number)]
    if event.flag & FOREIGN:
        return False
    if event.kind == kinds.TAKE or event.kind == kinds.TAKEN:  # noqa: PLR1714
        return event.program > 0
    fails = event.kind == kinds.REFUSED or event.kind == kinds.OVERLOADED  # noqa: PLR1714
    return fails and roaming.is_possible(world)


@jit
def _found(world, status, culprit, value):
    control = world.control[0]
    control.status = status
    control.culprit = culprit
    control.value = value
    return status
