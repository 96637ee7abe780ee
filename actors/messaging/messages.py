"""How events are created: messages between agents, an agent's timers for itself, notices to the observer.

A message's fate is decided here, when it is sent: loss is a draw, and faults are scheduled.
"""

from ..compiled.jit import inlined, jit
from ..queue import calendar, events
from ..queue.letters import letter
from ..records import journal, ledger
from ..state import counters, kinds
from ..state.rows import NEVER, NONE
from . import network, protocol
from .addresses import is_local, is_within_site, observer


@inlined
def send(world, message, s):
    """Send a message between server `s` and a client or the site server; return whether it will arrive."""
    return transmit(world, message, s) != NEVER


@jit
def transmit(world, message, s):
    """Send a message; return when it will arrive, NEVER if it is lost."""
    ledger.count(world, counters.MESSAGES)
    serial = next_serial(world, message.source)
    peer = message.target if message.source == world.config[0].clients + s else message.source
    sent = world.control[0].now
    arrival = sent + network.latency(world, s, peer) + network.jitter(world, message.source, serial)
    is_lost = network.is_lost(world, message, serial, peer, s, sent, arrival)
    journal.note(world, journal.LOST if is_lost else journal.SENT, message, arrival, serial)
    if is_lost:
        ledger.count(world, counters.MESSAGES_LOST)
        return NEVER
    post(world, message, arrival, serial)
    return arrival


@inlined
def answer(world, n, s, kind, value=0):
    """Answer the client's message in row `n` at server `s`; return when it will arrive, NEVER if it is lost."""
    event = world.events[n]
    message = letter(
        kind,
        world.config[0].clients + s,
        event.source,
        slot=event.slot,
        program=event.program,
        product=event.product,
        attempt=event.attempt,
        value=value,
    )
    return transmit(world, message, s)


@jit
def notify(world, kind, source, s, slot, program, attempt=0):
    """Tell the observer of the site of server `s`, one constant latency from now, what became of a grant."""
    time = world.control[0].now + network.latency(world, s, source)
    target = observer(world, world.servers[s].site)
    notice = letter(kind, source, target, slot=slot, program=program, attempt=attempt, value=s)
    post(world, notice, time, next_serial(world, source))


@jit
def set_timer(world, kind, agent, time, slot=0, program=0, attempt=0):
    """Set a timer of an agent for itself."""
    if time < world.config[0].end:
        timer = letter(kind, agent, agent, slot=slot, program=program, attempt=attempt)
        post(world, timer, time, next_serial(world, agent))


@inlined
def set_slot_timer(world, kind, i, j, time, program=0, epoch=0):
    """Set a timer of slot `j` of client `i` of this shard."""
    config = world.config[0]
    if time < config.end:
        agent = config.first + i
        slot_row = i * config.programs + j
        slot = world.slots[slot_row]
        if slot.timer != kinds.FREE:
            set_timer(world, kind, agent, time, j, program, epoch)
            return
        slot.timer = kind
        slot.timer_time = time
        slot.timer_serial = next_serial(world, agent)
        slot.timer_program = program
        slot.timer_epoch = epoch
        calendar.schedule_timer(world, slot_row)


@inlined
def post(world, message, time, serial):
    """Put an event into this shard's queue, or into the outbox when its target lives elsewhere."""
    if is_local(world, message.target):
        n = events.allocate(world)
        event = world.events[n]
    else:
        n = NONE
        event = world.outbox[world.control[0].outgoing]
        _note_departure(world, message.kind, message.source, message.target, time)
    events.write(event, message, time, serial)
    if n != NONE:
        calendar.schedule(world, n)


@jit
def _note_departure(world, kind, source, target, time):
    """Note a message for another shard, due there at `time`: no answer can be back sooner than a latency later."""
    config = world.config[0]
    control = world.control[0]
    control.outgoing += 1
    if not _may_lead_back(world, kind):
        return
    if is_within_site(world, source, target):
        control.sent_within = min(control.sent_within, time)
        control.horizon = min(control.horizon, time + config.latency)
    else:
        control.sent_across = min(control.sent_across, time)
        control.horizon = min(control.horizon, time + config.wan_latency)


@inlined
def _may_lead_back(world, kind):
    """Whether the arrival of a message may lead to one for this shard: what it frees calls users back."""
    if protocol.may_free(kind):
        return world.config[0].calls_back != 0
    return protocol.may_be_answered(kind)


@inlined
def next_serial(world, agent):
    """Return the next serial number of a local agent's events."""
    config = world.config[0]
    if agent < config.clients:
        client = world.clients[agent - config.first]
        client.serial += 1
        return client.serial
    if agent < config.clients + config.servers:
        server = world.servers[agent - config.clients]
        server.serial += 1
        return server.serial
    site = world.sites[agent - config.clients - config.servers]
    site.serial += 1
    return site.serial
