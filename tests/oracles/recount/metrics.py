"""Every metric of `experiments/README.md`, from books that are closed."""

import math
from collections import Counter
from typing import Any

from oracles.recount.books import Books
from oracles.recount.clock import MICROSECOND, SECOND, SampledLevel, ns
from oracles.recount.ledger import ABNORMAL, Ledger

WINDOW = 10  # samples in a window of the recovery; band: twice what was before, plus
SLACK = 10  # so many abnormal denials, or one service time
HOUR_US = 3600 * SECOND // MICROSECOND

COUNTS = (
    *("launches", "suppressed", "attempts", "grants", "denials", "evictions", "gave_up"),
    *("denials_misplaced", "denials_stranded", "denials_ghost", "denials_exhausted"),
    *("denials_capped", "denials_reserved"),
    *("timeouts", "refusals", "overloaded", "retries", "failovers", "offline_spells", "unmetered_starts"),
    *("failbacks", "probes", "programs_moved", "double_grants", "leases_lost", "messages", "messages_lost"),
    *("client_crashes", "leases_orphaned", "programs_restarted", "connects", "connects_dropped", "resets"),
    "silences",
)

Metrics = dict[str, float | None]


def metrics(books: Books) -> Metrics:
    """Return every metric by its name."""
    counts = {name: books.ledger.counts[name] for name in COUNTS}
    return {
        **counts,
        **_fractions(counts),
        "goodput_per_s": counts["grants"] / books.scenario.run.duration_s,
        "storm_peak_ratio": _storm_peak_ratio(books),
        "overissued": books.leases.holdings.overissued,
        **_over_time(books),
        **_durations("wait_s", books.ledger.waits),
        **_durations("queue_s", books.ledger.queueing),
        **_client_burden(books, books.ledger, books.scenario.clients.count),
        "time_to_recover_s": _time_to_recover_s(books),
        "time_to_balance_s": _time_to_balance_s(books),
        "time_to_last_client_s": _time_to_last_client_s(books),
    }


def of_groups(books: Books) -> dict[str, Metrics]:
    """Return the metrics of each group of clients, and of the rest."""
    return {name: _of_group(books, name, ledger) for name, ledger in books.ledger.parts.items()}


