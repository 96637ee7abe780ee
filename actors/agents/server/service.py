"""A metering server's one worker and its queue.

Every message from a client waits its turn, in order of arrival unless the admission policy puts the newest first,
and takes its service time; the answer leaves when service ends. The server works on everything that reached it,
even for clients that have given up.
"""

import math

import numpy as np
from meterstorm.policies.admission import ARRIVED, DEQUEUED, Arrival, refuse

from ...compiled.jit import inlined, jit
from ...compiled.views import vector
from ...messaging import network
from ...messaging.addresses import pool_of
from ...messaging.messages import answer
from ...queue import calendar, durations, events
from ...randomness import distributions, streams
from ...records import ledger
from ...state import kinds
from ...state.events import HAS_LEASE, IN_SERVICE
from ...state.rows import NEVER, NONE, SECOND
from ...state.status import BAD_VERDICT
from .. import roaming, settings
from . import connections, granting, leases
from .accounts import account_of

DEQUEUES = np.int64(1) << 40  # above all numbers of attempts: of the draws for requests whose service would begin
_SHOWN_MAX_S = 1e9  # what a message names of a policy's nonsense


@inlined
def handle(world, n, s):
    """Handle a client's message: its arrival, or the end of its service."""
    event = world.events[n]
    if event.flag & IN_SERVICE:
        server = world.servers[s]
        server.serving = NONE
        server.busy_area += ledger.instant(world)
        _carry_out(world, n, s)
        if not network.is_stalled(world, s):
            _work(world, next_in_queue(world, s), s)
    else:
        _arrive(world, n, s)


@inlined
def _arrive(world, n, s):
    event = world.events[n]
    server = world.servers[s]
    _note_arrival(world, s)
    if world.spells[network.spell_at(world, s, world.control[0].now)].refusing:
        server.refused += 1
        _turn_away(world, n, s, kinds.REFUSED, 0)
        return
    if event.kind == kinds.CONNECT and not connections.admit(world, n, s):
        return
    if event.kind == kinds.RELEASE:
        _begin_release(world, n, s)
    elif event.kind != kinds.KEPT_RELEASE:
        _hear_from(world, event.source, s)
    if event.kind == kinds.REQUEST and world.config[0].overloads and not network.is_stalled(world, s):
        verdict = _admission(world, n, s)
        if verdict.admitted == 0:
            _refuse(world, n, s, verdict.retry_after_s)
            return
    if server.serving != NONE or _must_wait(world, s):
        _enqueue(world, n, s)
    else:
        _work(world, n, s)


@inlined
def _must_wait(world, s):
    """Whether a message must wait although none is in service: its server stalls, or has just come to."""
    return network.is_stalled(world, s) or (world.config[0].stalls == 1 and world.servers[s].head != NONE)


@jit
def resume(world, s):
    """Take up work when a stall ends."""
    if world.servers[s].serving == NONE and not network.is_stalled(world, s):
        _work(world, next_in_queue(world, s), s)


@inlined
def _begin_release(world, n, s):
    """Mark the lease that a RELEASE gives back as a ghost while the message waits.

    Its program has ended, but its license is free only when the message has been served: a request that is denied
    meanwhile is denied because of a ghost.
    """
    lease = granting.given_back(world, n, s)
    if lease != NONE:
        leases.mark_ghost(world, lease)


@inlined
def _hear_from(world, client, s):
    """Note at which server of its site a client was heard last: that is where its demand is."""
    account = account_of(world, s, client)
    if world.accounts[account].heard_at != s:
        ledger.client_moved(world, account, s)


@inlined
def _enqueue(world, n, s):
    server = world.servers[s]
    kind = world.events[n].kind
    config, now = world.config[0], world.control[0].now
    events.chain(world, n).next = NONE
    if server.tail == NONE:
        if config.lifo:
            server.standing = now
        server.head = server.tail = n
    elif config.lifo and now - server.standing >= config.lifo_after:
        events.chain(world, n).next = server.head
        server.head = n
    else:
        events.chain(world, server.tail).next = n
        server.tail = n
    world.control[0].at_once += _may_go_at_once(world, kind)
    if kind == kinds.REQUEST:
        server.waiting += 1
        server.queue_max = max(server.queue_max, server.waiting)
    elif kind == kinds.CONNECT:
        server.connecting += 1


@jit
def _refuse(world, n, s, retry_after_s):
    """Answer OVERLOADED, with when to come back (durations.to_value); the engine stops where that is no time."""
    if retry_after_s >= 0.0:
        _turn_away(world, n, s, kinds.OVERLOADED, durations.to_value(retry_after_s))
        return
    control = world.control[0]
    control.status = BAD_VERDICT
    control.agent = world.config[0].clients + s
    negative = retry_after_s < 0.0
    control.value = math.floor(max(retry_after_s, -_SHOWN_MAX_S)) if negative else 0


@jit
def _turn_away(world, n, s, kind, value):
    if answer(world, n, s, kind, value) != NEVER:
        roaming.expect(world, world.events[n].source, 1)
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
    return _ask(world, n, s, ARRIVED, np.int64(event.attempt))


