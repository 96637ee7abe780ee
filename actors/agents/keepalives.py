"""What the hosts at both ends of a connection notice by themselves: whether messages get through between them.

All faults are scheduled, so keep-alives need not be sent: when they will fail is known once a connection is made.
"""

import numpy as np

from ..compiled.jit import inlined, jit
from ..messaging import network
from ..state.rows import NEVER

JUST_AFTER = 1  # ns: first the observer hears of programs that end as a connection is closed


@inlined
def is_cut_off(world, s, client, spell, time):
    """Whether nothing passes between a client and server `s`, whose spell it is at that time."""
    if spell.unreachable:
        return True
    return spell.cut != 0 and network.is_cut(world, s, client, time)


@jit
def silent_at(world, s, client, made):
    """Return when a connection is lost as too many keep-alives in a row are not answered; NEVER if not.

    One is due every `keepalive` ns from when the client heard that it was made, and answered unless the client is
    cut off then. The last one that is not is waited for until the next one is due. Both hosts ask at these times.
    """
    config = world.config[0]
    every = config.keepalive
    missed = np.int64(0)
    for n in range(network.spell_at(world, s, made), world.spells_from[s + 1]):
        spell = world.spells[n]
        first = max(
            np.int64(1), (spell.start - made + every - 1) // every
        )  # number of the first one in this spell
        due = (min(np.int64(spell.end), config.end) - 1 - made) // every - first + 1
        if due <= 0:
            continue
        if not is_cut_off(world, s, client, spell, spell.start):
            missed = np.int64(0)
        elif missed + due < config.keepalive_misses:
            missed += due
        else:
            return made + (first + config.keepalive_misses - missed) * every
    return NEVER


@jit
def passes_at(world, s, client):
    """Return when what a host tells the other from now on is there: what a fault loses is sent when that is over.

    NEVER, if the run is over by then.
    """
    latency, sent = network.latency(world, s, client), world.control[0].now
    while sent < world.config[0].end:
        left, there = world.spells[network.spell_at(world, s, sent)], sent + latency
        arrived = world.spells[network.spell_at(world, s, there)]
        if is_cut_off(world, s, client, left, sent):
            sent = np.int64(left.end)
        elif is_cut_off(world, s, client, arrived, there):
            sent = np.int64(arrived.end)
        else:
            return there + JUST_AFTER
    return NEVER
