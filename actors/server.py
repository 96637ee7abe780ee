"""A metering server: one worker, a FIFO queue, a pool of licenses for each product, and a table of leases.

Whatever arrives from a client waits its turn in order of arrival and takes its service time; the answer leaves
when the service ends. The server works on whatever has reached it, also for clients that have given up.
"""

import numpy as np

from ..policies.admission import Arrival, refuse
from . import calendar, kinds, leases, ledger, network, streams
from .jit import jit
from .messages import next_serial, post, send, set_timer
from .streams import draw, uniform
from .tables import vector
from .world import EXHAUSTED, GHOST, IN_SERVICE, MISPLACED, NONE, STRANDED, VOID, WANTS_CALLBACK


@jit
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
        _end_grace(world, s, value, slot, program)
    elif kind == kinds.CALLBACK_CYCLE:
        _begin_callback_cycle(world, s)
    elif kind == kinds.ASK_REPORT:
        _report(world, s)
    elif kind == kinds.TAKE:
        _take(world, s, product, value)
    elif kind == kinds.GIVE:
        _give(world, s, product, value)
    elif kind == kinds.DROP:
        _drop(world, s, product, value)


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


@jit
def pool_of(world, s, product):
    """Return the row of the pool that a server takes a product's licenses from."""
    config = world.config[0]
    return product if config.shared_pool else s * config.products + product


# --- queue ----------------------------------------------------------------------------------------------------


@jit
def _arrive(world, n, s):
    event = world.events[n]
    server = world.servers[s]
    _note_arrival(world, s)
    if world.spells[network.spell_at(world, s, world.control[0].now)].refusing:
        server.refused += 1
        _answer(world, n, s, kinds.REFUSED, 0)
        calendar.free(world, n)
        return
    if event.kind == kinds.RELEASE:
        lease = _released(world, n, s)
        if lease != NONE:
            leases.haunt(world, lease)
    elif event.kind != kinds.KEPT_RELEASE and world.accounts[event.source].heard_at != s:
        ledger.client_moved(world, event.source, s)
    if event.kind == kinds.REQUEST:
        verdict = _admission(world, n, s)
        if verdict.admitted == 0:
            _answer(world, n, s, kinds.OVERLOADED, np.int64(verdict.retry_after_s * 1000.0))
            calendar.free(world, n)
            return
    if server.serving == NONE:
        _work(world, n, s)
        return
    event.next = NONE
    if server.tail == NONE:
        server.head = n
    else:
        world.events[server.tail].next = n
    server.tail = n
    if event.kind == kinds.REQUEST:
        server.waiting += 1
        server.queue_max = max(server.queue_max, server.waiting)


@jit
def _note_arrival(world, s):
    """Count an arrival, and keep the busiest whole second from the first fault on."""
    config = world.config[0]
    server = world.servers[s]
    now = world.control[0].now
    if now < config.first_fault:
        server.before += 1
        if now >= config.measure_from:
            server.before_measured += 1
    second = (now - config.measure_from) // 1_000_000_000
    if second != server.second:
        server.second = second
        server.second_count = 0
    server.second_count += 1
    if now >= config.measure_from:
        server.arrivals += 1
    if now >= config.first_fault:
        server.peak = max(server.peak, server.second_count)


@jit
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
        np.int64(world.pools[pool_of(world, s, event.product)].free),
    )
    u = uniform(draw(world.keys[streams.ADMISSION], event.source, event.attempt))
    parameters = vector(world.admission_parameters, 0, world.admission_parameters.size)
    return world.admission(parameters, arrival, u)


@jit
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


@jit
def _next_in_queue(world, s):
    server = world.servers[s]
    n = server.head
    if n != NONE:
        server.head = world.events[n].next
        if server.head == NONE:
            server.tail = NONE
        if world.events[n].kind == kinds.REQUEST:
            server.waiting -= 1
    return n


@jit
def _service_time(world, s, kind):
    config = world.config[0]
    mean = config.service
    if kind == kinds.HEARTBEAT:
        mean *= config.heartbeat_cost
    elif kind != kinds.REQUEST:
        mean *= config.release_cost
    if mean == 0.0:
        return np.int64(0)
    mean *= world.spells[network.spell_at(world, s, world.control[0].now)].slow
    if config.service_exponential:
        server = world.servers[s]
        server.served += 1
        mean *= streams.exponential(draw(world.keys[streams.SERVICE], s, server.served))
    return np.int64(mean + 0.5)


