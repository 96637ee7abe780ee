"""Which parts of the time series are drawn: each measure, its columns and its unit."""

from typing import Literal, NamedTuple

Kind = Literal["rate", "state", "queue"]


class Measure(NamedTuple):
    """Something that is drawn over time, a line for each arm."""

    name: str
    title: str
    kind: Kind  # rate: counts a minute; state: at the end of each sample; queue: mean time of those served
    columns: tuple[str, ...]  # added up
    meaning: str


MEANT = {
    "misplaced": "a license was free within reach",
    "stranded": "free only out of reach",
    "ghost": "held by no program",
    "exhausted": "all in use",
    "capped": "the client would have had too many",
    "reserved": "free for others only",
}
CAUSES = {f"denials_{cause}": cause for cause in MEANT}
LINKS = {
    "clients_away": "on another",
    "clients_retrying": "retrying",
    "clients_searching": "searching",
    "clients_offline": "offline",
    "clients_down": "down",
    "clients_preferred": "on preferred",
}
ABNORMAL = ("denials_misplaced", "denials_stranded", "denials_ghost")

MEASURES = (
    Measure("abnormal-denials", "Abnormal denials", "rate", ABNORMAL,
            "A license was free, or held by nobody"),
    Measure("attempts", "Attempts", "rate", ("attempts",), "Requests sent to servers, repetitions included"),
    Measure("messages", "Messages", "rate", ("messages",), "Messages sent, of all kinds"),
    Measure("messages-lost", "Messages lost", "rate", ("messages_lost",), "Messages lost on the way"),
    Measure("queue", "Time in the queue", "queue", (), "Mean wait of the requests served"),
    Measure("waiting-users", "Waiting users", "state", ("waiting_users",), "Denied users who wait for a license"),
    Measure(
        "failed-links", "Failures of links", "rate", ("timeouts", "refusals", "overloaded", "resets"),
        "Time-outs, refusals, full queues and resets, after which a link retries or searches",
    ),
    Measure("failovers", "Changes of server", "rate", ("failovers",), "Links that go to another server"),
    Measure("offline", "Links that go offline", "rate", ("offline_spells",), "Clients stop asking for a while"),
    Measure("licenses", "Licenses in use", "state", ("licenses_in_use",), "Leased licenses"),
    Measure("ghosts", "Ghost leases", "state", ("ghost_leases",), "Leases that no program runs under"),
    Measure("unmetered", "Unmetered programs", "state", ("unmetered_programs",), "Programs run without a lease"),
    Measure(
        "unanswered", "Unanswered programs", "state", ("unanswered_programs",), "Programs that wait for an answer"
    ),
)  # fmt: skip
