"""The open bucket's heap: a binary heap of entries (DUE) in the total order."""

from ..compiled.jit import inlined
from . import events
from .order import before


@inlined
def push(world, number):
    """Enter an event by its number; the caller has checked that there is room."""
    due = world.due
    control = world.control[0]
    position = control.open
    control.open += 1
    due[position].time = events.time(world, number)
    due[position].event = number
    due[position].target = events.target(world, number)
    while position > 0:
        parent = (position - 1) >> 1
        if not before(world, due[position], due[parent]):
            break
        _swap(due, position, parent)
        position = parent


@inlined
def pop(world):
    """Take the first event off the heap, which must not be empty; return its number."""
    due = world.due
    control = world.control[0]
    first = due[0].event
    control.open -= 1
    size = control.open
    if size > 0:
        _swap(due, 0, size)
        position = 0
        while True:
            child = 2 * position + 1
            if child >= size:
                break
            if child + 1 < size and before(world, due[child + 1], due[child]):
                child += 1
            if not before(world, due[child], due[position]):
                break
            _swap(due, position, child)
            position = child
    return first


@inlined
def _swap(due, i, j):
    time, event, target = due[i].time, due[i].event, due[i].target
    due[i].time, due[i].event, due[i].target = due[j].time, due[j].event, due[j].target
    due[j].time, due[j].event, due[j].target = time, event, target
