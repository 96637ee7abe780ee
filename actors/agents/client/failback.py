"""How a client moves without a failure: to the server it prefers, or to one that the selection policy names.

A probe is not an attempt: its answer says nothing about the current server. An offline client asks no server and
does not move.
"""

from meterstorm.policies.failback import ASK_FIRST, CHOOSE, MOVE, PROBE, WHEN_ASKED

from ...compiled.jit import inlined, jit
from ...messaging.messages import send
from ...queue.letters import letter
from ...records import ledger
from ...state import clients, counters, kinds
from ...state.rows import NONE
from .. import roaming
from . import link, moving


@jit
def handle(world, i, message):
    """Handle a plan that is due, the answer to a probe, or what a server asks of its own accord."""
    if message.kind == kinds.PLAN_DUE:
        if message.program == world.stays[i].timer:
            _carry_out(world, i, world.stays[i].action)
    elif message.kind == kinds.PROBE_ACK:
        if message.attempt > world.stays[i].since and _may_go_home(world, i):
            _move(world, i, world.clients[i].home)
    elif message.kind == kinds.MOVE_ON and world.stays[i].action == WHEN_ASKED and _may_go_home(world, i):
        _probe(world, i)


@jit
def ask_first(world, i):
    """Before a launch, go back if that is the plan, unless the client waits for an answer or pauses."""
    if (
        world.stays[i].action == ASK_FIRST
        and world.clients[i].flight == clients.NOTHING
        and _may_go_home(world, i)
    ):
        _move(world, i, world.clients[i].home)


@inlined
def _may_go_home(world, i):
    """Whether a client is away, and online in some way."""
    client = world.clients[i]
    return client.server != client.home and client.link != clients.OFFLINE


@jit
def _carry_out(world, i, action):
    """Do what is due, and plan again if the client is where it was."""
    if action == MOVE and _may_go_home(world, i):
        _move(world, i, world.clients[i].home)
        return
    if action == CHOOSE and world.clients[i].link != clients.OFFLINE:
        server = moving.chosen_server(world, i)
        if server == NONE:
            return
        if server != world.clients[i].server:
            roaming.depart(world, i)
            _move(world, i, server)
            return
    if action == PROBE and _may_go_home(world, i):
        _probe(world, i)
    moving.plan(world, i)


@jit
def _probe(world, i):
    """Ask the preferred server whether it serves."""
    config = world.config[0]
    client = world.clients[i]
    client.attempt += 1
    ledger.count(world, counters.PROBES)
    question = letter(kinds.PROBE, config.first + i, config.clients + client.home, attempt=client.attempt)
    send(world, question, client.home)


@jit
def _move(world, i, server):
    """Change the server; what is in flight, or waits to be tried again, is asked there."""
    client = world.clients[i]
    link.void_timer(world, i)
    client.flight = clients.NOTHING
    client.resend = clients.NOTHING
    ledger.turn_link(world, client, clients.ONLINE)
    client.marks &= ~clients.BEAT_DUE
    client.beat_failures = 0
    moving.change_server(world, i, server, 1)
    link.send_next(world, i)
