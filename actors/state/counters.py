"""What is counted: one line a counter, with its column in timeseries.parquet and its meaning.

Numbers, columns of the time series, metrics of the summary and the documentation follow from this table.
"""

from typing import NamedTuple


class Counter(NamedTuple):
    """A column of the time series: a count, or a state at the end of each sample."""

    column: str
    meaning: str
    is_metric: bool  # whether its sum is a metric of the summary, under the same name


COUNTERS: list[Counter] = []


def _count(column: str, meaning: str, is_metric: bool = True) -> int:
    COUNTERS.append(Counter(column, meaning, is_metric))
    return len(COUNTERS) - 1


# Counts.
LAUNCHES = _count("launches", "programs launched")
SUPPRESSED = _count(
    "suppressed", "launches that did not happen because the program's slot was busy, or its client down"
)
ATTEMPTS = _count("attempts", "requests sent to a server, first tries and repetitions alike")
GRANTS = _count("grants", "grants that a program took up")
MISPLACED = _count("denials_misplaced", "denials while the licenses asked for were free on a reachable server")
STRANDED = _count("denials_stranded", "denials while as many were free only on an unreachable server")
GHOST = _count(
    "denials_ghost", "denials that licenses held by leases whose programs no longer ran would have prevented"
)
EXHAUSTED = _count("denials_exhausted", "denials because licenses were in use: the normal ones")
CAPPED = _count("denials_capped", "denials because the client would have had more licenses than it may")
KEPT = _count("denials_reserved", "denials because what was free is reserved for other clients")
EVICTIONS = _count(
    "evictions",
    "programs killed while they ran under a lease: denied another one, or stopped because that one was lost",
)
GAVE_UP = _count("gave_up", "launches that ended without a license because no server decided")
TIMEOUTS = _count("timeouts", "link failures: no answer in time")
REFUSALS = _count("refusals", "link failures: refused after one round trip")
OVERLOADS = _count("overloaded", "link failures: the server answered that its queue was full")
RETRIES = _count("retries", "attempts repeated at the same server after a link failure")
FAILOVERS = _count(
    "failovers", "changes of server after a link failure, or a denial after which the next server is asked"
)
FAILBACKS = _count("failbacks", "changes of server without a failure, as the failback policy plans")
PROBES = _count("probes", "probes sent to preferred servers")
PROGRAMS_MOVED = _count("programs_moved", "programs requested again because their client moved without a failure")
DOUBLE_GRANTS = _count(
    "double_grants",
    "grants to programs that ran under a lease elsewhere: two licenses are in use for one until that one is free",
)
OFFLINE_SPELLS = _count("offline_spells", "spells that clients spent offline")
UNMETERED_STARTS = _count("unmetered_starts", "programs started without an answer because the client was offline")
LEASES_LOST = _count(
    "leases_lost", "leases lost in a crash of their server, or reclaimed, while their programs ran on"
)
CLIENT_CRASHES = _count("client_crashes", "crashes of clients")
LEASES_ORPHANED = _count(
    "leases_orphaned", "leases that became ghosts as their programs ended in a crash of their client"
)
PROGRAMS_RESTARTED = _count(
    "programs_restarted", "programs started again after a crash of their client; launches, too"
)
CONNECTS = _count("connects", "connections asked for, repetitions by the clients' network included")
CONNECTS_DROPPED = _count(
    "connects_dropped", "of these, those that a server dropped since its backlog of connections was full"
)
RESETS = _count("resets", "connections lost in a crash of their server")
SILENCES = _count("silences", "connections lost because their keep-alives were not answered")
MESSAGES = _count("messages", "messages sent, of all kinds")
MESSAGES_LOST = _count("messages_lost", "messages lost on the way")
QUEUED = _count("requests_served", "requests whose service began", is_metric=False)

# States at the end of a sample.
IN_USE = _count("licenses_in_use", "licenses in use at the end of the sample", is_metric=False)
GHOST_LEASES = _count("ghost_leases", "licenses leased to no program at the end of the sample", is_metric=False)
WAITING_USERS = _count(
    "waiting_users", "denied users who wait for a license at the end of the sample", is_metric=False
)
UNMETERED_PROGRAMS = _count(
    "unmetered_programs", "programs that run without a lease at the end of the sample", is_metric=False
)
UNANSWERED_PROGRAMS = _count(
    "unanswered_programs", "programs that wait for a server's answer at the end of the sample", is_metric=False
)
AT_PREFERRED = _count(
    "clients_preferred", "clients online at their preferred server at the end of the sample", is_metric=False
)
AT_ANOTHER = _count("clients_away", "clients online at another server at the end of the sample", is_metric=False)
RETRYING = _count(
    "clients_retrying",
    "clients that wait to try the same server again, or try it, at the end of the sample",
    is_metric=False,
)
SEARCHING = _count("clients_searching", "clients that try other servers at the end of the sample", is_metric=False)
OFFLINE = _count("clients_offline", "clients that ask nobody at the end of the sample", is_metric=False)
DOWN = _count(
    "clients_down", "clients that have crashed, and are not back, at the end of the sample", is_metric=False
)
CONNECTED = _count(
    "clients_connected", "clients with a connection to their server at the end of the sample", is_metric=False
)

STATES_FROM = IN_USE  # columns from here on are states, not counts
COLUMNS = len(COUNTERS)

# Histograms of durations: which, and how many bins each has (records/ledger.py).
WAIT, QUEUE = 0, 1
HISTOGRAMS = 2

BINS = 64 * 32

CAUSES = {  # of denials: their columns
    one.column.removeprefix("denials_"): number
    for number, one in enumerate(COUNTERS)
    if one.column.startswith("denials_")
}