@jit
def _ask(world, n, s, kind, index):
    """Ask the admission policy about a request, with a random number of this index."""
    event, server, config = world.events[n], world.servers[s], world.config[0]
    arrival = Arrival(
        np.float64(world.control[0].now) * 1e-9,
        np.int64(server.waiting),
        np.int64(server.serving != NONE),
        np.int64(world.pools[pool_of(world, s, event.product)].free),
        np.int64(kind),
        np.float64(world.control[0].now - event.time) * 1e-9,
        config.service * 1e-9,
        np.int64(event.flag & HAS_LEASE != 0),
        np.float64(world.control[0].now - server.up_from) * 1e-9 if server.up_from > 0 else math.inf,
    )
    u = streams.uniform(streams.draw(world.keys[streams.ADMISSION], event.source, index))
    parameters = vector(world.admission_parameters, 0, world.admission_parameters.size)
    memory = vector(world.admission_memory, s * config.server_memory, config.server_memory)
    return world.admission[0](parameters, arrival, memory, u)


@jit
def _is_dropped(world, n, s):
    """Ask the admission policy about a request whose service would begin; if it may not, refuse it."""
    verdict = _ask(world, n, s, DEQUEUED, np.int64(world.events[n].attempt) + DEQUEUES)
    if verdict.admitted == 0:
        _refuse(world, n, s, verdict.retry_after_s)
    return verdict.admitted == 0


@jit
def forget(world, s):
    """Have the admission policy remember nothing of a server."""
    size = world.config[0].server_memory
    for m in range(s * size, (s + 1) * size):
        world.admission_memory[m] = 0.0


@inlined
def _work(world, n, s):
    """Serve message `n` and, while services take no time, those that wait behind it."""
    server = world.servers[s]
    control = world.control[0]
    while n != NONE:
        event = world.events[n]
        if event.kind == kinds.REQUEST:
            if world.config[0].drops and _is_dropped(world, n, s):
                n = next_in_queue(world, s)
                continue
            ledger.queued(world, control.now - event.time)
        duration = _service_time(world, s, event.kind)
        if duration > 0:
            server.serving = n
            server.busy_area -= ledger.instant(world)
            event.flag |= IN_SERVICE
            event.time = _end_of_work(world, s, duration)
            calendar.schedule(world, n)
            return
        _carry_out(world, n, s)
        n = next_in_queue(world, s)


@inlined
def _end_of_work(world, s, duration):
    """Return when a service that begins now ends: a server that stalls does nothing, and then goes on."""
    time = world.control[0].now
    if world.config[0].stalls == 0:
        return time + duration
    k = network.spell_at(world, s, time)
    while world.spells[k].stalled or time + duration > world.spells[k].end:
        until = world.spells[k].end
        duration -= 0 if world.spells[k].stalled else until - time
        time = until
        k += 1
    return time + duration


@inlined
def next_in_queue(world, s):
    """Take the first message that waits; return its row, or NONE."""
    server = world.servers[s]
    n = server.head
    if n != NONE:
        ledger.count_for(world, world.events[n].source)
        server.head = events.chain(world, n).next
        if server.head == NONE:
            server.tail = NONE
        world.control[0].at_once -= _may_go_at_once(world, world.events[n].kind)
        if world.events[n].kind == kinds.REQUEST:
            server.waiting -= 1
        elif world.events[n].kind == kinds.CONNECT:
            server.connecting -= 1
    return n


@inlined
def _mean_service_time(world, kind):
    """Return the mean time, ns, that a message of a kind takes where nothing is slow."""
    config = world.config[0]
    if kind == kinds.REQUEST:
        return config.service
    if kind == kinds.CONNECT:
        return config.service * config.connect_cost
    is_small_talk = kind == kinds.HEARTBEAT or kind == kinds.PROBE
    return config.service * (config.heartbeat_cost if is_small_talk else config.release_cost)


@inlined
def _takes_no_time(world, kind):
    """Whether a message of a kind that waits is served at the instant of the one before it."""
    return _mean_service_time(world, kind) == 0.0


@inlined
def _may_go_at_once(world, kind):
    """Whether a message of a kind that waits may leave at the instant of the one before it, be it dropped."""
    return _takes_no_time(world, kind) or (kind == kinds.REQUEST and world.config[0].drops == 1)


@inlined
def _service_time(world, s, kind):
    """Return how long a service takes, ns: 0 for what takes no time, else at least 1, whatever a fault does."""
    if _takes_no_time(world, kind):
        return np.int64(0)
    config = world.config[0]
    mean = _mean_service_time(world, kind)
    mean *= world.spells[network.spell_at(world, s, world.control[0].now)].slow
    if config.service_exponential:
        server = world.servers[s]
        server.served += 1
        mean *= distributions.exponential(streams.draw(world.keys[streams.SERVICE], s, server.served))
    return max(np.int64(1), durations.whole(mean))  # one event answers no more than those that take no time


@inlined
def _carry_out(world, n, s):
    """Do what a message asks, and free its event unless the message goes on to wait for a callback."""
    kind = world.events[n].kind
    if kind == kinds.REQUEST:
        client = world.events[n].source
        awaits_callback = granting.decide(world, n, s)
        if world.config[0].frees_lost:
            connections.check(world, s, client)
        if awaits_callback:
            return
    elif kind == kinds.RELEASE:
        lease = granting.given_back(world, n, s)
        if lease != NONE:
            granting.free(world, lease)
    elif kind == kinds.PROBE:
        answer(world, n, s, kinds.PROBE_ACK)
    elif kind != kinds.CONNECT:  # its host has answered that
        own = settings.of_agent(world, world.events[n].source)
        frees = kind == kinds.KEPT_RELEASE or own.names_leases == 1
        unknown = granting.on_heartbeat(world, n, s, frees)
        if kind == kinds.KEPT_RELEASE:
            answer(world, n, s, kinds.KEPT_ACK)
        else:
            answer(world, n, s, kinds.ACK, unknown if own.on_lost_lease else 0)
    events.free(world, n)