def _of_group(books: Books, name: str, ledger: Ledger) -> Metrics:
    counts = {name: ledger.counts[name] for name in COUNTS}
    clock, waits = books.clock, _durations("wait_s", ledger.waits)
    del waits["wait_s_max"]
    return {
        **counts,
        **_fractions(counts),
        "goodput_per_s": counts["grants"] / books.scenario.run.duration_s,
        "unmetered_license_hours": ledger.unmetered.total_us() / HOUR_US,
        "waiting_users_mean": ledger.waiting_users.total_us()
        / (clock.end // MICROSECOND - clock.start // MICROSECOND),
        **waits,
        **_client_burden(books, ledger, books.groups.of.count(name)),
    }


def _fractions(counts: dict[str, int]) -> Metrics:
    decided = counts["grants"] + counts["denials"]
    return {
        "denial_fraction": _ratio(counts["denials"], decided),
        "abnormal_denial_fraction": _ratio(sum(counts[f"denials_{cause}"] for cause in ABNORMAL), decided),
        "amplification": _ratio(counts["attempts"], counts["launches"]),
    }


def _over_time(books: Books) -> Metrics:
    """Means and maxima over the measured time."""
    ledger, clock, distances = books.ledger, books.clock, books.imbalance.distances
    span_us = clock.end // MICROSECOND - clock.start // MICROSECOND
    busy = [server.busy.total_us() / span_us for server in books.servers]
    return {
        "unmetered_license_hours": ledger.unmetered.total_us() / HOUR_US,
        "ghost_license_hours": ledger.ghost_leases.total_us() / HOUR_US,
        "orphan_license_hours": ledger.orphans.total_us() / HOUR_US,
        "licenses_in_use_mean": ledger.in_use.total_us() / span_us,
        "waiting_users_mean": ledger.waiting_users.total_us() / span_us,
        "imbalance_mean": max(distance.area for distance in distances) / (clock.end - clock.start),
        "imbalance_max": max(distance.worst for distance in distances),
        "server_utilization_mean": sum(busy) / len(busy),
        "server_utilization_max": max(busy),
    }


def _storm_peak_ratio(books: Books) -> float | None:
    """Of the server with the busiest second since the first fault: that second over its mean one before."""
    if not _has_faults(books) or books.faults.first_start is None:
        return None
    first = books.faults.first_start - books.clock.start
    peaks = [_peak(server.arrivals, first) for server in books.servers]
    busiest = books.servers[peaks.index(max(peaks))]
    since = 0 if first > 0 else -books.clock.start
    before = sum(since <= arrival < first for arrival in busiest.arrivals)
    return max(peaks) / (before / ((first - since) / SECOND)) if before else None


def _peak(arrivals: list[int], first: int) -> int:
    """The most arrivals in a second in which any came at `first` or later."""
    seconds = {arrival // SECOND for arrival in arrivals if arrival >= first}
    counts = Counter(arrival // SECOND for arrival in arrivals)
    return max((counts[second] for second in seconds), default=0)


def _client_burden(books: Books, ledger: Ledger, clients: int) -> Metrics:
    run = books.scenario.run
    whole = round(run.duration_s * SECOND) // ns(run.sample_s)
    width_s = run.sample_s if whole else run.duration_s
    worst = max(ledger.attempts[n] for n in range(max(1, whole))) / width_s / clients
    return {
        "client_busy_fraction": worst * books.scenario.clients.attempt_cpu_ms / 1000,
        "attempts_per_client_hour_peak": worst * 3600,
    }


def _time_to_recover_s(books: Books) -> float | None:
    """Until the first window after the faults from which on all are in the band; 0 if all of them are."""
    faults, clock, sample = books.faults, books.clock, books.ledger.sample_ns
    if not _has_faults(books) or faults.last_end is None or faults.first_start is None:
        return None
    whole = (clock.end - clock.start) // sample
    healthy = _healthy_windows(books, whole, (faults.first_start - clock.start) // sample)
    end = faults.last_end - clock.start
    after = [(n * sample, healthy[n]) for n in range(len(healthy)) if n * sample >= end]
    if not after or not after[-1][1]:
        return math.inf
    bad = [start for start, is_healthy in after if not is_healthy]
    return (bad[-1] + sample - end) / SECOND if bad else 0.0


def _healthy_windows(books: Books, whole: int, calm: int) -> list[bool]:
    """Whether each window of samples is in the band of the `calm` samples before the first fault."""
    if whole == 0:
        return []
    ledger, size = books.ledger, min(WINDOW, whole)
    windows = [range(n, n + size) for n in range(whole - size + 1)]
    abnormal = [sum(ledger.abnormal[n] for n in window) for window in windows]
    worst = max((abnormal[n] for n in range(calm - size + 1)), default=0)
    service = ns(books.scenario.servers.service_ms / 1000)
    levels = (ledger.waiting_users, ledger.unmetered, ledger.unanswered)
    most = 2 * _mean(ledger.queued_ns, ledger.queued, range(calm)) + service
    return [
        count <= 2 * worst + SLACK
        and _mean(ledger.queued_ns, ledger.queued, window) <= most
        and all(_is_in_band(level, window, calm) for level in levels)
        for count, window in zip(abnormal, windows, strict=True)
    ]


def _is_in_band(level: SampledLevel, window: range, calm: int) -> bool:
    """Whether there are no more than twice as many as at the end of the worst sample before, warm-up included."""
    worst = max(level.in_sample(n) for n in range(-1, calm))
    return sum(level.in_sample(n) for n in window) <= 2 * len(window) * worst + SLACK


def _time_to_last_client_s(books: Books) -> float | None:
    """From the end of the last fault until the last client that was hit has been served."""
    if not _has_faults(books) or books.faults.last_end is None:
        return None
    if books.ledger.hit or books.faults.last_end >= books.clock.end:
        return math.inf
    return max(0, books.ledger.served_again - books.faults.last_end) / SECOND


def _time_to_balance_s(books: Books) -> float | None:
    """From the end of the last fault until clients are, and stay, where they prefer to be, give or take some."""
    if not _has_faults(books) or books.faults.last_end is None:
        return None
    if books.balance.out or books.faults.last_end >= books.clock.end:
        return math.inf
    return max(0, books.balance.righted - books.faults.last_end) / SECOND


def _has_faults(books: Books) -> bool:
    """Whether a fault begins before the end."""
    return books.faults.first_start is not None and books.faults.first_start < books.clock.end


def _mean(sums: Counter[int], numbers: Counter[int], samples: range) -> float:
    return sum(sums[n] for n in samples) / max(1, sum(numbers[n] for n in samples))


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _durations(name: str, values: list[int]) -> dict[str, Any]:
    """Mean, percentiles (nearest rank) and maximum in seconds; None when there are none."""
    if not values:
        return dict.fromkeys([f"{name}_{what}" for what in ("mean", "p50", "p95", "p99", "max")])
    ranked = sorted(values)
    percentiles = {f"{name}_p{p}": ranked[-(-p * len(ranked) // 100) - 1] / SECOND for p in (50, 95, 99)}
    return {
        f"{name}_mean": sum(ranked) / len(ranked) / SECOND,
        **percentiles,
        f"{name}_max": ranked[-1] / SECOND,
    }
