"""A metering server: one worker and a FIFO queue; its timers; and crashes.

Whatever arrives from a client waits its turn in order of arrival and takes its service time; the answer leaves
when the service ends. The server works on whatever has reached it, also for clients that have given up.
Who gets a license is decided in `granting.py`; users who wait for one are in `callbacks.py`; what the site server
moves is in `stock.py`.
"""

import numpy as np

from ..policies.admission import Arrival, refuse
from . import calendar, callbacks, events, granting, kinds, leases, ledger, network, roaming, stock, streams
from .jit import inlined, jit
from .messages import answer, set_timer
from .streams import draw, uniform
from .tables import vector
from .visitors import account_of
from .world import IN_SERVICE, NONE, VOID

SECOND = 1_000_000_000


@inlined
def handle_message(world, n, s):
    """Handle a client's message: its arrival, or the end of its service."""
    event = world.events[n]
    if event.flag & IN_SERVICE:
        server = world.servers[s]
        server.serving = NONE
        server.busy_area += ledger.instant(world)
        _carry_out(world, n, s)
        _work(world, _next_in_queue(world, s), s)
    else:
        _arrive(world, n, s)


@jit
def handle(world, kind, s, slot, program, product, value):
    """Handle a timer, or a message of the site server."""
    if kind == kinds.SCAN:
        _scan(world, s)
    elif kind == kinds.CRASH:
        _crash(world, s)
    elif kind == kinds.GRACE_END:
        callbacks.end_grace(world, s, value, slot, program)
    elif kind == kinds.CALLBACK_CYCLE:
        callbacks.begin_cycle(world, s)
    elif kind == kinds.ASK_REPORT:
        stock.report(world, s)
    elif kind == kinds.TAKE:
        stock.take(world, s, product, value, program)
    elif kind == kinds.GIVE:
        stock.give(world, s, product, value)
    elif kind == kinds.DROP:
        stock.drop(world, s, product, value)


@jit
def start(world, s):
    """Set a server's first timers."""
    config = world.config[0]
    if config.scan > 0:
        set_timer(world, kinds.SCAN, config.clients + s, config.scan, 0, 0, 0)
    if config.callback_cycle > 0:
        set_timer(world, kinds.CALLBACK_CYCLE, config.clients + s, config.callback_cycle, 0, 0, 0)
    for k in range(world.spells_from[s], world.spells_from[s + 1]):
        spell = world.spells[k]
        if spell.crashed and (k == world.spells_from[s] or world.spells[k - 1].crashed == 0):
            set_timer(world, kinds.CRASH, config.clients + s, spell.start, 0, 0, 0)


@inlined
def _arrive(world, n, s):
    event = world.events[n]
    server = world.servers[s]
    _note_arrival(world, s)
    if world.spells[network.spell_at(world, s, world.control[0].now)].refusing:
        server.refused += 1
        _turn_away(world, n, s, kinds.REFUSED, 0)
        return
    if event.kind == kinds.RELEASE:
        lease = granting.released(world, n, s)
        if lease != NONE:
            leases.haunt(world, lease)
    elif event.kind != kinds.KEPT_RELEASE:
        account = account_of(world, s, event.source)
        if world.accounts[account].heard_at != s:
            ledger.client_moved(world, account, s)
    if event.kind == kinds.REQUEST and world.config[0].overloads:
        verdict = _admission(world, n, s)
        if verdict.admitted == 0:
            _turn_away(world, n, s, kinds.OVERLOADED, np.int64(verdict.retry_after_s * 1000.0))
            return
    if server.serving == NONE:
        _work(world, n, s)
        return
    events.link(world, n).next = NONE
    if server.tail == NONE:
        server.head = n
    else:
        events.link(world, server.tail).next = n
    server.tail = n
    world.control[0].at_once += _takes_no_time(world, event.kind)
    if event.kind == kinds.REQUEST:
        server.waiting += 1
        server.queue_max = max(server.queue_max, server.waiting)


@jit
def _turn_away(world, n, s, kind, value):
    if answer(world, n, s, kind, value):
        roaming.expect_failure(world, world.events[n].source, 1)
    events.free(world, n)


@inlined
def _note_arrival(world, s):
    """Count an arrival, and keep the busiest whole second from the first fault on."""
    config = world.config[0]
    server = world.servers[s]
    now = world.control[0].now
    if now < config.first_fault:
        server.before += 1
        if now >= config.measure_from:
            server.before_measured += 1
    if now >= server.second_end:
        seconds = (now - config.measure_from) // SECOND + 1
        server.second_end = config.measure_from + seconds * SECOND
        server.second_count = 0
    server.second_count += 1
    if now >= config.measure_from:
        server.arrivals += 1
    if now >= config.first_fault:
        server.peak = max(server.peak, server.second_count)


