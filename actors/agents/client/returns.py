"""How a client gives leases back: by a release, by one kept for a server that is away, or never.

`release_old = "lost"` (KB Q226838): when a program is granted another lease elsewhere, its old lease is never
given back; the old server's reclaim scan finds it, or nothing does. `"deferred"`: every `deferred_retry_s` the
client sends each server where it left something, and each that fails to answer, the list of what it still holds
there, until the server answers a list that was sent while no slot awaited a lease there; the server frees the
rest.
"""

import numpy as np

from ...compiled.jit import inlined, jit
from ...messaging.messages import notify, send, set_timer
from ...queue import prefetching
from ...queue.letters import letter
from ...state import clients, kinds
from ...state.rows import NONE
from .. import settings


@inlined
def give_back(world, i, j):
    """End a lease whose program has ended: by a release, kept for later if its server seems to be away."""
    config = world.config[0]
    client = world.clients[i]
    slot = world.slots[i * config.programs + j]
    seems_away = slot.lease != client.server or client.link != clients.ONLINE
    if seems_away and settings.of_client(world, i).deferred == 1:
        leave_behind(world, i, j)
        return
    server = slot.lease
    slot.lease = NONE
    release(world, i, j, slot.program, server, _last_late(world, i, j))


@inlined
def release(world, i, j, program, server, abandoned=0):
    """Send a release of what was asked for until now; when it is lost, only the observer learns of it.

    It then learns, too, that attempts up to `abandoned` are no longer waited for.
    """
    config = world.config[0]
    agent, attempt = config.first + i, world.clients[i].attempt
    message = letter(kinds.RELEASE, agent, config.clients + server, slot=j, program=program, attempt=attempt)
    if not send(world, message, server):
        notify(world, kinds.NOTICE, agent, server, j, program, abandoned)
    elif config.looks_ahead:
        prefetching.fetch_lease(world, agent)


@jit
def leave_behind(world, i, j, notice=kinds.NOTICE):
    """Leave the lease of a slot's program without telling its server now; the observer hears of it by a notice."""
    config = world.config[0]
    slot = world.slots[i * config.programs + j]
    server = slot.lease
    slot.lease = NONE
    notify(world, notice, config.first + i, server, j, slot.program, _last_late(world, i, j))
    remember_release(world, i, server)


@jit
def hand_over(world, i, j):
    """Leave the lease of a program that has another one now; tell its server if the client chose to move."""
    slot = world.slots[i * world.config[0].programs + j]
    server = slot.lease
    leave_behind(world, i, j)
    if slot.marks & clients.MOVED:
        release(world, i, j, slot.program, server)


@inlined
def abandon(world, i, j):
    """End the slot's wait for an answer to what it asked.

    The observer needs to know only of what reached the server: nothing else can become a lease.
    """
    config = world.config[0]
    slot = world.slots[i * config.programs + j]
    if slot.asked != NONE:
        server = slot.asked
        slot.asked = NONE
        if server == slot.lease:  # it was asked for again, and is still held
            if slot.marks & clients.REACHED:
                slot.marks |= clients.LATE
            return
        if slot.marks & clients.REACHED:
            notify(world, kinds.NOTICE, config.first + i, server, j, slot.program, world.clients[i].attempt)
        if slot.marks & clients.KEPT:
            slot.marks &= ~clients.KEPT
            release(world, i, j, slot.program, server)
        if server != world.clients[i].server:
            remember_release(world, i, server)


@inlined
def disown(world, i, j):
    """Tell observers that the slot's program, which ends, no longer waits for answers that may still come.

    They may come from where it has its lease, and from where it was denied one. There is no lease to name:
    `give_back` and `abandon` see to those. Where nothing overtakes, a release is served after all that was asked
    before it.
    """
    config = world.config[0]
    client = world.clients[i]
    slot = world.slots[i * config.programs + j]
    if slot.marks & clients.LATE and config.overtakes:
        agent = config.first + i
        notify(world, kinds.NOTICE, agent, client.server, j, 0, client.attempt)
        if slot.lease != NONE and world.servers[slot.lease].site != world.servers[client.server].site:
            notify(world, kinds.NOTICE, agent, slot.lease, j, 0, client.attempt)


