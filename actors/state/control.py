"""Run state that belongs to no agent: one row, where each field says how shards merge it."""

from typing import NamedTuple

from .rows import rows


class Field(NamedTuple):
    """A field of the control row, and what a world's row has of its shards' rows."""

    name: str
    merge: str  # SUM, MAX, or LOCAL: means nothing outside of its shard, 0 in a world's row


SUM, MAX, LOCAL = "sum", "max", "local"

FIELDS = (
    # the loop
    Field("now", LOCAL),
    Field("next", LOCAL),  # time of the next event
    Field("status", LOCAL),  # why the loop returned: state/status.py
    Field("horizon", LOCAL),  # events before it may be handled
    Field("events", SUM),
    Field("same_time", LOCAL),  # events handled at this instant
    # calendar
    Field("cursor", LOCAL),  # number of the open bucket since time 0
    Field("open", LOCAL),  # entries of its heap
    Field("pending", LOCAL),  # events that wait in buckets
    Field("unfiled", LOCAL),  # list of those that are to be put into buckets
    Field("crowd", LOCAL),  # room that the heap would need for the next bucket, if it has too little
    Field("ahead", LOCAL),  # up to this bucket memory has been fetched
    Field("free_event", LOCAL),
    Field("fresh_event", LOCAL),
    Field("free_events", LOCAL),
    Field("deadline", LOCAL),  # time of the first deadline
    Field("deadlines_begin", LOCAL),
    Field("deadlines_end", LOCAL),
    Field("next_transit", LOCAL),  # when the first message in transit is due
    Field("transit_begin", LOCAL),
    Field("transit_end", LOCAL),
    Field("fetched_lease", LOCAL),  # see prefetching.fetch_lease
    # messages for other shards
    Field("outgoing", LOCAL),
    Field("foreign", LOCAL),  # messages of other shards that are here and may lead to an answer
    Field("sent_within", LOCAL),  # the earliest arrival among the outgoing: at shards that share a site with this
    Field("sent_across", LOCAL),  # and at others
    # free lists
    Field("free_lease", LOCAL),
    Field("free_leases", LOCAL),
    Field("free_pending_release", LOCAL),
    Field("free_pending_releases", LOCAL),
    # ledger
    Field("sample_index", LOCAL),  # the current sample; 0 is the warm-up
    Field("sample_end", LOCAL),
    Field("row", LOCAL),  # of CONFIG: for whom is counted. 0: no client, or there are no groups
    Field("counting", LOCAL),  # where the counts of the sample begin in `series`, for that row
    Field("measuring", LOCAL),
    Field("wait_count", SUM),
    Field("wait_max", MAX),
    Field("queue_count", SUM),
    Field("queue_max", MAX),
    Field("waiting", SUM),
    Field("unmetered", SUM),
    Field("unanswered", SUM),  # programs that wait for a server's answer
    Field("hit", SUM),  # clients that a fault has hit and no server has served since
    Field("served_again", MAX),  # when the latest of those that were hit before was served
    Field("away", SUM),  # clients that are online at another server than their first
    Field("retrying", SUM),  # clients by the state of their link; all others are online
    Field("searching", SUM),
    Field("offline", SUM),
    Field("down", SUM),
    Field("connected", SUM),  # clients with a connection to their server
    Field("unbalanced", SUM),  # servers whose share of clients is out of tolerance
    Field("balanced", MAX),  # when the latest of those that were came back into it
    Field("leased", SUM),
    Field("ghosts", SUM),
    Field("orphans", SUM),  # of those
    Field("overissued", MAX),
    Field("callbacks", LOCAL),  # users who wait to be called back
    Field("journaled", LOCAL),
    Field("stepping", LOCAL),  # whether the loop returns after each event, which takes a journal
    Field(
        "at_once", LOCAL
    ),  # messages in servers' queues that take no service time: one event may answer them all
    # sites
    Field("visitors", LOCAL),
    Field("roaming", LOCAL),  # see agents/roaming.py
    Field("next_round", LOCAL),  # when balancing between sites begins next
    Field("balancing", LOCAL),  # the site whose balancing policy is asked
    # what an invariant found
    Field("agent", LOCAL),
    Field("value", LOCAL),
)

CONTROL = rows(*((field.name, "i8") for field in FIELDS))
