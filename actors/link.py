"""A client's link to its server: asking, waiting for answers, and what the failover policy makes of failures.

One attempt or heartbeat is in flight at a time. What else waits takes its turn: running programs that must be
requested again first, then the others, each in order of launch; then the heartbeat.
"""

import math

import numpy as np

from ..policies.failover import FAIL_OVER, GO_OFFLINE, OVERLOADED, REFUSED, RETRY, TIMED_OUT, Link
from ..policies.failover import GIVE_UP as GIVE_UP_REQUEST
from ..policies.selection import Choice
from . import client as users
from . import deadlines, holding, journal, kinds, ledger, roaming, streams
from .jit import inlined, jit
from .messages import send, set_timer
from .status import BAD_DECISION, BAD_DELAY, BAD_SELECTION
from .tables import vector
from .world import (
    ATTEMPTS,
    BEAT,
    BEAT_DUE,
    COME_BACK,
    FAILOVERS,
    MOVE,
    NONE,
    NOTHING,
    OFFLINE_SPELLS,
    OVERLOADS,
    REACHED,
    REFUSALS,
    RESUME,
    RETRIES,
    TIMEOUTS,
    WAIT_FOR_CALLBACK,
)

# Link states. RETRYING: waiting to try the same server again, or trying; SEARCHING: others; OFFLINE: no server.
ONLINE, RETRYING, SEARCHING, OFFLINE = range(4)

# A longer delay is as good as for ever, and would not fit into 64 bits of nanoseconds.
LONGEST_DELAY_S = 1e9


# --- asking ---------------------------------------------------------------------------------------------------


@inlined
def proceed(world, i):
    """Send what is next in turn, if nothing is in flight and the client is not pausing."""
    client = world.clients[i]
    if client.flight != NOTHING:
        return
    beats = client.marks & BEAT_DUE and _holds_lease(world, i)
    if beats and (client.resend == BEAT or client.wants == 0):
        _send_heartbeat(world, i)
    elif client.wants != 0:
        _send_request(world, i, _next_in_turn(world, i))
    else:
        client.link = ONLINE
        client.marks &= ~BEAT_DUE  # the last lease ended while it was due
        client.resend = NOTHING


@inlined
def _next_in_turn(world, i):
    client = world.clients[i]
    wants = client.wants
    if client.resend >= 0 and _still_asks(world, i, client.resend):
        return np.int64(client.resend)
    best = NONE
    for j in range(world.config[0].programs):
        if wants & users.bit(j) and (best == NONE or _comes_before(world, i, j, best)):
            best = j
    return best


@jit
def _comes_before(world, i, a, b):
    first = users.slot_of(world, i, a)
    second = users.slot_of(world, i, b)
    if (first.state == users.METERED) != (second.state == users.METERED):
        return first.state == users.METERED
    return first.launched < second.launched


@inlined
def _send_request(world, i, j):
    config = world.config[0]
    client = world.clients[i]
    slot = users.slot_of(world, i, j)
    ledger.count(world, ATTEMPTS)
    if slot.asked == client.server:  # asked here before, without an answer
        ledger.count(world, RETRIES)
    else:
        slot.asked = client.server
        slot.marks &= ~REACHED
    _begin_flight(world, i, j)
    call_back = 1 if config.on_denial == WAIT_FOR_CALLBACK else 0
    if send(
        world, kinds.REQUEST, config.first + i, config.clients + client.server, client.server, j,
        slot.program, slot.product, client.attempt, 0, call_back,
    ):  # fmt: skip
        slot.marks |= REACHED


@jit
def _send_heartbeat(world, i):
    config = world.config[0]
    client = world.clients[i]
    _begin_flight(world, i, BEAT)
    send(
        world, kinds.HEARTBEAT, config.first + i, config.clients + client.server, client.server, 0, 0, 0,
        client.attempt, holding.held_at(world, i, client.server), 0,
    )  # fmt: skip


@inlined
def _begin_flight(world, i, what):
    client = world.clients[i]
    client.flight = what
    client.resend = NOTHING
    client.attempt += 1
    client.flight_attempt = client.attempt
    _void_timer(world, i)
    deadlines.add(world, i)


@inlined
def _void_timer(world, i):
    """Whatever timer was set for the link, it means nothing any more."""
    world.clients[i].timer += 1
    deadlines.strike(world, i)


@jit
def on_heartbeat_tick(world, i):
    """A client that holds a lease tells its server that it lives."""
    config = world.config[0]
    client = world.clients[i]
    time = world.control[0].now + config.heartbeat
    set_timer(world, kinds.HEARTBEAT_TICK, config.first + i, time, 0, 0, 0)
    if client.link != OFFLINE and _holds_lease(world, i):
        client.marks |= BEAT_DUE
        proceed(world, i)


