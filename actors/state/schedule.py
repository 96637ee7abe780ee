"""Rows of what is known before a run begins: faults, the day profile, what launches take, recorded launches."""

from .rows import rows

# From `start` on, until `end`, a fault holds at a server. `entry` is its place in the scenario's list.
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

# From `start` on, until `end`, a server is cut off from the clients [first, last].
CUT = rows(("start", "i8"), ("end", "i8"), ("server", "i8"), ("first", "i8"), ("last", "i8"))

# A point of the day profile: from `hour` (ns within the period) the factor runs linearly to the next row's.
POINT = rows(
    ("hour", "i8"),
    ("factor", "f8"),
    ("integral", "f8"),  # of the factor, from the period's start
)

# A number of licenses that a launch may take. Rows of a product are contiguous.
SIZE = rows(("up_to", "f8"), ("count", "i8"))  # up_to: cumulative probability, the product's last one 1

# One launch of a recorded trace, in order of client and time. A count of 0 is not recorded: it is drawn.
RECORDED = rows(("time", "i8"), ("run_time", "i8"), ("client", "i4"), ("product", "i2"), ("count", "i2"))
