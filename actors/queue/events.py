"""Pending events: rows of the table of events, and timers in slots' own rows.

A slot's timer lives in the slot's row, so that a launch needs no other row. Any other event is a row `n` of EVENT.
So is a slot's timer while the slot's own place is taken: by a timer that was overtaken, or by the next arrival in
an open world.

The queue knows both by one *event number*: the slots' rows come first, then the rows of events. So a number tells
which row to prefetch.
"""

import numpy as np

from ..compiled.jit import inlined, jit
from ..state.events import FOREIGN
from ..state.rows import NONE
from .letters import Letter, letter


@inlined
def number(world, n):
    """Return the number of the event in a row."""
    return world.slots.size + n


@inlined
def row(world, number):
    """Return the row of an event by its number."""
    return number - world.slots.size


@inlined
def is_of_slot(world, number):
    """Whether an event is the timer in a slot's row; that row has its number."""
    return number < world.slots.size


@inlined
def chain(world, n):
    """Return the entry that chains the event in a row to what comes behind it."""
    return world.chains[number(world, n)]


@inlined
def client_of(world, slot_row):
    """Return the client, by its index in this shard, of a slot; where each has one, without dividing."""
    programs = world.config[0].programs
    return slot_row if programs == 1 else slot_row // programs


@inlined
def slot_row(world, n):
    """Return the row of the slot that the event in a row is about; any number if it is not about one."""
    config = world.config[0]
    event = world.events[n]
    return (min(event.target, event.source) - config.first) * config.programs + event.slot


@inlined
def time(world, number):
    """Return when an event is due, ns."""
    if is_of_slot(world, number):
        return world.slots[number].timer_time
    return world.events[row(world, number)].time


@inlined
def target(world, number):
    """Return the agent that an event is for."""
    if is_of_slot(world, number):
        return world.config[0].first + client_of(world, number)
    return np.int64(world.events[row(world, number)].target)


@jit
def sent(world, number):
    """Return an event's sender and its serial number there, the last two parts of the total order."""
    if is_of_slot(world, number):
        return target(world, number), world.slots[number].timer_serial
    event = world.events[row(world, number)]
    return np.int64(event.source), event.serial


@inlined
def timer(world, slot_row):
    """Return what the timer in a slot's row says."""
    config = world.config[0]
    slot = world.slots[slot_row]
    i = client_of(world, slot_row)
    agent = config.first + i
    return letter(
        slot.timer,
        agent,
        agent,
        slot=slot_row - i * config.programs,
        program=slot.timer_program,
        attempt=slot.timer_epoch,
    )


@inlined
def read(event):
    """Return what a row of EVENT says."""
    return Letter(
        np.int64(event.kind),
        np.int64(event.source),
        np.int64(event.target),
        np.int64(event.slot),
        np.int64(event.program),
        np.int64(event.product),
        np.int64(event.attempt),
        np.int64(event.value),
        np.int64(event.flag),
    )


@inlined
def write(event, letter, time, serial):
    """Write a row of EVENT."""
    event.time = time
    event.serial = serial
    event.target = letter.target
    event.source = letter.source
    event.program = letter.program
    event.attempt = letter.attempt
    event.value = letter.value
    event.slot = letter.slot
    event.product = letter.product
    event.kind = letter.kind
    event.flag = letter.flag


@inlined
def allocate(world):
    """Take a row: a used one if there is any, else a fresh one; the caller has checked that one is free."""
    control = world.control[0]
    n = control.free_event
    if n != NONE:
        control.free_event = chain(world, n).next
    else:
        n = control.fresh_event
        control.fresh_event += 1
    control.free_events -= 1
    return n


@inlined
def free(world, n):
    """Give a row back."""
    control = world.control[0]
    if world.events[n].flag & FOREIGN:
        control.foreign -= 1
    chain(world, n).next = control.free_event
    control.free_event = n
    control.free_events += 1