@jit
def _holds_lease(world, i):
    for j in range(world.config[0].programs):  # noqa: SIM110 - numba has no any()
        if users.slot_of(world, i, j).lease != NONE:
            return True
    return False


# --- answers --------------------------------------------------------------------------------------------------


@inlined
def is_awaited(world, i, attempt):
    """Whether an answer is the one to what is in flight."""
    client = world.clients[i]
    return (client.flight >= 0 or client.flight == BEAT) and attempt == client.flight_attempt


@inlined
def on_good_answer(world, i):
    """The server serves: whatever failed before is forgotten."""
    client = world.clients[i]
    _void_timer(world, i)
    client.flight = NOTHING
    client.link = ONLINE
    client.tries_here = 0
    client.servers_tried = 0
    for m in range(world.config[0].memory):
        world.memory[i * world.config[0].memory + m] = 0.0


@jit
def on_failure_answer(world, i, kind, value):
    """The server answers that it does not serve."""
    _void_timer(world, i)
    if kind == kinds.REFUSED:
        _fail(world, i, REFUSED, 0.0)
    else:
        _fail(world, i, OVERLOADED, value * 0.001)


@jit
def on_timer(world, i):
    """No answer came in time, or a pause is over."""
    if world.clients[i].flight <= RESUME:
        _resume(world, i)
    else:
        _fail(world, i, TIMED_OUT, 0.0)


# --- failures -------------------------------------------------------------------------------------------------


@jit
def _fail(world, i, failure, retry_after_s):
    """What was in flight has failed: do as the failover policy says."""
    client = world.clients[i]
    if failure == TIMED_OUT:
        ledger.count(world, TIMEOUTS)
    elif failure == REFUSED:
        ledger.count(world, REFUSALS)
    else:
        ledger.count(world, OVERLOADS)
    client.tries_here += 1
    _count_failure(world, i)
    if failure != OVERLOADED and client.tries_here == 1:
        holding.owe(world, i, client.server)  # releases sent of late may not have arrived
    decision = _decide(world, i, failure, retry_after_s)
    if not RETRY <= decision.action <= GIVE_UP_REQUEST:
        _complain(world, i, BAD_DECISION, decision.action)
        return
    if not decision.delay_s >= 0.0:
        negative = decision.delay_s < 0.0
        _complain(world, i, BAD_DELAY, math.floor(max(decision.delay_s, -LONGEST_DELAY_S)) if negative else 0)
        return
    journal.note(
        world, journal.DECIDED, decision.action, world.control[0].now, 0, world.config[0].first + i,
        world.config[0].clients + client.server, client.flight, 0, 0, client.flight_attempt, failure, 0,
    )  # fmt: skip
    delay = np.int64(min(decision.delay_s, LONGEST_DELAY_S) * 1e9 + 0.5)
    if decision.action == RETRY:
        client.link = RETRYING
        client.resend = client.flight
        _pause(world, i, RESUME, delay)
    elif decision.action == FAIL_OVER:
        client.link = SEARCHING
        roaming.depart(world, i)
        _pause(world, i, MOVE, delay)
    elif decision.action == GO_OFFLINE:
        _go_offline(world, i)
        _pause(world, i, COME_BACK, max(np.int64(1), delay))
    else:
        _give_up(world, i)


@jit
def _count_failure(world, i):
    client = world.clients[i]
    if client.flight == BEAT:
        client.beat_failures += 1
    elif _still_asks(world, i, client.flight):
        users.slot_of(world, i, client.flight).failures += 1


@jit
def _still_asks(world, i, j):
    """Whether the slot's program is still the one that asked; it may have ended, and another been launched."""
    return world.clients[i].wants & users.bit(j) != 0 and users.slot_of(world, i, j).asked != NONE


@jit
def _failures(world, i):
    """Return the failures in a row of the request, or of the heartbeat, in flight."""
    client = world.clients[i]
    if client.flight == BEAT:
        return np.int64(client.beat_failures)
    return max(np.int64(1), np.int64(users.slot_of(world, i, client.flight).failures))


@jit
def _decide(world, i, failure, retry_after_s):
    config = world.config[0]
    client = world.clients[i]
    running = np.int64(0)
    for j in range(config.programs):
        running += users.is_running(world, i, j)
    client.draws += 1
    u = streams.uniform(streams.draw(world.keys[streams.FAILOVER], config.first + i, client.draws))
    link = Link(
        np.float64(world.control[0].now) * 1e-9,
        np.int64(failure),
        np.float64(retry_after_s),
        np.int64(client.tries_here),
        _failures(world, i),
        np.int64(client.servers_tried),
        np.int64(config.choices),
        running,
    )
    parameters = vector(world.failover_parameters, 0, world.failover_parameters.size)
    memory = vector(world.memory, i * config.memory, config.memory)
    return world.failover(parameters, link, memory, u)


