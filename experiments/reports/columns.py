"""The columns of a run's Parquet tables, in order, and what each one means."""

from meterstorm.actors import world

# Every table begins with these.
KEYS = {
    "case": "name of the case; null where the file has none",
    "arm": "name of the arm; null where the file has none",
    "replication": "number of the replication, from 0",
}

SAMPLE = {"start_s": "start of the sample, s, from the end of the warm-up; the first row is the warm-up"}
# In the order of world.py's columns.
SERIES = {
    "launches": "programs launched",
    "suppressed": "launches that did not happen because the program's slot was busy",
    "attempts": "requests sent to a server",
    "grants": "grants that a program took up",
    "denials_misplaced": "denials while a license was free on another reachable server",
    "denials_stranded": "denials while a license was free only on an unreachable server",
    "denials_ghost": "denials with none free, while a lease existed whose program no longer ran under it",
    "denials_exhausted": "denials because every license was in use",
    "evictions": "programs killed by a denial while they ran under a lease elsewhere",
    "gave_up": "launches that ended without a license because no server decided",
    "timeouts": "link failures: no answer in time",
    "refusals": "link failures: refused after one round trip",
    "overloaded": "link failures: the server's queue was full",
    "retries": "attempts repeated at the same server after a link failure",
    "failovers": "changes of server",
    "offline_spells": "spells offline that began",
    "unmetered_starts": "programs started without an answer because the client was offline",
    "messages": "messages sent, of all kinds",
    "messages_lost": "messages lost on the way",
    "requests_served": "requests whose service began",
    "queue_us_total": "time that these had waited at servers, us, summed",
    "licenses_in_use": "licenses in use at the end of the sample",
    "ghost_leases": "leases without a program at the end of the sample",
    "waiting_users": "denied users who wait for a license at the end of the sample",
    "unmetered_programs": "programs that run without a lease at the end of the sample",
}
assert len(SERIES) == world.COLUMNS

SERVER = {"server": "number of the server", "utilization": "busy share of the measured time"}
SERVERS = {
    "arrivals": "messages that arrived in the measured time",
    "refused": "messages refused by a fault",
    "dropped": "messages lost by a crash: those in the queue, and the one in service",
    "decided": "requests granted or denied",
    "denied": "requests denied",
    "queue_max": "most requests that waited at once",
    "peak": "most arrivals in one second from the first fault on",
    "clients": "clients whose server it is at the end of the run",
}

JOURNAL = {
    "time": "when, ns from the start of the simulation",
    "serial": "number of the event among those of its source",
    "target": "agent that handles it (DECIDED: the server that failed; MOVED: the server)",
    "source": "agent that sent it",
    "program": "number of the program's run in its slot",
    "attempt": "number of the attempt",
    "value": "a number that the kind of event gives meaning to",
    "slot": "slot of the client",
    "product": "product requested",
    "kind": "kind of the event (DECIDED: the action); numbers of actors/kinds.py",
    "flag": "a mark that the kind of event gives meaning to",
    "what": "0 handled, 1 sent, 2 lost, 3 decided, 4 moved",
}

TABLES = {
    "timeseries.parquet": KEYS | SAMPLE | SERIES,
    "servers.parquet": KEYS | SERVER | SERVERS,
    "journal.parquet": KEYS | JOURNAL,
}