@inlined
def _admission(world, n, s):
    """Ask the admission policy; the scenario's queue limit comes first."""
    config = world.config[0]
    event = world.events[n]
    server = world.servers[s]
    busy = server.serving != NONE
    if config.queue_limit > 0 and busy and server.waiting >= config.queue_limit:
        return refuse(0.0)
    arrival = Arrival(
        np.float64(world.control[0].now) * 1e-9,
        np.int64(server.waiting),
        np.int64(busy),
        np.int64(world.pools[granting.pool_of(world, s, event.product)].free),
    )
    u = uniform(draw(world.keys[streams.ADMISSION], event.source, event.attempt))
    parameters = vector(world.admission_parameters, 0, world.admission_parameters.size)
    return world.admission(parameters, arrival, u)


@inlined
def _work(world, n, s):
    """Serve message `n` and, while services take no time, those that wait behind it."""
    server = world.servers[s]
    control = world.control[0]
    while n != NONE:
        event = world.events[n]
        if event.kind == kinds.REQUEST:
            ledger.queued(world, control.now - event.time)
        duration = _service_time(world, s, event.kind)
        if duration > 0:
            server.serving = n
            server.busy_area -= ledger.instant(world)
            event.flag |= IN_SERVICE
            event.time = control.now + duration
            calendar.schedule(world, n)
            return
        _carry_out(world, n, s)
        n = _next_in_queue(world, s)


@inlined
def _next_in_queue(world, s):
    server = world.servers[s]
    n = server.head
    if n != NONE:
        server.head = events.link(world, n).next
        if server.head == NONE:
            server.tail = NONE
        world.control[0].at_once -= _takes_no_time(world, world.events[n].kind)
        if world.events[n].kind == kinds.REQUEST:
            server.waiting -= 1
    return n


@inlined
def _mean_service_time(world, kind):
    """Return the mean time, ns, that a message of a kind takes where nothing is slow."""
    config = world.config[0]
    if kind == kinds.REQUEST:
        return config.service
    return config.service * (config.heartbeat_cost if kind == kinds.HEARTBEAT else config.release_cost)


@inlined
def _takes_no_time(world, kind):
    """Whether a message of a kind that waits is served at the instant of the one before it."""
    return _mean_service_time(world, kind) < 1.0


@inlined
def _service_time(world, s, kind):
    config = world.config[0]
    mean = _mean_service_time(world, kind)
    if mean == 0.0:
        return np.int64(0)
    mean *= world.spells[network.spell_at(world, s, world.control[0].now)].slow
    if config.service_exponential:
        server = world.servers[s]
        server.served += 1
        mean *= streams.exponential(draw(world.keys[streams.SERVICE], s, server.served))
    return np.int64(mean + 0.5)


@inlined
def _carry_out(world, n, s):
    """Do what a message asks, and free its event unless the message goes on to wait for a callback."""
    kind = world.events[n].kind
    if kind == kinds.REQUEST:
        if granting.decide(world, n, s):
            return
    elif kind == kinds.RELEASE:
        lease = granting.released(world, n, s)
        if lease != NONE:
            granting.free(world, lease)
    else:
        frees = kind == kinds.KEPT_RELEASE or world.config[0].names_leases == 1
        granting.hear(world, n, s, frees)
        answer(world, n, s, kinds.KEPT_ACK if kind == kinds.KEPT_RELEASE else kinds.ACK, 0)
    events.free(world, n)


@jit
def _scan(world, s):
    """Reclaim the leases that were not heard of for `reclaim_after`."""
    config = world.config[0]
    server = world.servers[s]
    now = world.control[0].now
    set_timer(world, kinds.SCAN, config.clients + s, now + config.scan, 0, 0, 0)
    if config.reclaim_after == 0 or world.spells[network.spell_at(world, s, now)].crashed:
        return
    while server.oldest != NONE and world.leases[server.oldest].heard + config.reclaim_after <= now:
        granting.reclaim(world, server.oldest)


@jit
def _crash(world, s):
    """Lose the queue, and the leases too unless they are durable."""
    config = world.config[0]
    server = world.servers[s]
    if server.serving != NONE:
        world.events[server.serving].flag |= VOID
        server.serving = NONE
        server.busy_area += ledger.instant(world)
        server.dropped += 1
    n = _next_in_queue(world, s)
    while n != NONE:
        events.free(world, n)
        server.dropped += 1
        n = _next_in_queue(world, s)
    if config.durable:
        return
    callbacks.forget(world, s)
    last, n = server.newest, NONE  # those that come behind are reserved by what this loop sets free
    while server.oldest != NONE and n != last:
        n = server.oldest
        granting.reclaim(world, n)
