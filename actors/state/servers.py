"""Rows of servers and sites, their licenses and the holders of these, and the words that their fields take."""

from .rows import rows

SERVER = rows(
    ("serial", "i8"),
    ("digest", "u8"),
    ("head", "i4"),  # first and last message that waits, rows of events
    ("tail", "i4"),
    ("standing", "i8"),  # since when messages have waited, ns, if any does; kept where the newest may go first
    ("serving", "i4"),  # the message in service, a row of events
    ("waiting", "i4"),  # requests that wait
    ("connecting", "i4"),  # connections that wait to be accepted
    ("served", "i8"),  # services drawn
    ("busy_area", "i8"),  # time in service, us: see records/ledger.py
    ("oldest", "i4"),  # leases in the order in which they were last heard of
    ("newest", "i4"),
    ("unsettled", "i4"),  # first lease that was lost while its grant was under way
    ("reported", "i4"),  # whether it has answered in the present balancing cycle
    ("clients", "i8"),  # of its site, that it was the last to hear of
    ("preferred", "i8"),  # clients whose first server it is
    ("drained", "i8"),  # the last of its site's clients that it has asked to move, from the first of them on
    ("second_end", "i8"),  # end of the second in which arrivals are counted now, ns
    ("second_count", "i8"),
    ("peak", "i8"),  # arrivals in the busiest second from the first fault on
    ("before", "i8"),  # arrivals before the first fault, and those of them in measured time
    ("before_measured", "i8"),
    ("arrivals", "i8"),  # in measured time
    ("refused", "i8"),
    ("dropped", "i8"),  # lost in crashes
    ("decided", "i8"),
    ("denied", "i8"),
    ("queue_max", "i8"),  # most requests that ever waited
    ("up_from", "i8"),  # when its last crash ends or ended, ns; 0: there was none
    ("spared", "i8"),  # until when no lease is reclaimed, ns: for some time after a crash
    ("next_word", "i8"),  # from when on it says again that it is short of licenses
    ("until", "i8"),  # when its tenure runs out unless it is renewed: from then on it has lapsed
    ("watched", "i8"),  # when the timer fires that looks whether it has; 0: there is none
    ("lapsed", "i8"),
    ("term", "i8"),  # the number of its term, as it knows, and as the site server does
    ("site_term", "i8"),
    ("renewed", "i8"),  # when the site server last sent it word that it may use its licenses
    ("site", "i4"),
    ("first_client", "i4"),  # the clients of its site: [first_client, end_client)
    ("end_client", "i4"),
    ("first_pool", "i4"),  # row of its pool of product 0
    ("first_product", "i4"),  # row of its site's product 0
)

# What is seen of a server at the end of a sample; row sample * local servers + its number among those.
SERVER_SAMPLE = rows(
    ("licenses", "i8"),  # in its pools
    ("leases", "i8"),  # of those
    ("queue", "i8"),  # requests that wait
    ("clients", "i8"),  # of its site, that it was the last to hear of
    ("arrivals", "i8"),  # since the start of the simulation
    ("connected", "i8"),  # clients with a connection to it, as they see it; once the shards' tallies are added up
)

DRAINED_MOST = 64  # clients that a server asks to move in a second

# A server's licenses of one product; row server * products + product. Under a shared pool only those of a site's
# first server are used, but for `requests`.
POOL = rows(
    ("allocated", "i8"),  # = free + reserved + leased
    ("free", "i8"),
    ("reserved", "i8"),  # for users who were called back
    ("leased", "i8"),
    ("earmarked", "i8"),  # its part of the reservation for some clients
    ("favored", "i8"),  # leased to these, or reserved for their users who were called back
    ("requests", "i8"),  # licenses asked for by requests decided since the last report
    ("reported_allocated", "i8"),  # by the last report, and the orders since
    ("reported_leased", "i8"),
    ("reported_requests", "i8"),
    ("target", "i8"),  # what the balancing policy wants it to have
    ("need", "i8"),  # licenses that it is still to be given
    ("unacknowledged", "i8"),  # licenses that its server sent and keeps (KB Q269547)
    ("lapsed", "i8"),  # licenses that its server may use again if its tenure is renewed within this term
    ("held", "i8"),  # licenses that its server has in this term, by the site server's books
    ("queue_head", "i4"),  # users who wait to be called back, rows of events
    ("queue_tail", "i4"),
)

