"""The metrics of a world whose time is over."""

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oracles.reference.world import World

COUNTS = [
    *("launches", "suppressed", "attempts", "grants", "denials", "evictions", "gave_up"),
    *("denials_misplaced", "denials_stranded", "denials_ghost", "denials_exhausted"),
    *("denials_capped", "denials_reserved"),
    *("timeouts", "refusals", "overloaded", "retries", "failovers", "offline_spells", "unmetered_starts"),
    *("failbacks", "probes", "programs_moved", "double_grants", "leases_lost", "messages", "messages_lost"),
    *("client_crashes", "leases_orphaned", "programs_restarted", "connects", "connects_dropped", "resets"),
    "silences",
]

Metrics = dict[str, float | None]


def metrics(world: "World") -> Metrics:
    """All that the reference knows, by name."""
    for level in world.measures.levels:
        level.set(level.value)
    counts = {name: float(world.measures.counts[name]) for name in COUNTS}
    return {
        **counts,
        **fractions(counts),
        "goodput_per_s": counts["grants"] / world.scenario["run"]["duration_s"],
        "storm_peak_ratio": storm_peak_ratio(world),
        "overissued": float(world.measures.overissued),
        **over_time(world),
        **summary("wait_s", world.measures.waits),
        **summary("queue_s", world.measures.queueing),
        **client_burden(world),
        "time_to_recover_s": None,
        "time_to_balance_s": since_faults_s(world, bool(world.balance.out), world.balance.righted),
        "time_to_last_client_s": since_faults_s(world, bool(world.measures.hit), world.measures.answered_again),
    }


def fractions(counts: dict[str, float]) -> Metrics:
    decided = counts["grants"] + counts["denials"]
    abnormal = counts["denials_misplaced"] + counts["denials_stranded"] + counts["denials_ghost"]
    return {
        "denial_fraction": counts["denials"] / decided if decided else None,
        "abnormal_denial_fraction": abnormal / decided if decided else None,
        "amplification": counts["attempts"] / counts["launches"] if counts["launches"] else None,
    }


def over_time(world: "World") -> Metrics:
    duration, measures = world.scenario["run"]["duration_s"], world.measures
    busy = [server.busy.area / duration for server in world.servers]
    return {
        "unmetered_license_hours": measures.unmetered.area / 3600,
        "ghost_license_hours": sum(level.area for level in measures.ghosts) / 3600,
        "orphan_license_hours": measures.orphans.area / 3600,
        "licenses_in_use_mean": measures.in_use.area / duration,
        "waiting_users_mean": measures.waiting_users.area / duration,
        "imbalance_mean": max(level.area for level in world.imbalance.levels) / duration,
        "imbalance_max": max(level.peak for level in world.imbalance.levels),
        "server_utilization_mean": sum(busy) / len(busy),
        "server_utilization_max": max(busy),
    }


def client_burden(world: "World") -> Metrics:
    """Of the sample with the most attempts."""
    duration, width = (world.scenario["run"][key] for key in ("duration_s", "sample_s"))
    by_sample, clients = world.measures.attempts_by_sample, len(world.clients)
    whole = max(1, math.floor(duration / width + 1e-9))  # CHOICE: a last one that is shorter does not count
    most = max((n for k, n in by_sample.items() if k < whole), default=0)
    worst = most / clients / min(width, duration)  # attempts per second of client time
    return {
        "client_busy_fraction": worst * world.scenario["clients"]["attempt_cpu_ms"] / 1000,
        "attempts_per_client_hour_peak": worst * 3600,
    }


def storm_peak_ratio(world: "World") -> float | None:
    """Of whole seconds, the highest at any server, over the mean before at that same server.

    CHOICE: before is the measured time before the first fault; the warm-up when there is none. The second in which
    the first fault comes counts as a whole.
    """
    if world.faults.first == math.inf:
        return None
    server = max(world.servers, key=lambda server: server.peak)
    begin = world.warmup_s if world.faults.first > world.warmup_s else 0.0
    before = sum(begin <= time < world.faults.first for time in server.early)
    return server.peak * (world.faults.first - begin) / before if before else None


def since_faults_s(world: "World", is_wrong: bool, righted: float) -> float | None:
    """From the end of the last fault until all is right: clients answered or where they prefer to be."""
    faults, run = world.faults, world.scenario["run"]
    end_s = world.warmup_s + run["duration_s"]
    if faults.first >= end_s:
        return None
    if is_wrong or faults.last >= end_s:
        return math.inf
    return max(0.0, righted - faults.last)


def summary(name: str, values: list[float]) -> Metrics:
    """Mean, percentiles (nearest rank) and maximum; null when there is nothing to sum up."""
    ranked = sorted(values)
    result: Metrics = {f"{name}_mean": sum(ranked) / len(ranked) if ranked else None}
    for percent in (50, 95, 99):
        result[f"{name}_p{percent}"] = ranked[math.ceil(len(ranked) * percent / 100) - 1] if ranked else None
    result[f"{name}_max"] = ranked[-1] if ranked else None
    return result
