"""A client's connection to its current server, with `clients.connection = "kept"`.

A request or a heartbeat needs one, and waits until it is there; releases, offers and probes go without. A CONNECT
that is not answered is sent again by the client's network, after 1, 2, 4, ... s (TCP's SYN: RFC 6298), until the
time-out. A crash of the server resets its connections: each client knows from the schedule of faults when it hears
of that, so that a million of them need no message. Nor do keep-alives (`keepalives.py`). A server that frees the
leases of a client that lost its connection is told when the client closes one, as it moves or crashes, and when
the client hears of one that it does not have: the answer came after the time-out (TCP's RST to a late SYN-ACK: RFC
9293, 3.5.2).
"""

from ...compiled.jit import inlined, jit
from ...messaging import network
from ...messaging.messages import next_serial, post, send, set_timer
from ...queue.letters import letter
from ...records import journal, ledger
from ...state import counters, kinds
from ...state.rows import NEVER
from .. import keepalives, settings
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
    connection.is_known = 1
    connection.slot = slot
    connection.program = program
    connection.attempt = world.clients[i].flight_attempt
    ask_again(world, i, 0)


@jit
def ask_again(world, i, repeats):
    """Send the CONNECT in flight, sent `repeats` times before, and once more later if the time-out allows."""
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
        attempt=connection.attempt,
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
    ledger.connected(world, world.clients[i].server, 1)
    _await_crash(world, i, changes)
    if config.keepalive > 0:
        _await_silence(world, i)


@jit
def _await_crash(world, i, changes):
    """Set the timer for when a client hears of its server's first crash after the given number of changes."""
    s = world.clients[i].server
    for n in range(world.spells_from[s] + changes + 1, world.spells_from[s + 1]):
        if world.spells[n].crashed:  # a crash begins: who answers has not crashed
            heard = world.spells[n].start + network.latency(world, s, world.config[0].first + i)
            _set_timer(world, i, kinds.CONNECTION_RESET, max(world.control[0].now, heard))
            return


@jit
def _await_silence(world, i):
    """Set the timer for when too many keep-alives in a row have not been answered."""
    time = keepalives.silent_at(world, world.clients[i].server, world.config[0].first + i, world.control[0].now)
    if time != NEVER:
        _set_timer(world, i, kinds.CONNECTION_SILENT, time)


@jit
def _set_timer(world, i, kind, time):
    set_timer(world, kind, world.config[0].first + i, time, program=world.connections[i].number)


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
    now, server = world.control[0].now, world.clients[i].server
    spell = world.spells[network.spell_at(world, server, now)]
    if keepalives.is_cut_off(world, server, world.config[0].first + i, spell, now):
        _set_timer(world, i, kinds.CONNECTION_RESET, spell.end)
        return False
    return True


@jit
def close(world, i):
    """Drop the connection and any wish for one; tell a server that frees leases on that."""
    connection = world.connections[i]
    server = world.clients[i].server
    if connection.is_open:
        ledger.connected(world, server, -1)
    connection.is_open = 0
    if world.config[0].frees_lost and connection.is_known:
        _tell(world, i, server, connection.attempt)
    connection.is_known = 0


@jit
def decline(world, i, server, attempt):
    """Have a server that has answered too late forget the connection, unless it is the present one."""
    connection = world.connections[i]
    is_present = connection.is_open and connection.attempt == attempt
    if not is_present:  # an attempt is at one server
        _tell(world, i, server, attempt)


@jit
def _tell(world, i, s, attempt):
    """Have a client's host tell the server's host that it has neither this connection nor an earlier one."""
    config = world.config[0]
    agent = config.first + i
    time = keepalives.passes_at(world, s, agent)
    if time == NEVER:
        return
    ledger.count(world, counters.MESSAGES)
    closed = letter(kinds.DISCONNECT, agent, config.clients + s, attempt=attempt)
    serial = next_serial(world, agent)
    journal.note(world, journal.SENT, closed, time, serial)
    post(world, closed, time, serial)
