"""What a client does when it hears that its server no longer has leases that its heartbeat named.

The server crashed, or reclaimed them. With `on_lost_lease = "run-on"` no client hears of it.
"""

from ...compiled.jit import jit
from ...state import clients
from .. import settings
from . import denials, returns, slots


@jit
def hear(world, i, lost):
    """Handle the news that the server has no lease of these slots, as bits: those that only asked know that."""
    client = world.clients[i]
    for j in range(world.config[0].programs):
        if lost & slots.bit(j) and slots.slot_of(world, i, j).lease == client.server:
            if settings.of_client(world, i).on_lost_lease == clients.REQUEST:
                client.wants |= slots.bit(j)
            else:
                _stop(world, i, j)


@jit
def _stop(world, i, j):
    """Stop a program; there is no lease to give back."""
    world.clients[i].wants &= ~slots.bit(j)
    returns.abandon(world, i, j)
    denials.end(world, i, j)
    slots.idle(world, i, j)
