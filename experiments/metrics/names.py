"""The summary's metrics: their names, their units, and what each one means."""

from typing import NamedTuple

from meterstorm.actors.state.counters import COUNTERS


class Metric(NamedTuple):
    """A metric of one replication, over the measured time; null where it does not apply."""

    name: str
    unit: str  # "": a number, or a share of 1
    meaning: str


VIRTUAL: tuple[Metric, ...] = (
    *(Metric(counter.column, "", counter.meaning) for counter in COUNTERS if counter.is_metric),
    Metric("denials", "", "DENY answers, evictions included"),
    Metric("denial_fraction", "", "denials per decided request (grants + denials)"),
    Metric("abnormal_denial_fraction", "", "misplaced, stranded and ghost denials per decided request"),
    Metric("unmetered_license_hours", "h", "program-hours run without a lease, for whatever reason"),
    Metric("amplification", "", "attempts per launch"),
    Metric("goodput_per_s", "1/s", "grants taken up per second"),
    Metric(
        "storm_peak_ratio",
        "",
        "highest 1 s arrival rate at a server from the first fault on, over its mean before",
    ),
    Metric(
        "imbalance_mean",
        "",
        "distance of where licenses are from where demand is (total variation), worst product: time mean",
    ),
    Metric("imbalance_max", "", "the same distance: maximum"),
    Metric("ghost_license_hours", "h", "license-hours of leases without a program"),
    Metric("orphan_license_hours", "h", "of these, those of programs that ended in a crash of their client"),
    Metric("overissued", "", "the most licenses ever leased beyond those owned; more than 0 is a defect"),
    Metric("licenses_in_use_mean", "", "licenses in use: time mean"),
    Metric("waiting_users_mean", "", "users who wait for a license after a denial: time mean"),
    Metric("wait_s_mean", "s", "time from launch to grant, or to denial when the user then gives up: mean"),
    Metric("wait_s_p50", "s", "time from launch to grant or denial: median"),
    Metric("wait_s_p95", "s", "time from launch to grant or denial: 95th percentile"),
    Metric("wait_s_p99", "s", "time from launch to grant or denial: 99th percentile"),
    Metric("wait_s_max", "s", "time from launch to grant or denial: maximum"),
    Metric("queue_s_mean", "s", "time a request waits at a server before its service: mean"),
    Metric("queue_s_p50", "s", "time a request waits at a server before its service: median"),
    Metric("queue_s_p95", "s", "time a request waits at a server before its service: 95th percentile"),
    Metric("queue_s_p99", "s", "time a request waits at a server before its service: 99th percentile"),
    Metric("queue_s_max", "s", "time a request waits at a server before its service: maximum"),
    Metric("server_utilization_mean", "", "busy share of a server: mean over servers"),
    Metric("server_utilization_max", "", "busy share of a server: the busiest one"),
    Metric("client_busy_fraction", "", "share of client time spent on attempts, in the worst sample"),
    Metric("attempts_per_client_hour_peak", "1/h", "attempts per client-hour, in the worst sample"),
    Metric(
        "time_to_recover_s",
        "s",
        "time from the end of the last fault until denials, queueing, waiting users, unmetered and unanswered "
        "programs are, and stay, as few as before the first; or inf",
    ),
    Metric(
        "time_to_balance_s",
        "s",
        "time from the end of the last fault until each server's share of its site's clients (those last heard "
        "there) is, and stays, within 5 percentage points of the share that prefers it; or inf",
    ),
    Metric(
        "time_to_last_client_s",
        "s",
        "time from the end of the last fault until a server has answered every client that faults had hit; or inf",
    ),
)

# Measured on the wall clock only.
WALL: tuple[Metric, ...] = (
    Metric("cpu_s_clients", "s", "CPU time used by the clients (wall clock only)"),
    Metric("cpu_s_servers", "s", "CPU time used by the servers (wall clock only)"),
    Metric("cpu_us_per_attempt", "us", "CPU time of clients and servers for each attempt (wall clock only)"),
    Metric("messages_per_s", "1/s", "messages per real second (wall clock only)"),
    Metric(
        "round_trip_ms_p50",
        "ms",
        "simulated time from when a request was meant to be sent to its answer: median (wall clock only)",
    ),
    Metric(
        "round_trip_ms_p99",
        "ms",
        "simulated time from when a request was meant to be sent to its answer: 99th percentile (wall clock only)",
    ),
    Metric("messages_unsent", "", "messages that were due and never left their process (wall clock only)"),
    Metric("lateness_ms_p99", "ms", "real time by which events were late: 99th percentile (wall clock only)"),
)

# Of servers and sites, not of clients, or known only of the whole: a group of clients has none.
NOT_OF_GROUPS = frozenset(
    (
        *("storm_peak_ratio", "imbalance_mean", "imbalance_max", "overissued", "licenses_in_use_mean"),
        *("ghost_license_hours", "orphan_license_hours", "wait_s_max", "server_utilization_mean"),
        *("queue_s_mean", "queue_s_p50", "queue_s_p95", "queue_s_p99", "queue_s_max", "server_utilization_max"),
        *("time_to_recover_s", "time_to_balance_s", "time_to_last_client_s"),
    )
)

METRICS: tuple[str, ...] = tuple(metric.name for metric in VIRTUAL)
METRICS_OF_GROUPS: tuple[str, ...] = tuple(name for name in METRICS if name not in NOT_OF_GROUPS)
WALL_METRICS: tuple[str, ...] = tuple(metric.name for metric in WALL)
MEANINGS: dict[str, str] = {metric.name: metric.meaning for metric in VIRTUAL + WALL}


class Named(NamedTuple):
    """A metric as expectations, comparisons and reports name it: the world's, or that of one group of clients."""

    metric: str
    group: str | None = None  # None: of the world

    def __str__(self) -> str:
        return self.metric if self.group is None else f"{OF_GROUPS}{self.group}.{self.metric}"

    @property
    def meaning(self) -> str:
        """Return what it means; nothing, if there is no such metric."""
        words = MEANINGS.get(self.metric, "")
        return words if self.group is None else f"{words}; of the clients of “{self.group}”"


OF_GROUPS = "groups."


def named(name: str) -> Named:
    """Return the metric that a name stands for: `METRIC`, or `groups.NAME.METRIC`; no metric has a dot."""
    group, dot, metric = name.removeprefix(OF_GROUPS).rpartition(".")
    return Named(metric, group) if name.startswith(OF_GROUPS) and dot else Named(name)
