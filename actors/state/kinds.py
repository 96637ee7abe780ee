"""The license protocol: kinds of messages, and of timers that agents set for themselves.

In FlexNet's terms: request = checkout, release = checkin, callback = queued checkout. Kinds of one sort have
consecutive numbers; `messaging/protocol.py` has the sorts.
"""

FREE = 0  # no event, where one might be: in a slot's row there is room for a timer

# Client to server.
# 1 + `value` licenses of `product` for `program` of `slot`; flags: call me back if you have too few; it has one
REQUEST = 1
RELEASE = 2  # what `program` of `slot` held is free again; never answered
# I am alive. value: the slots that hold or await a lease at the receiver, as bits; program: the attempt after
# which I was last started, so that leases asked for by then are not mine any more
HEARTBEAT = 3
KEPT_RELEASE = 4  # every lease of mine but those of the slots in value is free; answered, unlike RELEASE
PROBE = 5  # do you serve? I prefer you to the server that I have
CONNECT = 6  # let us keep a connection; what `slot` asks for, if anything, comes then
DISCONNECT = 7  # I have no connection, nor want one, of up to `attempt`; not served but heard by the host

# Server to client.
GRANT = 11  # value of this and the next: my queue and free licenses (queue/told.py), if its policies may ask
DENY = 12
OVERLOADED = 13  # value: when to come back (queue/durations.py), 0 if not said
REFUSED = 14
ACK = 15  # of a heartbeat; value: slots that it named and that have no lease here, as bits, if clients act on that
KEPT_ACK = 16
CALLBACK = 17  # what you asked for is (reserved and) free: ask again
PROBE_ACK = 18
MOVE_ON = 19  # I have more clients than my share: see whether the server that you prefer serves
CONNECTED = 20  # by my host, before I have accepted; value: how often what is wrong with me has changed so far

# Site server to server and back; and the same, one level up, among site servers (agents/site/intersite.py). A
# program other than 0 is the site, plus one, that taken licenses are for; but a REPORT among site servers has in
# `program` the licenses leased, in `attempt` the requests decided, and in `value` what the site owns.
ASK_REPORT = 21
REPORT = 22
TAKE = 23  # give up `value` free licenses of `product`
TAKEN = 24
GIVE = 25  # `value` more licenses of `product` are yours
GIVEN = 26  # they have arrived; sent, as DROP is, only where senders keep licenses until then (KB Q269547)
DROP = 27  # `value` of the licenses of `product` that you sent and kept have arrived
SHORT = 28  # I had too few licenses free for a request; said within a site, where balancing acts on that
RENEW = 29  # as of `program` s and `value` ns, use your licenses for a tenure; attempt of this sort: the term

# Client to observer: not a message of the system, but what is measured.
# The program of slot (0: any) no longer runs under a lease at server `value`, and does not wait for answers to
# attempts up to `attempt`.
NOTICE = 31
NOT_TAKEN = 32  # the grant of `attempt` at server `value` came late: the program awaits another answer there
ORPHANED = 33  # as NOTICE, of a program that ended in a crash of its client

# Timers of a client; LAUNCH, END, ASK_AGAIN and RELAUNCH are a slot's.
LAUNCH = 41
END = 42
LINK_TIMER = 43
HEARTBEAT_TICK = 44
ASK_AGAIN = 45
OFFER_RELEASES = 46
PLAN_DUE = 47  # what a client has planned to come back is due
CLIENT_CRASH = 48  # program: the fault's place in the scenario's list
CLIENT_BACK = 49
RELAUNCH = 50  # a user starts a program again that ended in a crash
CONNECT_AGAIN = 57  # a CONNECT has not been answered; program: how often it was sent again, this time included
CONNECTION_RESET = 58  # the server has crashed; program: the number of the connection
CONNECTION_SILENT = 59  # too many keep-alives have not been answered; likewise

# Timers of a server, and of a site server.
SCAN = 51
CRASH = 52
GRACE_END = 53
CALLBACK_CYCLE = 54
DRAIN = 55
STALL_END = 56
PEER_LOST = 64  # connection `attempt` of a client (program) is: silent, or closed while the server stood still
PEER_GRACE_END = 65  # such a connection was lost a grace ago, when `attempt` was the server's serial number
CRASH_GRACE_END = 66  # so were those that were lost in the crash with the serial number `attempt`
LAPSE = 67  # a server's tenure has run out, unless it was renewed
BALANCE = 61
REPORTS_DUE = 62
BALANCE_SITES = 63

# Timer of an observer.
SETTLE = 71  # it learns whether grants were taken up that were under way when server `value` lost the leases