@jit
def _answer(world, n, s, kind, value):
    event = world.events[n]
    server = world.config[0].clients + s
    return send(
        world,
        kind,
        server,
        event.source,
        s,
        event.slot,
        event.program,
        event.product,
        event.attempt,
        value,
        0,
    )


# --- licenses -------------------------------------------------------------------------------------------------


@jit
def _carry_out(world, n, s):
    """Do what a message asks, and free its event unless the message goes on to wait for a callback."""
    kind = world.events[n].kind
    if kind == kinds.REQUEST:
        if _decide(world, n, s):
            return
    elif kind == kinds.RELEASE:
        lease = _released(world, n, s)
        if lease != NONE:
            _free(world, lease)
    else:
        frees = kind == kinds.KEPT_RELEASE or world.config[0].names_leases == 1
        _hear(world, n, s, frees)
        _answer(world, n, s, kinds.KEPT_ACK if kind == kinds.KEPT_RELEASE else kinds.ACK, 0)
    calendar.free(world, n)


@jit
def _released(world, n, s):
    """Return the lease that a RELEASE means; NONE when there is none, or a newer request has asked for it again."""
    event = world.events[n]
    lease = leases.find(world, event.source, s, event.slot, event.program)
    if lease != NONE and world.leases[lease].attempt > event.attempt:
        return NONE
    return lease


@jit
def _decide(world, n, s):
    """Grant or deny a request; return whether its event was kept, to wait for a callback."""
    event = world.events[n]
    pool = world.pools[pool_of(world, s, event.product)]
    lease = leases.find(world, event.source, s, event.slot, event.program)
    if lease != NONE and world.leases[lease].state == leases.LOST:
        leases.haunt(world, lease)
        lease = NONE
    if lease != NONE and world.leases[lease].state != leases.RESERVED:
        if event.attempt > _seat(world, event.source, event.slot).abandoned:
            leases.revive(world, lease)
        leases.refresh(world, lease, event.attempt)
        _grant(world, n, s, lease)
        return False
    world.servers[s].decided += 1
    world.pools[s * world.config[0].products + event.product].requests += 1
    if lease != NONE:
        pool.reserved -= 1
        world.leases[lease].state = leases.LIVE
        leases.refresh(world, lease, event.attempt)
    elif pool.free > 0 and _seat(world, event.source, event.slot).barred != _callback_cycle(world):
        pool.free -= 1
        lease = leases.create(
            world, event.source, s, event.slot, event.program, event.product, event.attempt, leases.LIVE
        )
    else:
        return _deny(world, n, s)
    pool.leased += 1
    ledger.leased(world, event.product, 1)
    if event.attempt <= _seat(world, event.source, event.slot).abandoned:
        leases.haunt(world, lease)
    _grant(world, n, s, lease)
    return False


@jit
def _grant(world, n, s, lease):
    """Answer with a lease, and note whether its client will know that it has it."""
    if _answer(world, n, s, kinds.GRANT, 0):
        world.leases[lease].taken = 1


@jit
def _seat(world, client, slot):
    return world.seats[client * world.config[0].programs + slot]


@jit
def _deny(world, n, s):
    event = world.events[n]
    world.servers[s].denied += 1
    ledger.count(world, _cause(world, event.product, event.source))
    _answer(world, n, s, kinds.DENY, 0)
    if event.flag & WANTS_CALLBACK == 0:
        return False
    pool = world.pools[pool_of(world, s, event.product)]
    event.next = NONE
    if pool.queue_tail == NONE:
        pool.queue_head = n
    else:
        world.events[pool.queue_tail].next = n
    pool.queue_tail = n
    _seat(world, event.source, event.slot).queued = event.attempt
    event.time = world.control[0].now
    world.control[0].callbacks += 1
    return True


