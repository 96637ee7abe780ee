"""Rows of the event queue and of the journal, and the flags of an event.

An event appears in five shapes: a row of EVENT, the timer in a slot's own row (`clients.SLOT`), an entry of DUE, a
DEADLINE, and a `Letter` (`queue/letters.py`). `actors/README.md` says when which is used.
"""

from .rows import rows

# Flags of an event, as bits.
WANTS_CALLBACK = 1  # of a REQUEST: a user who is denied waits to be called back
IN_SERVICE = 2  # of a message at a server: being served
VOID = 4  # of a message at a server: lost in a crash
FOREIGN = 8  # sent by another shard, which may have to hear of what follows
HAS_LEASE = 16  # of a REQUEST: its program runs under a lease, from whichever server

# A timer, or a message on its way, or one that waits at a server. 48 bytes.
EVENT = rows(
    ("time", "i8"),  # when it is due, ns; of a message that waits at a server: when it arrived
    ("serial", "i8"),  # its sender's serial number, the last part of the total order
    ("target", "i4"),  # agent
    ("source", "i4"),  # agent
    ("program", "i4"),  # number of the launch that it is about, from 1
    ("attempt", "i4"),  # of a message: its client's attempt; of a timer: what makes it stale when it has changed
    ("value", "i4"),  # what it says besides: see state/kinds.py
    ("slot", "i2"),
    ("product", "i2"),
    ("kind", "i1"),  # state/kinds.py
    ("flag", "i1"),
)

# One for each event number: what comes behind the event in its list, and the slot that it is about if it has a row
# of events. Kept apart from the events, so that looking ahead along a list does not wait for each of them.
CHAIN = rows(
    ("next", "i4"),  # an event number; in queues at servers and among free rows the row of an event
    ("slot_row", "i4"),
)

# An entry of the open bucket's heap, or of the ring of messages on their way.
DUE = rows(
    ("time", "i8"),
    ("event", "i4"),  # event number
    ("target", "i4"),  # agent
)

# The time-out of what a client has in flight: see queue/deadlines.py.
DEADLINE = rows(
    ("time", "i8"),
    ("serial", "i8"),
    ("client", "i4"),  # index in this shard; NONE: struck out
    ("timer", "i4"),
)

# What happened, in order, when a journal is kept: see records/journal.py.
JOURNAL = rows(
    ("time", "i8"),
    ("serial", "i8"),
    ("target", "i4"),
    ("source", "i4"),
    ("program", "i4"),
    ("attempt", "i4"),
    ("value", "i4"),
    ("slot", "i2"),
    ("product", "i2"),
    ("kind", "i1"),
    ("flag", "i1"),
    ("what", "i1"),
)
