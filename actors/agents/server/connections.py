"""How a server's host answers who wants a connection, before the server accepts it: as the kernel does for TCP."""

from ...compiled.jit import jit
from ...messaging import network
from ...messaging.messages import answer
from ...queue import events
from ...records import ledger
from ...state import counters, kinds


@jit
def admit(world, n, s):
    """Answer the CONNECT in row `n`, or drop it where the backlog is full; return whether it is to be accepted."""
    backlog = world.config[0].backlog
    if 0 < backlog <= world.servers[s].connecting:
        ledger.count(world, counters.CONNECTS_DROPPED)
        events.free(world, n)
        return False
    spell = network.spell_at(world, s, world.control[0].now)
    answer(world, n, s, kinds.CONNECTED, spell - world.spells_from[s])
    return True