@jit
def _cause(world, product, client):
    """Return why a client is denied a license of a product now: a column of the time series.

    Misplaced: one is free on a server that this client could reach; else stranded: free only on one that it
    could not; else ghost: a lease exists whose program no longer runs under it; else exhausted.
    """
    config = world.config[0]
    now = world.control[0].now
    cause = GHOST if world.products[product].ghosts > 0 else EXHAUSTED
    for s in range(config.servers):
        if world.pools[s * config.products + product].free > 0:
            if network.is_reachable(world, s, client, now):
                return MISPLACED
            cause = STRANDED
    return cause


@jit
def _hear(world, n, s, frees):
    """A client is alive: refresh its leases here; free those it does not name, if it names what it holds.

    Of a slot that is named, the newest lease is meant. A lease asked for after this message left is spared.
    """
    event = world.events[n]
    named = np.int64(event.value)
    lease = world.accounts[event.source].leases
    while lease != NONE:
        row = world.leases[lease]
        following = row.next
        if row.server == s and (row.state == leases.LIVE or row.state == leases.GHOST):  # noqa: PLR1714
            if not frees or named & (np.int64(1) << np.int64(row.slot)) or row.attempt > event.attempt:
                leases.refresh(world, lease, row.attempt)
                named &= ~(np.int64(1) << np.int64(row.slot))
            else:
                _free(world, lease)
        lease = following


@jit
def _free(world, lease):
    """A lease ends; its license is free from this instant."""
    row = world.leases[lease]
    s, product = row.server, row.product
    leases.revive(world, lease)  # no longer a ghost
    world.pools[pool_of(world, s, product)].leased -= 1
    ledger.leased(world, product, -1)
    leases.remove(world, lease)
    _license_freed(world, s, product)


@jit
def _reclaim(world, lease):
    """Take a lease away from whoever holds it: nobody (a ghost), a running program, or a user called back."""
    row = world.leases[lease]
    if row.state == leases.GHOST or (row.state == leases.LIVE and row.taken == 0):
        _free(world, lease)
        return
    s, product = row.server, row.product
    pool = world.pools[pool_of(world, s, product)]
    if row.state == leases.RESERVED:
        pool.reserved -= 1
        leases.remove(world, lease)
    else:
        pool.leased -= 1
        ledger.leased(world, product, -1)
        leases.lose(world, lease)
    _license_freed(world, s, product)


# --- callbacks ------------------------------------------------------------------------------------------------


@jit
def _license_freed(world, s, product):
    """A license is free: for the first user who waits for a callback, or else for anyone."""
    pool = world.pools[pool_of(world, s, product)]
    while pool.queue_head != NONE:
        n = pool.queue_head
        event = world.events[n]
        pool.queue_head = event.next
        if pool.queue_head == NONE:
            pool.queue_tail = NONE
        world.control[0].callbacks -= 1
        seat = _seat(world, event.source, event.slot)
        if seat.queued == event.attempt:  # else this user has asked again since
            seat.queued = 0
            is_honored = _call_back(world, n)
            calendar.free(world, n)
            if is_honored:
                return
            break
        calendar.free(world, n)
    pool.free += 1


@jit
def _callback_cycle(world):
    """Return the number, from 1, of the present site server cycle; -1 where callbacks do not depend on it."""
    config = world.config[0]
    return 1 + world.control[0].now // config.callback_cycle if config.callback_cycle > 0 else np.int64(-1)


@jit
def _begin_callback_cycle(world, s):
    """Whoever was denied before now is called back for the licenses that have been free meanwhile."""
    config = world.config[0]
    now = world.control[0].now
    set_timer(world, kinds.CALLBACK_CYCLE, config.clients + s, now + config.callback_cycle, 0, 0, 0)
    if world.spells[network.spell_at(world, s, now)].crashed:
        return
    for product in range(config.products):
        pool = world.pools[pool_of(world, s, product)]
        for _ in range(pool.free):
            if pool.queue_head != NONE:
                pool.free -= 1
                _license_freed(world, s, product)


