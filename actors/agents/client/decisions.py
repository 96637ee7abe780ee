"""What a client's policies are asked, and what they may know.

A failover policy is asked at each failure, and, if it has the hooks, before each request and at each good answer;
a selection policy at each change of server, and, if it has a memory, at each grant and denial received; a denial
policy at each denial; a failback policy whenever a new plan is due.
"""

import numpy as np
from meterstorm.policies.denial import ASK_NEXT, Denied
from meterstorm.policies.failback import Place
from meterstorm.policies.failover import BEFORE_REQUEST, DENIED, SERVED, Link
from meterstorm.policies.selection import ANSWERED, LEAVES, Choice

from ...compiled.jit import inlined, jit
from ...compiled.views import vector
from ...queue import told
from ...queue.letters import letter
from ...randomness import distributions, streams
from ...records import journal
from ...state import clients, kinds
from .. import settings
from . import slots


@jit
def decide(world, i, failure, retry_after_s):
    """Ask the failover policy about a failure; return its decision."""
    what = np.int64(world.clients[i].flight)
    return _ask_failover(world, i, what, failure, retry_after_s, _failures(world, i, what))


@jit
def before_request(world, i, j):
    """Ask the failover policy whether a slot's request may be sent; return its decision."""
    return _ask_failover(world, i, j, BEFORE_REQUEST, 0.0, np.int64(slots.slot_of(world, i, j).failures))


@jit
def tell(world, i, is_denial):
    """Tell the failover policy of a good answer to what is in flight."""
    what = np.int64(world.clients[i].flight)
    _ask_failover(world, i, what, DENIED if is_denial else SERVED, 0.0, _failures(world, i, what))


@inlined
def forget(world, i):
    """Have the failover policy remember nothing."""
    for m in range(world.config[0].memory):
        world.memory[i * world.config[0].memory + m] = 0.0


@jit
def _ask_failover(world, i, what, kind, retry_after_s, failures):
    """Ask the failover policy about a slot's request, or a heartbeat."""
    config, own = world.config[0], settings.of_client(world, i)
    client = world.clients[i]
    running = np.int64(0)
    for j in range(config.programs):
        running += slots.is_running(world, i, j)
    client.draws += 1
    u = streams.uniform(streams.draw(world.keys[streams.FAILOVER], config.first + i, client.draws))
    heard = np.int64(world.contacts[i].told - 1 if world.contacts.size > 0 else -1)
    view = Link(
        np.float64(world.control[0].now) * 1e-9,
        np.int64(kind),
        np.float64(retry_after_s),
        np.int64(client.tries_here),
        np.int64(failures),
        np.int64(client.servers_tried),
        np.int64(own.choices),
        running,
        np.int64(what == clients.BEAT),
        np.float64(0 if what == clients.BEAT else world.control[0].now - slots.slot_of(world, i, what).launched)
        * 1e-9,
        np.float64(world.contacts[i].round_trip if world.contacts.size > 0 else 0) * 1e-9,
        number_of(world, client.server, first_choice(world, i)),
        np.int64(world.contacts[i].moves if world.contacts.size > 0 else 0),
        told.waiting_in(heard) if heard >= 0 else np.int64(-1),
        told.free_in(heard) if heard >= 0 else np.int64(-1),
    )
    parameters = vector(world.failover_parameters, own.failover_at, own.failover_size)
    memory = vector(world.memory, i * config.memory, own.memory)
    return world.failover[settings.row_of_client(world, i)](parameters, view, memory, u)


@jit
def _failures(world, i, what):
    """Return the failures in a row of what is in flight: a slot's request, or the heartbeat."""
    if what == clients.BEAT:
        return np.int64(world.clients[i].beat_failures)
    return np.int64(slots.slot_of(world, i, what).flight_failures)


@jit
def select(world, i):
    """Ask the selection policy, which sees servers in order from the client's own site on; return its answer."""
    return _ask_selection(world, i, LEAVES, world.clients[i].server, 0, False)


@jit
def hear(world, i, s, answer):
    """Tell the selection policy of a grant or a denial that has come from server `s`, late or not."""
    if world.clients[i].link != clients.DOWN and settings.of_client(world, i).selection_memory > 0:
        _ask_selection(world, i, ANSWERED, s, answer.value, answer.kind == kinds.DENY)


