"""The event queue: a ring of buckets, where only the open one is ordered.

An event waits in the linked list of its bucket (its time divided by the bucket width, modulo the ring) until
the ring's cursor reaches that bucket; then it moves to a small heap, in the total order (`order.py`). Events for
the open bucket or earlier go straight to the heap, so any width is correct; the width only affects speed (Brown,
"Calendar queues", CACM 31(10), 1988).

Two kinds of events arrive already in order and wait in rings of their own: messages with the constant latency
(`transit.py`) and time-outs (`deadlines.py`).
"""

import numpy as np

from ..compiled.jit import inlined, jit
from ..compiled.views import prefetch
from ..state.rows import NEVER, NONE
from . import deadlines, events, heap, prefetching, transit
from .order import before, timeout_before

# Room that must be free before an event is handled: more than any handler needs by itself.
RESERVE = 64


@inlined
def schedule(world, n):
    """File the event in row `n` under its time."""
    if not transit.add(world, n):
        schedule_timer(world, events.number(world, n))


@inlined
def schedule_timer(world, number):
    """File an event that does not arrive in order by itself: in its bucket, or in the open one's heap."""
    control = world.control[0]
    bucket = events.time(world, number) >> world.config[0].shift
    if bucket <= control.cursor:
        heap.push(world, number)
        return
    prefetch(world.buckets, bucket & (world.buckets.size - 1))
    chain = world.chains[number]
    chain.next = control.unfiled
    if not events.is_of_slot(world, number):
        chain.slot_row = events.slot_row(world, events.row(world, number))
    control.unfiled = number
    control.pending += 1


@inlined
def file(world):
    """Put what was scheduled into its buckets, whose heads have come from memory meanwhile."""
    control = world.control[0]
    number = control.unfiled
    control.unfiled = NONE
    while number != NONE:
        following = world.chains[number].next
        index = (events.time(world, number) >> world.config[0].shift) & (world.buckets.size - 1)
        world.chains[number].next = world.buckets[index]
        world.buckets[index] = number
        number = following


@inlined
def _open_next(world):
    """Open the next bucket that holds anything due, but none after the first deadline.

    Sets `control.crowd` when the heap has no room for a bucket, which then stays closed.
    """
    control = world.control[0]
    mask = world.buckets.size - 1
    last = control.deadline >> world.config[0].shift
    file(world)
    turn = control.cursor + world.buckets.size
    while control.open == 0 and control.pending > 0:
        while world.buckets[control.cursor & mask] == NONE and control.cursor <= last:
            control.cursor += 1
        if control.cursor > turn:  # in which nothing was due
            control.cursor = _first_due(world)
            turn = control.cursor + world.buckets.size
        if control.cursor > last:
            control.cursor = last
            return
        if world.config[0].looks_ahead:
            prefetching.fetch_buckets(world)
        _open(world)
        if control.crowd > 0:
            return
        if control.open == 0:
            control.cursor += 1


@jit
def _first_due(world):
    """Return when the first event is due that waits in any bucket, in bucket widths since time 0."""
    first = NEVER
    for index in range(world.buckets.size):
        number = world.buckets[index]
        while number != NONE:
            first = min(first, events.time(world, number))
            number = world.chains[number].next
    return first >> world.config[0].shift


@inlined
def _open(world):
    """Move what is due in the cursor's bucket to the heap; the rest is due in later turns of the ring."""
    control = world.control[0]
    shift = world.config[0].shift
    index = control.cursor & (world.buckets.size - 1)
    number = world.buckets[index]
    later = NONE
    crowd = np.int64(0)
    while number != NONE:
        following = world.chains[number].next
        is_due = events.time(world, number) >> shift <= control.cursor
        if is_due and control.open < world.due.size:
            heap.push(world, number)
        else:
            crowd += is_due
            world.chains[number].next = later
            later = number
        number = following
    if crowd > 0:
        control.crowd = crowd + control.open
        for k in range(control.open):
            number = world.due[k].event
            world.chains[number].next = later
            later = number
        control.open = 0
    control.pending -= control.open
    world.buckets[index] = later


@inlined
def next_time(world):
    """Return the time of the next event, or NEVER when there is none."""
    control = world.control[0]
    if control.open == 0:
        deadlines.settle(world)
        _open_next(world)
    time = min(control.next_transit, world.due[0].time if control.open > 0 else NEVER)
    if control.deadline <= time:
        deadlines.settle(world)
    return min(time, control.deadline)


@inlined
def pop(world, time):
    """Take the next event, which must be at `time`, out of the queue; return its number."""
    control = world.control[0]
    if control.next_transit == time and _message_is_first(world, time):
        return transit.take(world)
    if control.open > 0 and world.due[0].time == time and not _timeout_is_before(world, world.due[0]):
        return heap.pop(world)
    n = events.allocate(world)
    deadlines.take(world, world.events[n])
    return events.number(world, n)


@inlined
def _message_is_first(world, time):
    """Whether the first message in transit, which arrives at `time`, comes before all else of that instant."""
    message = transit.first(world)
    if world.control[0].open > 0 and world.due[0].time == time and before(world, world.due[0], message):
        return False
    return not _timeout_is_before(world, message)


@inlined
def _timeout_is_before(world, entry):
    """Whether the first time-out, which is not struck out if it is as early, comes before an entry."""
    control = world.control[0]
    row = world.deadlines[control.deadlines_begin & (world.deadlines.size - 1)]
    return control.deadline <= entry.time and timeout_before(world, row, entry)
