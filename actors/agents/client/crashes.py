"""A client that crashes: its programs end silently, and it comes back after a while with nothing in memory.

It loses its link and its server (it comes back at its first one), what it waited for, and what its policies
remember. With `release_old = "deferred"` its pending releases are on disk and survive, those of the crash
included. While down it hears nothing. Users may restart their programs some time after it is back.
"""

from ...compiled.jit import inlined, jit
from ...messaging.messages import set_slot_timer, set_timer
from ...queue.durations import whole
from ...randomness import distributions, streams
from ...records import ledger
from ...state import clients, counters, kinds
from ...state.rows import NONE
from .. import roaming, settings
from . import connections, decisions, link, moving, returns, slots


@inlined
def _outage(world, i):
    """Return the row of a client's next crash, or of the present one."""
    return world.outages[world.outages_next[i]]


@jit
def await_next(world, i):
    """Set the timer of a client's next crash, if there is one."""
    if world.outages.size > 0 and world.outages_next[i] < world.outages_end[i]:
        row = _outage(world, i)
        set_timer(world, kinds.CLIENT_CRASH, world.config[0].first + i, row.start, program=row.entry)


@jit
def crash(world, i):
    """End all programs, forget everything, and tell only the observers."""
    config = world.config[0]
    ledger.count(world, counters.CLIENT_CRASHES)
    set_timer(world, kinds.CLIENT_BACK, config.first + i, _outage(world, i).end)  # before what may come just then
    for j in range(config.programs):
        _end(world, i, j)
    _forget(world, i)


@jit
def _end(world, i, j):
    """End what a slot's program does, or its user waits for."""
    slot = slots.slot_of(world, i, j)
    ran = slot.marks & clients.RUNNING != 0 or slot.state == clients.WILL_START
    slots.stop(world, i, j)
    slot.marks &= ~clients.KEPT  # a late grant is not released, either
    returns.disown(world, i, j)
    if slot.lease != NONE:
        returns.leave_behind(world, i, j, kinds.ORPHANED)
    if slot.asked != NONE:
        returns.remember_release(world, i, slot.asked)
        returns.abandon(world, i, j)
    if ran and world.restarts[_outage(world, i).entry].again:
        slots.stop_waiting(world, i, j)
        slots.enter(world, slot, clients.WILL_START)
        _start_again(world, i, j)
    elif slot.state != clients.IDLE:
        slots.idle(world, i, j)


@jit
def _start_again(world, i, j):
    """Have a user start the slot's program again, a while after the client is back."""
    row = world.restarts[_outage(world, i).entry]
    bits = streams.draw(world.keys[streams.RESTART], slots.slot_number(world, i, j), _outage(world, i).number)
    delay = whole(row.delay * distributions.sample(bits, row.distribution, row.cv))
    slot = slots.slot_of(world, i, j)
    set_slot_timer(world, kinds.RELAUNCH, i, j, _outage(world, i).end + delay, slot.program, slot.epoch)


@jit
def _forget(world, i):
    """Forget what is in a client's memory."""
    client = world.clients[i]
    link.void_timer(world, i)
    client.marks &= ~clients.BEAT_DUE
    client.flight = client.resend = clients.NOTHING
    ledger.turn_link(world, client, clients.DOWN)
    client.tries_here = client.servers_tried = client.beat_failures = 0
    client.wants = 0
    if world.config[0].connects:
        connections.close(world, i)
    client.server = client.home
    decisions.forget(world, i)
    decisions.forget_answers(world, i)
    if world.contacts.size > 0:
        contact = world.contacts[i]
        contact.round_trip = contact.moves = contact.permitted = contact.told = 0
    if settings.of_client(world, i).failback:
        world.stays[i].timer += 1


@jit
def handle(world, i, message):
    """Handle a timer of a client that is down; what others send is not heard."""
    if message.kind == kinds.CLIENT_BACK:
        _come_back(world, i)
    elif message.kind == kinds.HEARTBEAT_TICK:
        link.on_heartbeat_tick(world, i, message.program)
    elif message.kind == kinds.OFFER_RELEASES:
        world.clients[i].marks &= ~clients.RELEASE_PENDING
    elif roaming.may_follow(world, message.kind):
        roaming.expect(world, message.source, -1)


@jit
def _come_back(world, i):
    ledger.turn_link(world, world.clients[i], clients.ONLINE)
    world.started[i] = world.clients[i].attempt
    world.outages_next[i] += 1
    await_next(world, i)
    returns.resume_offers(world, i)
    if settings.of_client(world, i).failback:
        moving.settle_in(world, i)


@jit
def put_off_launch(world, i, j):
    """Have a user who would launch a program wait until the client is back."""
    set_slot_timer(world, kinds.LAUNCH, i, j, _outage(world, i).end)