@jit
def _complain(world, i, status, value):
    control = world.control[0]
    control.status = status
    control.culprit = world.config[0].first + i
    control.value = value


@jit
def _pause(world, i, then, delay):
    """Ask nobody for `delay` ns, then go on; at once when it is 0."""
    client = world.clients[i]
    client.flight = then
    _void_timer(world, i)
    if delay > 0:
        time = world.control[0].now + delay
        set_timer(world, kinds.LINK_TIMER, world.config[0].first + i, time, 0, 0, client.timer)
    else:
        _resume(world, i)


@jit
def _resume(world, i):
    client = world.clients[i]
    then = client.flight
    client.flight = NOTHING
    if then == MOVE:
        _move(world, i)
    elif then == COME_BACK:
        _come_back(world, i)
    proceed(world, i)


@jit
def _move(world, i):
    """Fail over to the server that the selection policy names; nothing is sent to the old one."""
    config = world.config[0]
    client = world.clients[i]
    named = _select(world, i)
    if not 0 <= named < config.choices:
        _complain(world, i, BAD_SELECTION, named)
        return
    server = (_first_choice(world, i) + named) % config.servers
    client.servers_tried += 1
    client.marks &= ~BEAT_DUE
    client.beat_failures = 0
    if server == client.server:
        return
    ledger.count(world, FAILOVERS)
    agent = config.first + i
    journal.note(
        world, journal.MOVED, 0, world.control[0].now, 0, agent, config.clients + server, 0, 0, 0, 0, 0, 0
    )
    client.server = server
    client.tries_here = 0
    for j in range(config.programs):
        _move_slot(world, i, j)


@inlined
def _first_choice(world, i):
    """Return the first server of the client's own site: to the selection policy, this one is number 0."""
    config = world.config[0]
    return world.clients[i].home // config.members * config.members


@jit
def _select(world, i):
    """Ask the selection policy, which sees servers in order from the client's own site on; return its answer."""
    config = world.config[0]
    first = _first_choice(world, i)
    client = world.clients[i]
    agent = config.first + i
    client.draws += 1
    u = streams.uniform(streams.draw(world.keys[streams.SELECTION], agent, client.draws))
    choice = Choice(
        np.int64(agent),
        np.int64((client.server - first) % config.servers),
        np.int64(world.clients[i].home - first),
        np.int64(client.servers_tried),
        np.int64(config.choices),
    )
    parameters = vector(world.selection_parameters, 0, world.selection_parameters.size)
    return world.selection(parameters, choice, u)


@jit
def _move_slot(world, i, j):
    """The client has a new server: ask there for what runs under a lease elsewhere, and for what waits."""
    client = world.clients[i]
    slot = users.slot_of(world, i, j)
    holding.abandon(world, i, j)
    if slot.state == users.METERED:
        client.wants &= ~users.bit(j)
        if slot.lease != client.server and world.config[0].rerequest:
            client.wants |= users.bit(j)
    elif slot.state == users.CALLED:
        users.await_answer(world, i, j)


@jit
def _go_offline(world, i):
    """Ask no server: what waits for an answer does without, what runs runs on."""
    client = world.clients[i]
    ledger.count(world, OFFLINE_SPELLS)
    client.link = OFFLINE
    client.marks &= ~BEAT_DUE
    client.beat_failures = 0
    client.wants = 0
    for j in range(world.config[0].programs):
        holding.abandon(world, i, j)
        if users.slot_of(world, i, j).state == users.WAITING:
            users.do_without_server(world, i, j)


@jit
def _come_back(world, i):
    """After a spell offline, whatever runs is requested (again), and so is what waits for a callback."""
    client = world.clients[i]
    client.link = RETRYING
    for j in range(world.config[0].programs):
        slot = users.slot_of(world, i, j)
        if slot.state == users.CALLED:
            users.await_answer(world, i, j)
        elif users.is_running(world, i, j):
            slot.failures = 0
            client.wants |= users.bit(j)


@jit
def _give_up(world, i):
    """End the request in flight without a license; a program that already runs by right runs on."""
    client = world.clients[i]
    j = client.flight
    client.flight = NOTHING
    client.link = ONLINE
    if j == BEAT:
        client.marks &= ~BEAT_DUE
        client.beat_failures = 0
    elif _still_asks(world, i, j):
        client.wants &= ~users.bit(j)
        users.slot_of(world, i, j).failures = 0
        holding.abandon(world, i, j)
        if users.slot_of(world, i, j).state == users.WAITING:
            users.end_unlicensed(world, i, j)
    proceed(world, i)
