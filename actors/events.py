"""What an event is: a row of the table of events, or the timer in a slot's own row.

A slot's timer lies in the slot's row, so that a launch needs no other. Any other event is a row `n` of EVENT. A
timer of a slot is one, too, while its place is taken: by one that was overtaken, or by the next arrival in an
open world.

The queue of events knows both by one number: first come the slots, then the rows of events. So whoever looks ahead
knows from a number what will be needed.
"""

from typing import NamedTuple

import numpy as np

from .jit import inlined, jit
from .world import FOREIGN, NONE


class Event(NamedTuple):
    """What an event says that has no row, by the names of a row of EVENT."""

    time: np.int64
    serial: np.int64
    kind: np.int64
    source: np.int64
    target: np.int64
    slot: np.int64
    program: np.int64
    product: np.int64
    attempt: np.int64
    value: np.int64
    flag: np.int64


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
def link(world, n):
    """Return the link from the event in a row to what comes behind it."""
    return world.links[number(world, n)]


@inlined
def client_of(world, place):
    """Return the client, by its index in this shard, of a slot (its row); where each has one, without dividing."""
    programs = world.config[0].programs
    return place if programs == 1 else place // programs


@inlined
def timer(world, place):
    """Return what the timer in a slot's row says."""
    config = world.config[0]
    slot = world.slots[place]
    i = client_of(world, place)
    agent = np.int64(config.first + i)
    return Event(
        np.int64(slot.timer_time), np.int64(slot.timer_serial), np.int64(slot.timer), agent, agent,
        np.int64(place - i * config.programs), np.int64(slot.timer_program), np.int64(0),
        np.int64(slot.timer_epoch), np.int64(0), np.int64(0),
    )  # fmt: skip


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
    """Return who has sent an event and its serial number there, by which the order goes at last."""
    if is_of_slot(world, number):
        return target(world, number), world.slots[number].timer_serial
    event = world.events[row(world, number)]
    return np.int64(event.source), event.serial


@inlined
def place(world, n):
    """Return the slot (its row) that the event in a row is about; any number if it is not about one."""
    config = world.config[0]
    event = world.events[n]
    return (min(event.target, event.source) - config.first) * config.programs + event.slot


@inlined
def allocate(world):
    """Take a row: one that was used before, else a fresh one; the caller has checked that there is one."""
    control = world.control[0]
    n = control.free_event
    if n != NONE:
        control.free_event = link(world, n).next
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
    link(world, n).next = control.free_event
    control.free_event = n
    control.free_events += 1


@inlined
def write(event, serial, kind, source, target, time, slot, program, product, attempt, value, flag):
    """Write a row."""
    event.time = time
    event.serial = serial
    event.target = target
    event.source = source
    event.program = program
    event.attempt = attempt
    event.value = value
    event.slot = slot
    event.product = product
    event.kind = kind
    event.flag = flag


@inlined
def copy(event, other):
    """Write what another row says."""
    write(
        event, other.serial, other.kind, other.source, other.target, other.time, other.slot, other.program,
        other.product, other.attempt, other.value, other.flag,
    )  # fmt: skip
