"""How events come to be: messages between agents, timers of an agent for itself, notices to the observer."""

import numpy as np

from . import calendar, events, journal, kinds, ledger, network
from .jit import inlined, jit
from .world import MESSAGES, MESSAGES_LOST, NONE, WAIT_FOR_CALLBACK


@inlined
def is_local(world, agent):
    """Whether an agent lives in this shard."""
    config = world.config[0]
    if agent < config.clients:
        return config.first <= agent < config.first + config.local
    if config.hosts_all:
        return True
    if agent < config.clients + config.servers:
        return config.first_server <= agent - config.clients < config.first_server + config.local_servers
    k = site_of(world, agent)
    return config.local_sites > 0 and config.first_site <= k < config.end_site


@inlined
def site_of(world, agent):
    """Return the site of a server, a site server or an observer."""
    config = world.config[0]
    n = agent - config.clients
    if n < config.servers:
        return np.int64(world.servers[n].site)
    n -= config.servers
    return n if n < config.sites else n - config.sites


@inlined
def site_server(world, site):
    """Return the agent that is a site's site server."""
    return world.config[0].clients + world.config[0].servers + site


@inlined
def _is_within_site(world, source, target):
    """Whether an agent of another shard is of the same site."""
    config = world.config[0]
    client = min(source, target)
    if client >= config.clients + config.servers:  # between site servers
        return False
    return network.is_near(world, config.members * site_of(world, max(source, target)), client)


@jit
def _leave(world, kind, source, target, time):
    """A message for another shard arrives there at `time`; no answer can be here sooner than one latency later."""
    config = world.config[0]
    control = world.control[0]
    control.outgoing += 1
    if not _may_lead_back(world, kind):
        return
    if _is_within_site(world, source, target):
        control.sent_near = min(control.sent_near, time)
        control.horizon = min(control.horizon, time + config.latency)
    else:
        control.sent_far = min(control.sent_far, time)
        control.horizon = min(control.horizon, time + config.wan_latency)


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


@inlined
def post(world, serial, kind, source, target, time, slot, program, product, attempt, value, flag):
    """Put an event into this shard's calendar, or into the outbox when its target lives elsewhere."""
    if is_local(world, target):
        n = events.allocate(world)
        event = world.events[n]
    else:
        n = NONE
        event = world.outbox[world.control[0].outgoing]
        _leave(world, kind, source, target, time)
    events.write(event, serial, kind, source, target, time, slot, program, product, attempt, value, flag)
    if n != NONE:
        calendar.schedule(world, n)


@inlined
def _may_lead_back(world, kind):
    """Whether the arrival of an event may lead to a message for another shard: what it frees calls users back."""
    if kind == kinds.RELEASE:
        return world.config[0].on_denial == WAIT_FOR_CALLBACK
    return kind != kinds.NOTICE and kind != kinds.NOT_TAKEN  # noqa: PLR1714


@jit
def set_timer(world, kind, agent, time, slot, program, attempt):
    """Set a timer of an agent for itself."""
    if time < world.config[0].end:
        post(world, next_serial(world, agent), kind, agent, agent, time, slot, program, 0, attempt, 0, 0)


@inlined
def set_slot_timer(world, kind, i, j, time, program, attempt):
    """Set a timer of slot `j` of client `i` of this shard."""
    config = world.config[0]
    if time < config.end:
        agent = config.first + i
        place = i * config.programs + j
        slot = world.slots[place]
        if slot.timer != kinds.FREE:
            set_timer(world, kind, agent, time, j, program, attempt)
            return
        slot.timer = kind
        slot.timer_time = time
        slot.timer_serial = next_serial(world, agent)
        slot.timer_program = program
        slot.timer_epoch = attempt
        calendar.schedule_timer(world, place)


@jit
def send(world, kind, source, target, server, slot, program, product, attempt, value, flag):
    """Send a message between `server` and a client or the site server; return whether it will arrive.

    A message's fate is known when it leaves: loss is a draw, and faults are scheduled.
    """
    ledger.count(world, MESSAGES)
    serial = next_serial(world, source)
    sent = world.control[0].now
    peer = target if source == world.config[0].clients + server else source
    arrival = sent + network.latency(world, server, peer) + network.jitter(world, source, serial)
    is_lost = network.is_lost(world, kind, source, serial, peer, server, sent, arrival)
    what = journal.LOST if is_lost else journal.SENT
    journal.note(world, what, kind, arrival, serial, source, target, slot, program, product, attempt, value, flag)
    if is_lost:
        ledger.count(world, MESSAGES_LOST)
        return False
    post(world, serial, kind, source, target, arrival, slot, program, product, attempt, value, flag)
    return True


@jit
def notify(world, kind, source, slot, program, server, attempt):
    """Tell the observer of a server's site, one constant latency from now, what became of a grant."""
    config = world.config[0]
    time = world.control[0].now + network.latency(world, server, source)
    observer = site_server(world, world.servers[server].site) + config.sites
    serial = next_serial(world, source)
    post(world, serial, kind, source, observer, time, slot, program, 0, attempt, server, 0)


@inlined
def answer(world, n, s, kind, value):
    """Answer the client's message of event `n` at server `s`; return whether the answer will arrive."""
    event = world.events[n]
    server = world.config[0].clients + s
    return send(
        world, kind, server, event.source, s, event.slot, event.program, event.product, event.attempt, value, 0
    )
