"""Rows of clients and their slots, and the words that their fields take."""

from .rows import rows

# What a client has in flight: a slot's request (the slot's number), or one of these; the last three end a pause.
NOTHING = -1
BEAT = -2  # a heartbeat
RESUME = -3  # try the same server again
MOVE = -4  # fail over
COME_BACK = -5  # from offline

# State of a client's link to its server.
ONLINE = 0
RETRYING = 1  # waits to try the same server again, or tries
SEARCHING = 2  # tries other servers
OFFLINE = 3  # asks no server
DOWN = 4  # has crashed: hears nothing, either

# Marks of a client, as bits.
BEAT_DUE = 1  # a heartbeat is due
RELEASE_PENDING = 2  # a timer is set to offer its pending releases
ROAMING = 4  # it has, or may soon have, business at another site
HIT = 8  # a fault has hit it, and no server has served it since

# 64 bytes: one cache line.
CLIENT = rows(
    ("serial", "i8"),  # of the latest event that it sent or set for itself
    ("digest", "u8"),  # running hash of all events that it has handled
    ("home", "i4"),  # its first server
    ("server", "i4"),  # its current one
    ("tries_here", "i4"),  # failures at the current server since its last good answer
    ("beat_failures", "i4"),  # failures in a row of the heartbeat
    ("servers_tried", "i4"),  # changes of server since the last good answer
    ("attempt", "i4"),  # number of its latest message that is answered
    ("flight_attempt", "i4"),  # the attempt in flight
    ("timer", "i4"),  # number of the link's latest timer; older ones are stale
    ("deadline", "i4"),  # row of its time-out in `deadlines`, or NONE
    ("draws", "i4"),  # random numbers drawn for decisions
    ("wants", "u4"),  # slots that want an answer, as bits
    ("flight", "i1"),  # what is in flight
    ("resend", "i1"),  # what failed and is tried next: a slot, BEAT or NOTHING
    ("link", "i1"),
    ("marks", "i1"),
)

# State of a slot.
IDLE = 0  # its user thinks
AWAITING = 1  # awaits an answer
METERED = 2  # runs under a lease
UNMETERED = 3  # runs without one, the client being offline
WILL_ASK = 4  # its user was denied and asks again later
CALLED = 5  # its user was denied and waits to be called back
WILL_START = 6  # its program ended in a crash of the client, and its user starts it again

# Marks of a slot, as bits.
RUNNING = 1  # its program runs
REACHED = 2  # a request for it reached the server that was asked
KEPT = 4  # a late grant from the server that was asked is kept
DENIED = 8  # its user waits after a denial that was the first answer
STOPPED = 16  # its user waits after a denial that stopped a program that ran by right
MOVED = 64  # its client has left the server of its lease of its own accord
LATE = 32  # a request of its program may be served after it has been answered, or is no longer waited for
WAITS = DENIED | STOPPED

# A slot runs one metered program at a time, and has room for a timer (queue/events.py). 64 bytes: one cache line.
SLOT = rows(
    ("timer_time", "i8"),
    ("timer_serial", "i8"),
    ("launched", "i8"),  # when its program was launched
    ("timer_program", "i4"),
    ("timer_epoch", "i4"),
    ("program", "i4"),  # number of its latest launch, from 1
    ("epoch", "i4"),  # changes with each start, stop and request: timers of older epochs are stale
    ("lease", "i4"),  # server of the lease that its program runs under, or NONE
    ("asked", "i4"),  # server that was asked and has not answered, or NONE
    ("failures", "i4"),  # failures in a row of this request
    ("product", "i2"),
    ("state", "i1"),
    ("marks", "i1"),
    ("timer", "i1"),  # kind of the timer in this row, kinds.FREE if none
    ("flight_failures", "i4"),  # failures in a row of its request in flight, whose program may have ended since
)

# How a client means to come back to its preferred server, or to go on to another.
STAY = rows(
    ("timer", "i4"),  # number of its latest timer; older ones are stale
    ("since", "i4"),  # the client's attempt number when it came to its server: older probes mean nothing
    ("plans", "i4"),  # made since then
    ("draws", "i4"),  # random numbers drawn for plans
    ("action", "i1"),  # of its latest plan
)

# What a client's failover policy hears of its link.
CONTACT = rows(
    ("sent", "i8"),  # when what is in flight was sent
    ("round_trip", "i8"),  # of its latest answer, ns
    ("told", "i4"),  # value of the latest grant or denial of its server, plus one (queue/told.py); 0: none yet
    ("moves", "i4"),  # changes of server that the policy has made in a row before a request
    ("permitted", "i1"),  # a slot whose request may be sent as the connection is there for which it waited, from 1
)

# A client's connection to its current server; it asks for one as it has something to send there.
CONNECTION = rows(
    ("number", "i4"),  # of its latest: what is set for an earlier one means nothing
    ("attempt", "i4"),  # that it last asked for one with: its server tells its connections apart by that
    ("program", "i4"),  # for which it last asked for one, and of which slot; 0: for a heartbeat
    ("slot", "i2"),
    ("is_open", "i1"),
    ("is_known", "i1"),  # whether the server may know of one that the client has not closed
)

# A lease left behind that a client still means to give back: it offers it to the server until it answers.
PENDING_RELEASE = rows(
    ("server", "i4"),
    ("next", "i4"),  # row of the client's next one, or of the next free one
    ("since", "i4"),  # only the answer to a later attempt settles it
)

# What a slot's denied user has put up with, in this wait.
PATIENCE = rows(
    ("since", "i8"),  # its first denial
    ("program", "i4"),
    ("tries", "i4"),  # times that the user has asked
    ("servers_asked", "i4"),  # servers that have denied the latest try
    ("draws", "i4"),  # times that the policy was asked, in all waits
)

# What a client does with a program whose lease its server has lost (`clients.on_lost_lease`).
RUN_ON, REQUEST, STOP = range(3)

# How launches come (`workload.arrivals`).
CLOSED, OPEN, TRACE = range(3)