# A site's licenses of one product; row site * products + product.
PRODUCT = rows(
    ("up_to", "f8"),  # cumulative popularity, the last one 1
    ("first_size", "i8"),  # row of the first of its launches' sizes
    ("cap", "i8"),  # most licenses of one pool that a client may have; 0: any number
    ("shared", "i8"),  # whether a client's programs share their licenses at a server
    ("first_favored", "i8"),  # the clients for whom some are reserved: [first_favored, last_favored],
    ("last_favored", "i8"),
    ("favored_row", "i8"),  # or those of them that have this row of CONFIG: one group; 0: any
    ("owned", "i8"),  # by the site
    ("copies", "i8"),  # in transit and still in their sender's pool (KB Q269547)
    ("allocated", "i8"),  # in all pools
    ("in_transit", "i8"),  # between a server and the site server
    ("reserve", "i8"),  # at the site server
    ("lapsed", "i8"),  # with servers that have lapsed, less what the site server has taken back of them
    ("shipped", "i8"),  # to other sites, less what has come from there
    ("leased", "i8"),
    ("ghosts", "i8"),  # licenses held by ghosts
    ("distance", "i8"),  # of licenses from demand: see records/ledger.py
    ("distance_since", "i8"),
    ("imbalance_area", "f8"),
    ("imbalance_max", "f8"),
    ("clients", "i8"),  # of the site
    ("reported_owned", "i8"),  # what the leader among the site servers knows of it, and makes of it
    ("reported_leased", "i8"),
    ("reported_requests", "i8"),
    ("target", "i8"),
)

# A site server and the observer beside it.
SITE = rows(
    ("serial", "i8"),
    ("digest", "u8"),
    ("observer_digest", "u8"),
    ("reports", "i8"),  # that have come in this cycle
    ("collecting", "i8"),  # whether reports are awaited
    ("asking", "i8"),  # reports of sites still awaited, by product
    ("began", "i8"),  # when the latest cycle did, within the site
    ("due", "i8"),  # when the next one does; an earlier timer is stale
)

# State of a lease.
LIVE = 1
GHOST = 2  # its program no longer runs under it
LOST = 3  # reclaimed or crashed away while its program runs on: it holds no license, but the time is counted
RESERVED = 4  # waits for a user who was called back; has `granted` from a lost one whose program still runs

# A lease belongs to one program of one slot of one client, at one server.
LEASE = rows(
    ("heard", "i8"),  # when it was last heard of
    ("arrival", "i8"),  # of the grant of `granted`
    ("client", "i4"),  # agent
    ("program", "i4"),
    ("server", "i4"),
    ("attempt", "i4"),  # the latest that asked for it
    ("next", "i4"),  # its client's next lease at this site, or the next free row
    ("older", "i4"),  # its neighbors in its server's order, or among the unsettled
    ("newer", "i4"),
    ("granted", "i4"),  # the attempt whose grant its program runs under; 0: none; less than 0: unsettled
    ("slot", "i2"),
    ("product", "i2"),
    ("count", "i2"),  # licenses that it holds; 0: another one holds the license that they share
    ("state", "i1"),
    ("orphan", "i1"),  # whether it is a GHOST because its client has crashed
)

# What a site knows of a client. First come the site's own clients, then visitors (agents/server/accounts.py).
ACCOUNT = rows(
    ("leases", "i4"),  # its newest lease
    ("heard_at", "i4"),  # the server that last heard from it
    ("abandoned", "i4"),  # the largest of its seats'
)

# What a site knows of a client's slot: its program no longer waits for answers to this attempt or earlier ones.
SEAT = rows(("abandoned", "i4"))

# What a server knows of a client's connections to it; row account * members + the server's number in its site.
PEER = rows(
    ("heard", "i8"),  # when the client hears of its latest, of the first answer that comes to it
    ("attempt", "i4"),  # the client's, that it asked for it with; 0: there was none
    ("closed", "i4"),  # up to this attempt the client has none, as it says
    ("lost", "i4"),  # the server's serial number when one was lost last
    ("state", "i1"),
)

# State of a peer.
CONNECTED = 1
LOST_OF_LATE = 2  # its leases are freed when the grace is over
LOST_IN_CRASH = 3  # likewise, with those of all who lost theirs then
LOST_FOR_GOOD = 4  # its leases have been freed

# What a site knows of a slot's user who was denied and may be called back.
CALLER = rows(
    # Number of the site server cycle in which another denial is certain (KB Q226823): up to 2e18.
    ("barred", "i8"),
    ("queued", "i4"),  # the denied attempt that waits; 0: none
    ("server", "i4"),
    ("program", "i4"),
)

# A client of another site, found by hash.
VISITOR = rows(
    ("client", "i4"),
    ("site", "i4"),
    ("next", "i4"),  # in its chain
)