@jit
def _call_back(world, n):
    """Tell a user that a license is free, and reserve it for the grace time; return whether it is.

    It is not for a user denied in the present site server cycle, who is then denied again (KB Q226823).
    """
    config = world.config[0]
    event = world.events[n]
    s = event.target - config.clients
    is_honored = config.callback_cycle == 0 or event.time // config.callback_cycle + 1 != _callback_cycle(world)
    if not is_honored:
        _seat(world, event.source, event.slot).barred = _callback_cycle(world)
    else:
        world.pools[pool_of(world, s, event.product)].reserved += 1
        leases.create(
            world, event.source, s, event.slot, event.program, event.product, event.attempt, leases.RESERVED
        )
        time = world.control[0].now + config.callback_grace
        agent = event.target
        post(
            world, next_serial(world, agent), kinds.GRACE_END, agent, agent, time, event.slot, event.program,
            event.product, 0, event.source, 0,
        )  # fmt: skip
    _answer(world, n, s, kinds.CALLBACK, 0)
    return is_honored


@jit
def _end_grace(world, s, client, slot, program):
    lease = leases.find(world, client, s, slot, program)
    if lease != NONE and world.leases[lease].state == leases.RESERVED:
        _reclaim(world, lease)


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
        _reclaim(world, server.oldest)


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
    n = server.head
    while n != NONE:
        following = world.events[n].next
        calendar.free(world, n)
        server.dropped += 1
        n = following
    server.head = NONE
    server.tail = NONE
    server.waiting = 0
    if config.durable:
        return
    _forget_callbacks(world, s)
    while server.oldest != NONE:
        _reclaim(world, server.oldest)


@jit
def _forget_callbacks(world, s):
    config = world.config[0]
    if config.shared_pool:
        return  # the queue belongs to the site, not to this server
    for product in range(config.products):
        pool = world.pools[s * config.products + product]
        n = pool.queue_head
        while n != NONE:
            following = world.events[n].next
            calendar.free(world, n)
            world.control[0].callbacks -= 1
            n = following
        pool.queue_head = NONE
        pool.queue_tail = NONE


# --- balancing ------------------------------------------------------------------------------------------------


@jit
def _report(world, s):
    config = world.config[0]
    agent = config.clients + s
    site = config.clients + config.servers
    if not send(world, kinds.REPORT, agent, site, s, 0, 0, 0, 0, s, 0):
        return
    for product in range(config.products):
        pool = world.pools[s * config.products + product]
        pool.reported_allocated = pool.allocated
        pool.reported_leased = pool.leased + pool.reserved
        pool.reported_requests = pool.requests
        pool.requests = 0


@jit
def _take(world, s, product, wanted):
    """Give up free licenses, as many as wanted and there are, unless the site server cannot be told."""
    config = world.config[0]
    pool = world.pools[s * config.products + product]
    taken = min(np.int64(wanted), pool.free)
    site = config.clients + config.servers
    if taken == 0 or not send(world, kinds.TAKEN, config.clients + s, site, s, 0, 0, product, 0, taken, 0):
        return
    row = world.products[product]
    row.in_transit += taken
    if config.keeps_until_ack:
        row.copies += taken
    else:
        _give_up(world, s, product, taken)


@jit
def _give_up(world, s, product, count):
    """Free licenses leave a server's pool."""
    pool = world.pools[s * world.config[0].products + product]
    ledger.settle_imbalance(world, product)
    pool.free -= count
    pool.allocated -= count
    world.products[product].allocated -= count
    ledger.allocation_changed(world, product)


@jit
def _drop(world, s, product, arrived):
    """Licenses that were sent and kept until now have arrived: drop those that were not leased out meanwhile.

    The others are from now on in two pools, which is how licenses became more (KB Q269547).
    """
    dropped = min(np.int64(arrived), world.pools[s * world.config[0].products + product].free)
    world.products[product].copies -= dropped
    _give_up(world, s, product, dropped)


@jit
def _give(world, s, product, given):
    config = world.config[0]
    if config.keeps_until_ack:
        send(
            world, kinds.GIVEN, config.clients + s, config.clients + config.servers, s, 0, 0, product, 0, given, 0
        )
    ledger.settle_imbalance(world, product)
    pool = world.pools[s * config.products + product]
    row = world.products[product]
    row.in_transit -= given
    row.allocated += given
    pool.allocated += given
    for _ in range(given):
        _license_freed(world, s, product)
    ledger.allocation_changed(world, product)