@inlined
def _last_late(world, i, j):
    """Return up to which attempt requests of the slot's program may be served late; 0 if none may."""
    slot = world.slots[i * world.config[0].programs + j]
    return world.clients[i].attempt if slot.marks & clients.LATE else np.int32(0)


@jit
def held_at(world, i, server):
    """Return the slots that hold or await a lease at a server, as the bits of a signed number of 32."""
    programs = world.config[0].programs
    held = np.int64(0)
    for j in range(programs):
        slot = world.slots[i * programs + j]
        if server == slot.lease or server == slot.asked:
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
def remember_release(world, i, server):
    """Remember to free, when `server` answers again, what this client may still hold there."""
    client = world.clients[i]
    if settings.of_client(world, i).deferred == 0:
        return
    known = _find_pending(world, i, server)
    if known != NONE:
        world.pending_releases[known].since = client.attempt
        return
    control = world.control[0]
    n = control.free_pending_release
    pending = world.pending_releases[n]
    control.free_pending_release = pending.next
    control.free_pending_releases -= 1
    pending.server = server
    pending.since = client.attempt
    pending.next = world.first_pending_release[i]
    world.first_pending_release[i] = n
    if not client.marks & clients.RELEASE_PENDING:
        _offer_later(world, i)


@jit
def _offer_later(world, i):
    config = world.config[0]
    world.clients[i].marks |= clients.RELEASE_PENDING
    time = world.control[0].now + settings.of_client(world, i).deferred_retry
    set_timer(world, kinds.OFFER_RELEASES, config.first + i, time)


@jit
def offer_releases(world, i):
    """Tell every server with a pending release what this client still holds there.

    A server spares the lease of a slot that awaits one, which may be an older one that was left behind: its answer
    then does not settle the release, which is offered again.
    """
    config = world.config[0]
    client = world.clients[i]
    agent = config.first + i
    client.marks &= ~clients.RELEASE_PENDING
    n = world.first_pending_release[i]
    while n != NONE:
        server = world.pending_releases[n].server
        client.attempt += 1
        offer = letter(
            kinds.KEPT_RELEASE,
            agent,
            config.clients + server,
            attempt=client.attempt,
            value=held_at(world, i, server),
        )
        send(world, offer, server)
        if _awaits_at(world, i, server):
            world.pending_releases[n].since = client.attempt
        n = world.pending_releases[n].next
    if world.first_pending_release[i] != NONE:
        _offer_later(world, i)


@jit
def resume_offers(world, i):
    """Go on offering what is pending: its client is back, and its timer may have come due while it was down."""
    if settings.of_client(world, i).deferred == 0 or world.clients[i].marks & clients.RELEASE_PENDING:
        return
    if world.first_pending_release[i] != NONE:
        _offer_later(world, i)


@jit
def settle_release(world, i, server, attempt):
    """Settle the pending release at a server that has answered an offer, if the offer is the newer one."""
    found = _find_pending(world, i, server)
    if found == NONE or attempt <= world.pending_releases[found].since:
        return
    if world.first_pending_release[i] == found:
        world.first_pending_release[i] = world.pending_releases[found].next
    else:
        n = world.first_pending_release[i]
        while world.pending_releases[n].next != found:
            n = world.pending_releases[n].next
        world.pending_releases[n].next = world.pending_releases[found].next
    control = world.control[0]
    world.pending_releases[found].next = control.free_pending_release
    control.free_pending_release = found
    control.free_pending_releases += 1


@jit
def _find_pending(world, i, server):
    n = world.first_pending_release[i]
    while n != NONE and world.pending_releases[n].server != server:
        n = world.pending_releases[n].next
    return n
