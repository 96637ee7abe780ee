"""What becomes of a client's leases: released, left behind, or owed to a server that is away.

`release_old = "lost"` (KB Q226838): the lease of a program that was granted another one elsewhere is never given
back; its server finds out by its reclaim scan, or never. `"deferred"`: the client offers each server where it
left something, and each that fails to answer, every `deferred_retry_s`, the list of what it still holds there,
until the server answers one that was sent while no slot awaited a lease there; the server frees the rest.
"""

import numpy as np

from . import kinds, leases, link
from .jit import inlined, jit
from .messages import notify, send, set_timer
from .world import KEPT, NONE, OWING, REACHED


@inlined
def give_back(world, i, j):
    """End a lease whose program has ended: by a release, kept for later if its server seems to be away."""
    config = world.config[0]
    client = world.clients[i]
    slot = world.slots[i * config.programs + j]
    if config.deferred == 1 and (slot.lease != client.server or client.link != link.ONLINE):
        leave_behind(world, i, j)
        return
    server = slot.lease
    slot.lease = NONE
    release(world, i, j, slot.program, server)


@inlined
def release(world, i, j, program, server):
    """Send a release of what was asked for until now; when it is lost, only the observer learns of it."""
    config = world.config[0]
    agent, attempt = config.first + i, world.clients[i].attempt
    if not send(world, kinds.RELEASE, agent, config.clients + server, server, j, program, 0, attempt, 0, 0):
        notify(world, kinds.NOTICE, agent, j, program, server, 0)
    elif config.looks_ahead:
        leases.look_ahead(world, agent)


@jit
def leave_behind(world, i, j):
    """The slot's program has no more use for its lease, and does not tell the server now."""
    config = world.config[0]
    slot = world.slots[i * config.programs + j]
    server = slot.lease
    slot.lease = NONE
    notify(world, kinds.NOTICE, config.first + i, j, slot.program, server, 0)
    owe(world, i, server)


@inlined
def abandon(world, i, j):
    """The slot's program no longer waits for an answer to what it asked.

    The observer needs to know only of what reached the server: nothing else can become a lease.
    """
    config = world.config[0]
    slot = world.slots[i * config.programs + j]
    if slot.asked != NONE:
        server = slot.asked
        slot.asked = NONE
        if server == slot.lease:
            return  # it was asked for again, and is still held
        if slot.marks & REACHED:
            notify(world, kinds.NOTICE, config.first + i, j, slot.program, server, world.clients[i].attempt)
        if slot.marks & KEPT:
            slot.marks &= ~KEPT
            release(world, i, j, slot.program, server)
        if server != world.clients[i].server:
            owe(world, i, server)


@jit
def held_at(world, i, server):
    """Return the slots that hold or await a lease at a server, as the bits of a signed number of 32."""
    programs = world.config[0].programs
    held = np.int64(0)
    for j in range(programs):
        slot = world.slots[i * programs + j]
        if server == slot.lease or server == slot.asked:  # noqa: PLR1714
            held |= np.int64(1) << np.int64(j)
    return np.int64(np.int32(held))


@inlined
def _awaits_at(world, i, server):
    """Whether a slot awaits a lease at a server which it does not hold."""
    programs = world.config[0].programs
    for j in range(programs):
        slot = world.slots[i * programs + j]
        if server == slot.asked and server != slot.lease:
            return True
    return False


@jit
def owe(world, i, server):
    """Remember to free, when `server` answers again, what this client may still hold there."""
    client = world.clients[i]
    if world.config[0].deferred == 0:
        return
    known = _find_debt(world, i, server)
    if known != NONE:
        world.debts[known].since = client.attempt
        return
    control = world.control[0]
    n = control.free_debt
    debt = world.debts[n]
    control.free_debt = debt.next
    control.free_debts -= 1
    debt.server = server
    debt.since = client.attempt
    debt.next = world.owed[i]
    world.owed[i] = n
    if not client.marks & OWING:
        _offer_later(world, i)


@jit
def _offer_later(world, i):
    config = world.config[0]
    world.clients[i].marks |= OWING
    time = world.control[0].now + config.deferred_retry
    set_timer(world, kinds.OFFER_DEBTS, config.first + i, time, 0, 0, 0)


@jit
def offer_debts(world, i):
    """Tell every server that is owed a release what this client still holds there.

    A server spares the lease of a slot that awaits one, which may be an older one that was left behind: its answer
    then does not settle the debt, which is offered again.
    """
    config = world.config[0]
    client = world.clients[i]
    agent = config.first + i
    client.marks &= ~OWING
    n = world.owed[i]
    while n != NONE:
        server = world.debts[n].server
        client.attempt += 1
        send(
            world, kinds.KEPT_RELEASE, agent, config.clients + server, server, 0, 0, 0,
            client.attempt, held_at(world, i, server), 0,
        )  # fmt: skip
        if _awaits_at(world, i, server):
            world.debts[n].since = client.attempt
        n = world.debts[n].next
    if world.owed[i] != NONE:
        _offer_later(world, i)


@jit
def forget_debt(world, i, server, attempt):
    """A server has answered an offer: what was owed to it when the offer left is owed no more."""
    found = _find_debt(world, i, server)
    if found == NONE or attempt <= world.debts[found].since:
        return
    if world.owed[i] == found:
        world.owed[i] = world.debts[found].next
    else:
        n = world.owed[i]
        while world.debts[n].next != found:
            n = world.debts[n].next
        world.debts[n].next = world.debts[found].next
    control = world.control[0]
    world.debts[found].next = control.free_debt
    control.free_debt = found
    control.free_debts += 1


@jit
def _find_debt(world, i, server):
    n = world.owed[i]
    while n != NONE and world.debts[n].server != server:
        n = world.debts[n].next
    return n
