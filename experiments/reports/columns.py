"""The columns of a run's Parquet tables, in order, and what each one means."""

from meterstorm.actors.state.counters import COUNTERS

from ..runs.table import COLUMNS, COLUMNS_OF_GROUPS

# Every table has these.
KEYS = {name: COLUMNS[name] for name in ("case", "arm", "replication")}

SAMPLE = {
    "start_s": "start of the sample, s, from the end of the warm-up; the first row is the warm-up",
    "since_start_s": "the same, from the start of the simulation",
}
SERIES = {counter.column: counter.meaning for counter in COUNTERS}
QUEUEING = {"queue_us_total": "time that the requests served had waited at servers, us, summed"}

SERVER = {"server": "number of the server", "utilization": "busy share of the measured time"}
SERVERS = {
    "arrivals": "messages that arrived in the measured time",
    "refused": "messages refused by a fault, in the whole run",
    "dropped": "messages lost by a crash, in the whole run: those in the queue, and the one in service",
    "decided": "requests granted or denied, in the whole run",
    "denied": "requests denied, in the whole run",
    "queue_max": "most requests that waited at once, in the whole run",
    "peak": "most arrivals in one second from the first fault on",
    "clients": "clients of its site that it was the last to hear from, at the end of the run",
}

SERVER_NUMBER = {"server": SERVER["server"]}
SERVER_SERIES = {
    "licenses": "licenses in its pools at the end of the sample; a shared pool is at its site's first server",
    "leases": "licenses of those that are leased at the end of the sample",
    "queue": "requests that wait at the end of the sample",
    "clients": "clients of its site that it was the last to hear from, at the end of the sample",
    "arrivals": "messages that arrived in the sample",
    "connected": "clients with a connection to it at the end of the sample, as they see it",
}

FAULTS = {
    "fault": "number of the fault in the scenario's list, from 0",
    "kind": "kind of the fault",
    "server": "number of the server that it holds at; none if clients crash, from the first of these to the last",
    "start_s": "its start, s, from the end of the warm-up",
    "end_s": "its end, likewise; it may come after that of the run",
}

JOURNAL = {
    "time_s": "when, s, from the end of the warm-up",
    "what": "handled, sent, lost, decided or moved",
    "kind": "kind of the event: request, grant, ...; of what is decided: retry, fail over, ask again, ...",
    "source_kind": "client, server, site server or observer: what sent it",
    "target_kind": "likewise: what handles it",
    "time": "when, ns from the start of the simulation: exact",
    "serial": "number of the event among those of its source",
    "target": "number of the agent that handles it (decided: of the server it is about; moved: of the server)",
    "source": "number of the agent that sent it: clients first, then servers, site servers, observers",
    "program": "number of the program's run in its slot",
    "attempt": "number of the attempt",
    "value": "a number that the kind of event gives meaning to",
    "slot": "slot of the client",
    "product": "product requested",
    "flag": "a mark that the kind of event gives meaning to",
}

TABLES = {
    "metrics.parquet": COLUMNS,
    "groups.parquet": COLUMNS_OF_GROUPS,
    "timeseries.parquet": KEYS | SAMPLE | SERIES | QUEUEING,
    "servers.parquet": KEYS | SERVER | SERVERS,
    "servers_timeseries.parquet": KEYS | SERVER_NUMBER | SAMPLE | SERVER_SERIES,
    "faults.parquet": KEYS | FAULTS,
    "journal.parquet": KEYS | JOURNAL,
}
