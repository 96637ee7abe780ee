"""A client's connection to its current server, with `clients.connection = "kept"`.

A request or a heartbeat needs one, and waits until it is there; releases, offers and probes go without. A CONNECT
that is not answered is sent again by the client's network, after 1, 2, 4, ... s (TCP's SYN: RFC 6298), until the
time-out. A crash of the server resets its connections: each client knows from the schedule of faults when it hears
of that, so that a million of them need no message. Nor do keep-alives: when too many in a row will not be answered
is known as the connection is made.
"""

import numpy as np

from ...compiled.jit import inlined, jit
from ...messaging import network
from ...messaging.messages import send, set_timer
from ...queue.letters import letter
from ...records import ledger
from ...state import counters, kinds
from .. import settings
from . import slots

FIRST_WAIT = 1_000_000_000  # ns, until a CONNECT is sent again; it doubles with each time


@inlined
def is_missing(world, i):
    """Whether a client has no connection to its server."""
    return world.connections[i].is_open == 0


@jit
def ask(world, i, slot, program):
    """Ask for a connection, for which a program of a slot (0: a heartbeat) waits."""
    connection = world.connections[i]
    connection.slot = slot
    connection.program = program
    ask_again(world, i, 0)


@jit
def ask_again(world, i, repeats):
    """Send the CONNECT in flight, after so many times before, and later again, if that is before its time-out."""
    config = world.config[0]
    client, connection = world.clients[i], world.connections[i]
    agent = config.first + i
    ledger.count(world, counters.CONNECTS)
    connect = letter(
        kinds.CONNECT,
        agent,
        config.clients + client.server,
        slot=connection.slot,
        program=connection.program,
        attempt=client.flight_attempt,
    )
    send(world, connect, client.server)
    wait = FIRST_WAIT << repeats
    waited = 2 * wait - FIRST_WAIT  # in all, when it is sent again
    if waited < settings.of_client(world, i).request_timeout:
        time = world.control[0].now + wait
        set_timer(world, kinds.CONNECT_AGAIN, agent, time, program=repeats + 1, attempt=client.timer)


@jit
def is_asked_for(world, i, j):
    """Whether the slot's program is the one for which a connection was last asked for."""
    if world.config[0].connects == 0:
        return False
    connection = world.connections[i]
    return connection.slot == j and connection.program == slots.slot_of(world, i, j).program


@jit
def make(world, i, changes):
    """Open the connection to a server that answered when what is wrong with it had changed so often."""
    config = world.config[0]
    connection = world.connections[i]
    connection.is_open = 1
    connection.number += 1
    world.control[0].connected += 1
    _await_crash(world, i, changes)
    if config.keepalive > 0:
        _await_silence(world, i)


@jit
def _await_crash(world, i, changes):
    """Set the timer for when a client hears of the first crash of its server after so many changes."""
    s = world.clients[i].server
    for n in range(world.spells_from[s] + changes + 1, world.spells_from[s + 1]):
        if world.spells[n].crashed:  # a crash begins: who answers has not crashed
            heard = world.spells[n].start + network.latency(world, s, world.config[0].first + i)
            _set_timer(world, i, kinds.CONNECTION_RESET, max(world.control[0].now, heard))
            return


@jit
def _await_silence(world, i):
    """Set the timer for when so many keep-alives in a row have not been answered, and the next one is due.

    One is due every `keepalive` ns from now on, and answered unless the client is cut off then.
    """
    config = world.config[0]
    s, now, every = world.clients[i].server, world.control[0].now, config.keepalive
    missed = np.int64(0)
    for n in range(network.spell_at(world, s, now), world.spells_from[s + 1]):
        spell = world.spells[n]
        first = max(np.int64(1), (spell.start - now + every - 1) // every)  # number of the first one in this spell
        due = (min(np.int64(spell.end), config.end) - 1 - now) // every - first + 1
        if due <= 0:
            continue
        if not _is_cut_off(world, i, spell, spell.start):
            missed = np.int64(0)
        elif missed + due < config.keepalive_misses:
            missed += due
        else:
            _set_timer(world, i, kinds.CONNECTION_SILENT, now + (first + config.keepalive_misses - missed) * every)
            return


@jit
def _set_timer(world, i, kind, time):
    set_timer(world, kind, world.config[0].first + i, time, program=world.connections[i].number)


@inlined
def _is_cut_off(world, i, spell, time):
    """Whether nothing passes between a client and its server, whose spell it is at that time."""
    if spell.unreachable:
        return True
    return spell.cut != 0 and network.is_cut(world, world.clients[i].server, world.config[0].first + i, time)


@inlined
def is_open(world, i, number):
    """Whether the connection of this number is the present one."""
    connection = world.connections[i]
    return connection.is_open != 0 and connection.number == number


@jit
def is_reset(world, i, number):
    """Whether a client hears now that its connection of this number is lost; if it is cut off, it will then."""
    if not is_open(world, i, number):
        return False
    now = world.control[0].now
    spell = world.spells[network.spell_at(world, world.clients[i].server, now)]
    if _is_cut_off(world, i, spell, now):
        _set_timer(world, i, kinds.CONNECTION_RESET, spell.end)
        return False
    return True


@jit
def close(world, i):
    """Have no connection any more; nobody is told."""
    world.control[0].connected -= world.connections[i].is_open
    world.connections[i].is_open = 0
