"""The event queue: a ring of buckets, of which only the open one is ordered.

An event waits in the linked list of its bucket (its time divided by the bucket width, modulo the ring) until
the ring's cursor reaches that bucket; then it moves to a small heap, ordered by (time, target, source, serial):
the one total order, which no placement of agents can change. Events for the open bucket or before go to the
heap at once, so any width is right; the width only sets the speed (Brown, "Calendar queues", CACM 31(10), 1988,
with a bitmap to skip empty buckets).
"""

import numpy as np

from .jit import jit
from .world import FOREIGN, NONE

# Room that must be free before an event is handled: more than any handler needs by itself.
RESERVE = 64

_ONE = np.uint64(1)


@jit
def allocate(world):
    """Take an event row from the free list; the caller has checked that there is one."""
    control = world.control[0]
    n = control.free_event
    control.free_event = world.events[n].next
    control.free_events -= 1
    return n


@jit
def free(world, n):
    """Return an event row to the free list."""
    control = world.control[0]
    event = world.events[n]
    if event.flag & FOREIGN:
        control.foreign -= 1
    event.next = control.free_event
    control.free_event = n
    control.free_events += 1


@jit
def schedule(world, n):
    """File event `n` under its time."""
    control = world.control[0]
    bucket = world.events[n].time >> world.config[0].shift
    if bucket <= control.cursor:
        _push(world, n)
        return
    place = bucket & (world.buckets.size - 1)
    world.events[n].next = world.buckets[place]
    world.buckets[place] = n
    world.occupied[place >> 6] |= _ONE << np.uint64(place & 63)
    control.pending += 1


@jit
def advance(world):
    """Open the next bucket that holds anything due; False when no event is left.

    The heap is as large as the event table, so it never runs out of room.
    """
    control = world.control[0]
    mask = world.buckets.size - 1
    while control.pending > 0:
        _skip_empty(world)
        place = control.cursor & mask
        n = world.buckets[place]
        world.buckets[place] = NONE
        later = NONE
        while n != NONE:
            following = world.events[n].next
            if world.events[n].time >> world.config[0].shift <= control.cursor:
                control.pending -= 1
                _push(world, n)
            else:
                world.events[n].next = later
                later = n
            n = following
        world.buckets[place] = later
        if later == NONE:
            world.occupied[place >> 6] &= ~(_ONE << np.uint64(place & 63))
        if control.open > 0:
            return True
        control.cursor += 1
    return False


@jit
def _skip_empty(world):
    """Move the cursor to the next bucket whose list is not empty (maybe itself)."""
    control = world.control[0]
    mask = world.buckets.size - 1
    place = control.cursor & mask
    word = world.occupied[place >> 6] >> np.uint64(place & 63)
    while word == np.uint64(0):
        control.cursor += 64 - (place & 63)
        place = control.cursor & mask
        word = world.occupied[place >> 6]
    while word & _ONE == np.uint64(0):
        word >>= _ONE
        control.cursor += 1


@jit
def next_time(world):
    """Return the time of the next event, or the largest time when there is none."""
    control = world.control[0]
    if control.open == 0:
        advance(world)
    return world.due[0].time if control.open > 0 else np.iinfo(np.int64).max


@jit
def _before(world, a, b):
    """Whether heap entry `a` comes before `b` in the total order."""
    if a.time != b.time:
        return a.time < b.time
    if a.target != b.target:
        return a.target < b.target
    first = world.events[a.event]
    second = world.events[b.event]
    if first.source != second.source:
        return first.source < second.source
    return first.serial < second.serial


@jit
def _push(world, n):
    due = world.due
    control = world.control[0]
    place = control.open
    control.open += 1
    due[place].time = world.events[n].time
    due[place].event = n
    due[place].target = world.events[n].target
    while place > 0:
        parent = (place - 1) >> 1
        if not _before(world, due[place], due[parent]):
            break
        _swap(due, place, parent)
        place = parent


@jit
def pop(world):
    """Take the first event off the heap, which must not be empty; return its row number."""
    due = world.due
    control = world.control[0]
    first = due[0].event
    control.open -= 1
    size = control.open
    if size > 0:
        _swap(due, 0, size)
        place = 0
        while True:
            child = 2 * place + 1
            if child >= size:
                break
            if child + 1 < size and _before(world, due[child + 1], due[child]):
                child += 1
            if not _before(world, due[child], due[place]):
                break
            _swap(due, place, child)
            place = child
    return first


@jit
def _swap(due, i, j):
    time, event, target = due[i].time, due[i].event, due[i].target
    due[i].time, due[i].event, due[i].target = due[j].time, due[j].event, due[j].target
    due[j].time, due[j].event, due[j].target = time, event, target
