"""Memory prefetched before it is used: this changes only the speed, by half once tables outgrow the caches.

The queue knows which events are next, and so which rows will be needed. `engine/PERFORMANCE.md` says what each
prefetch is worth.
"""

import numpy as np

from ..compiled.jit import inlined
from ..compiled.views import prefetch
from ..state.rows import NONE
from . import events

# How far ahead of the cursor memory is fetched, in buckets: events, their slots and clients AHEAD, and before them
# the entries that chain them. Only an entry tells where the next one of its bucket is, so each is fetched STEP
# buckets after the one before it, down to DEPTH; few buckets hold more. What is fetched too early leaves the cache
# again. USUAL events of a bucket are fetched without asking whether they are there, which is hard to guess: where
# there are fewer, row 0 is fetched again.
AHEAD, STEP, DEPTH, USUAL = 4, 2, 3, 2


@inlined
def fetch_buckets(world):
    """Have memory fetched that the coming buckets need: rows of events, and of what they are about."""
    control = world.control[0]
    mask = world.buckets.size - 1
    k = max(control.ahead, control.cursor)
    control.ahead = control.cursor + AHEAD
    while k < control.ahead:
        for depth in range(DEPTH):
            _fetch_chain(world, (k + (DEPTH - depth) * STEP) & mask, depth)
        number = world.buckets[k & mask]
        for _ in range(USUAL):
            _fetch_event(world, np.int64(max(0, number)))
            number = _behind(world, number)
        while number != NONE:
            _fetch_event(world, np.int64(number))
            number = world.chains[number].next
        k += 1


@inlined
def _fetch_chain(world, bucket, depth):
    """Have the chain entry fetched of the event that has `depth` others before it in a bucket."""
    number = world.buckets[bucket]
    for _ in range(depth):
        number = _behind(world, number)
    prefetch(world.chains, max(0, number))


@inlined
def _fetch_event(world, number):
    """Have all rows fetched that an event needs. There is no harm in fetching what is no row of a table."""
    slot_row = number
    if not events.is_of_slot(world, number):
        prefetch(world.events, events.row(world, number))
        slot_row = np.int64(world.chains[number].slot_row)
    i = events.client_of(world, slot_row)
    prefetch(world.slots, slot_row)
    prefetch(world.clients, i)
    config = world.config[0]
    if config.local_servers > 0:
        prefetch(world.accounts, config.first - config.known_first + i)


@inlined
def _behind(world, number):
    """Return what comes behind an event in its list, NONE behind NONE: without a branch, often guessed wrong."""
    following = world.chains[max(0, number)].next
    return following if number != NONE else NONE


# How many deadlines ahead memory is fetched.
DEADLINES_AHEAD = 8


@inlined
def fetch_deadline(world):
    """In a storm deadlines do come due: have the memory of the clients fetched that are next but a few."""
    ahead = world.deadlines[(world.control[0].deadlines_begin + DEADLINES_AHEAD) & (world.deadlines.size - 1)]
    i = max(0, ahead.client)  # past the end it is an old entry: harmless
    prefetch(world.clients, i)
    prefetch(world.slots, i * world.config[0].programs)


@inlined
def fetch_lease(world, client):
    """Have a client's newest lease fetched, which it gives back, and the neighbors of the one before."""
    config = world.config[0]
    control = world.control[0]
    account = client - config.known_first
    if 0 <= account < config.known:
        fetched = world.leases[control.fetched_lease]
        prefetch(world.leases, max(0, fetched.older))
        prefetch(world.leases, max(0, fetched.newer))
        control.fetched_lease = max(0, world.accounts[account].leases)
        prefetch(world.leases, control.fetched_lease)
