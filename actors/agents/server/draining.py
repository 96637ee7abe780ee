"""How a server with more clients than its fair share asks some of them to move: see `policies/failback.py`, Drain.

It knows which clients of its site were last heard here, and which server each of them prefers.
"""

import math

from ...compiled.jit import jit
from ...messaging import network
from ...messaging.messages import send, set_timer
from ...queue.letters import letter
from ...records import ledger
from ...state import kinds
from ...state.rows import SECOND
from ...state.servers import DRAINED_MOST


@jit
def drain(world, s):
    """Ask a share of the clients in excess to move, unless the server is away."""
    config = world.config[0]
    server = world.servers[s]
    now = world.control[0].now
    set_timer(world, kinds.DRAIN, config.clients + s, now + SECOND)
    excess = server.clients - server.preferred
    if excess > 0 and not world.spells[network.spell_at(world, s, now)].refusing:
        _ask(world, s, min(math.ceil(excess * config.drain_share), DRAINED_MOST))


@jit
def _ask(world, s, wanted):
    """Ask up to `wanted` clients to move, round-robin from the one after the last that was asked."""
    config = world.config[0]
    server = world.servers[s]
    first, count = server.first_client - config.known_first, server.end_client - server.first_client
    k = server.drained
    for _ in range(count):
        k = k + 1 if k + 1 < count else 0
        if world.accounts[first + k].heard_at == s and world.preferred[first + k] != s:
            server.drained = k
            wanted -= 1
            ledger.count_for(world, server.first_client + k)
            send(world, letter(kinds.MOVE_ON, config.clients + s, server.first_client + k), s)
            if wanted == 0:
                return
