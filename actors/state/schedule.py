"""Rows for what is known before a run begins: faults, the day profile, what launches take, recorded launches."""

from .rows import rows

# From `start` on, until `end`, a fault holds at a server. `entry` is its place in the scenario's list. One that
# hits clients has one row, without a server: from its first start to its last end.
FAULT = rows(("entry", "i8"), ("server", "i8"), ("start", "i8"), ("end", "i8"))

# From `start` on, until `end`, one server's fault state. Rows of a server are contiguous.
SPELL = rows(
    ("start", "i8"),
    ("end", "i8"),
    ("slow", "f8"),  # factor of service times
    ("loss", "f8"),  # probability
    ("unreachable", "i1"),
    ("refusing", "i1"),  # also while crashed
    ("crashed", "i1"),
    ("cut", "i1"),  # some clients are cut off: see CUT
    ("stalled", "i1"),
    ("calm", "i1"),  # no message is lost
)

# From `start` on, until `end`, a server is cut off from the clients [first, last], or from those of them that have
# a row of CONFIG: one group; 0: any.
CUT = rows(("start", "i8"), ("end", "i8"), ("server", "i8"), ("first", "i8"), ("last", "i8"), ("row", "i8"))

# From `start` on, until `end`, a client is down: it has crashed. `entry` is the fault's place in the list. Rows of
# a client are contiguous, in order, and do not touch.
OUTAGE = rows(
    ("start", "i8"),
    ("end", "i8"),
    ("client", "i4"),
    ("number", "i4"),  # among the client's
    ("entry", "i8"),
)

# What users do whose client is back after a crash of an entry of the list.
RESTART = rows(
    ("again", "i8"),  # whether they start again what ran
    ("delay", "f8"),  # after such a time, ns, on average
    ("distribution", "i8"),
    ("cv", "f8"),
)

# A point of the day profile: from `hour` (ns within the period) the factor runs linearly to the next row's.
POINT = rows(
    ("hour", "i8"),
    ("factor", "f8"),
    ("integral", "f8"),  # of the factor, from the period's start
)

# A number of licenses that a launch may take. Rows of a product are contiguous.
SIZE = rows(("up_to", "f8"), ("count", "i8"))  # up_to: cumulative probability, the product's last one 1

# One launch of a recorded trace, in order of client and time. A count of 0 is drawn.
RECORDED = rows(("time", "i8"), ("run_time", "i8"), ("client", "i4"), ("product", "i2"), ("count", "i2"))
