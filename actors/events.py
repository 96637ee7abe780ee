"""What a row of events says, and how it gets there."""

from .jit import inlined


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