@inlined
def forget_answers(world, i):
    """Have the selection policy remember nothing."""
    for m in range(world.config[0].selection_memory):
        world.selection_memory[i * world.config[0].selection_memory + m] = 0.0


@jit
def _ask_selection(world, i, kind, server, heard, is_denial):
    """Ask the selection policy for another server than this one, or tell it of an answer of this one."""
    config, own = world.config[0], settings.of_client(world, i)
    first = first_choice(world, i)
    client = world.clients[i]
    agent = config.first + i
    client.draws += 1
    u = streams.uniform(streams.draw(world.keys[streams.SELECTION], agent, client.draws))
    choice = Choice(
        np.int64(agent),
        number_of(world, server, first),
        np.int64(client.home - first),
        np.int64(client.servers_tried),
        np.int64(own.choices),
        np.int64(kind),
        np.float64(world.control[0].now) * 1e-9,
        told.waiting_in(heard),
        np.int64(is_denial),
        told.free_in(heard),
    )
    parameters = vector(world.selection_parameters, own.selection_at, own.selection_size)
    memory = vector(world.selection_memory, i * config.selection_memory, own.selection_memory)
    return world.selection[settings.row_of_client(world, i)](parameters, choice, memory, u)


@jit
def plan(world, i):
    """Ask the failback policy, which sees servers as the selection policy does; return its plan."""
    config, own = world.config[0], settings.of_client(world, i)
    first = first_choice(world, i)
    client, stay = world.clients[i], world.stays[i]
    agent = config.first + i
    stay.draws += 1
    u = streams.uniform(streams.draw(world.keys[streams.FAILBACK], agent, stay.draws))
    place = Place(
        np.float64(world.control[0].now) * 1e-9,
        np.int64(agent),
        number_of(world, client.server, first),
        np.int64(client.home - first),
        np.int64(own.choices),
        np.int64(stay.plans),
    )
    parameters = vector(world.failback_parameters, own.failback_at, own.failback_size)
    return world.failback[settings.row_of_client(world, i)](parameters, place, u)


@jit
def react(world, i, j, ran):
    """Ask the denial policy about the denial of a program, which ran by right or not; return its decision."""
    config, own = world.config[0], settings.of_client(world, i)
    client = world.clients[i]
    row = world.patience[i * config.programs + j]
    _note_denial(world, i, j, ran)
    client.draws += own.draws_pauses
    pause = streams.draw(world.keys[streams.PATIENCE], config.first + i, client.draws)
    u = streams.uniform(streams.draw(world.keys[streams.DENIAL], slots.slot_number(world, i, j), row.draws))
    view = Denied(
        np.float64(world.control[0].now) * 1e-9,
        np.float64(world.control[0].now - row.since) * 1e-9,
        distributions.exponential(pause),
        np.int64(row.tries),
        np.int64(row.servers_asked),
        np.int64(own.choices),
        np.int64(ran),
    )
    parameters = vector(world.denial_parameters, own.denial_at, own.denial_size)
    decision = world.denial[settings.row_of_client(world, i)](parameters, view, u)
    if decision.action != ASK_NEXT:
        row.tries += 1
        row.servers_asked = 0
    return decision


@inlined
def _note_denial(world, i, j, ran):
    """Count a denial: the first one of a wait, or a later one."""
    slot = slots.slot_of(world, i, j)
    row = world.patience[i * world.config[0].programs + j]
    if ran or row.program != slot.program:
        row.since = world.control[0].now
        row.program = slot.program
        row.tries = 1
        row.servers_asked = 0
    row.servers_asked += 1
    row.draws += 1


@inlined
def note(world, i, action, cause, slot, program=0):
    """Note in the journal what a policy has decided after a failure at the client's server, or a denial."""
    client, config = world.clients[i], world.config[0]
    decided = letter(
        action,
        config.first + i,
        config.clients + client.server,
        slot=slot,
        program=program,
        attempt=client.flight_attempt,
        value=cause,
    )
    journal.note(world, journal.DECIDED, decided, world.control[0].now, 0)


@inlined
def first_choice(world, i):
    """Return the first server of the client's own site: to the selection policy, this one is number 0."""
    config = world.config[0]
    if config.sites == 1:  # so that most worlds do not divide
        return np.int64(0)
    return world.clients[i].home // config.members * config.members


@inlined
def number_of(world, server, first):
    """Return the number that a server has for policies, which count from `first` on, and round."""
    number = np.int64(server) - first
    return number if number >= 0 else number + world.config[0].servers
