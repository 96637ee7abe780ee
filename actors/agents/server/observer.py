"""A site's observer: it learns, one latency later, what clients no longer want, so that denials have a cause.

It is not part of the modeled system: servers do not know what it knows.
"""

from ...compiled.jit import jit
from ...state import kinds
from ...state.rows import NONE
from . import granting, leases


@jit
def handle(world, notice):
    """Handle a notice that a program no longer needs a lease or an answer at a server, or a timer."""
    if notice.kind == kinds.SETTLE:
        leases.settle(world, notice.value)
        return
    client, s, slot, program = notice.source, notice.value, notice.slot, notice.program
    lease = leases.find(world, s, client, slot, program)
    if notice.kind == kinds.NOT_TAKEN:
        if lease != NONE:
            leases.decline(world, lease, notice.attempt)
        return
    if lease != NONE:
        if notice.kind == kinds.ORPHANED:
            leases.orphan(world, lease)
        else:
            leases.mark_ghost(world, lease)
    granting.abandon(world, s, client, slot, notice.attempt)
