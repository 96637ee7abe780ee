"""The engine's loop: take the first event in the total order, let its agent handle it, until the horizon.

The horizon is how far this shard may go before it has heard from the others (`shards/lookahead.py`).
"""

import numpy as np

from ..agents.client import client
from ..agents.server import observer, server, service
from ..agents.site import site
from ..compiled.jit import inlined, jit
from ..messaging.addresses import observer as observer_of
from ..messaging.addresses import site_server
from ..messaging.protocol import is_for_service, is_slot_timer
from ..queue import calendar, events
from ..records import digest, journal, ledger
from ..state import kinds
from ..state.events import VOID
from ..state.status import GROW, HORIZON, STALLED
from .capacity import has_room

# More events than this at one instant mean that time stands still.
EVENTS_AT_ONCE = 10_000_000


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
            ledger.count_for(world, world.config[0].first + i)
            client.on_slot_timer(world, i, j, kind)
        if control.status != HORIZON:
            return control.status


@inlined
def _take_timer(world, slot_row):
    """Take the timer out of a slot's row; return its kind, FREE if it is stale, and its client and slot."""
    timer = events.timer(world, slot_row)
    i = timer.target - world.config[0].first
    world.slots[slot_row].timer = kinds.FREE
    if client.is_stale(world, i, timer):
        return np.int64(kinds.FREE), i, timer.slot
    time = world.slots[slot_row].timer_time
    _record(world, timer, time, world.slots[slot_row].timer_serial)
    digest.add_to_client(world, i, digest.part_of(world, timer, time))
    return timer.kind, i, timer.slot


@inlined
def _handle_event(world, n):
    """Handle the event in a row; but if it is a timer of a slot, return its kind, client and slot."""
    event = world.events[n]
    kind, slot = np.int64(event.kind), np.int64(event.slot)
    i = event.target - world.config[0].first
    if _is_void(world, event):
        events.free(world, n)
        return np.int64(kinds.FREE), i, slot
    _record(world, event, event.time, event.serial)
    digest.add(world, event.target, digest.part_of(world, event, event.time))
    if is_slot_timer(kind):
        events.free(world, n)
        return kind, i, slot
    _dispatch(world, n)
    return np.int64(kinds.FREE), i, slot


@inlined
def _is_void(world, event):
    """Whether an event counts for nothing: a stale timer, or a message that died in a crash."""
    config = world.config[0]
    if event.target < config.clients:
        return client.is_stale(world, event.target - config.first, event)
    return event.flag & VOID != 0


@inlined
def _record(world, letter, time, serial):
    """Make an event's instant the present one, count it and enter it in the journal."""
    _advance_to(world, time)
    world.control[0].events += 1
    journal.note(world, journal.HANDLED, letter, time, serial)


@inlined
def _advance_to(world, time):
    control = world.control[0]
    if time > control.now:
        control.now = time
        control.same_time = 0
        if time >= control.sample_end:
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
    server_0, site_server_0, observer_0 = config.clients, site_server(world, 0), observer_of(world, 0)
    if server_0 <= event.target < site_server_0 and is_for_service(event.kind):
        ledger.count_for(world, event.source)
        service.handle(world, n, event.target - server_0)
        return
    message = events.read(event)
    events.free(world, n)
    ledger.count_for(world, message.target)
    if message.target < server_0:
        client.handle(world, message.target - config.first, message)
    elif message.target < site_server_0:
        server.handle(world, message.target - server_0, message)
    elif message.target < observer_0:
        site.handle(world, message.target - site_server_0, message)
    else:
        observer.handle(world, message)
