"""From what a run has counted to the metrics of summary.json; their names and meanings are in METRICS."""

import math
from typing import Any

import numpy as np
from meterstorm.actors.records import ledger, sums
from meterstorm.actors.setup import spells
from meterstorm.actors.shards.tally import Tally
from meterstorm.actors.state import counters
from meterstorm.actors.state import sums as words

from .names import METRICS

HOUR_US = 3_600_000_000
SECOND = 1_000_000_000

# When a site counts as healthy again: see `_disturbed`.
RECOVERY_SAMPLES = 10
RECOVERY_FACTOR = 2.0
RECOVERY_SLACK = 10.0
NOT_SERVED = [counters.WAITING_USERS, counters.UNMETERED_PROGRAMS, counters.UNANSWERED_PROGRAMS]

ABNORMAL = [counters.MISPLACED, counters.STRANDED, counters.GHOST]
DENIALS = list(counters.CAUSES.values())

Value = float | int | None


def metrics(scenario: Any, tally: Tally) -> dict[str, Value]:
    """Return every metric of one replication, over the measured time; None where one does not apply."""
    control = tally.control[0]
    duration_ns = round(scenario.run.duration_s * SECOND)
    end_us, duration_us = measured_us(scenario)
    busy = tally.servers["busy_area"] / duration_us

    def area_us(row: int, state: str) -> int:
        return ledger.area_us(tally.sums[row], int(control[state]), end_us)

    found = {
        **counts(scenario, tally.series),
        "unmetered_license_hours": area_us(words.UNMETERED_AREA, "unmetered") / HOUR_US,
        "storm_peak_ratio": _storm_peak_ratio(scenario, tally),
        "imbalance_mean": float(tally.products["imbalance_area"].max() / duration_ns),
        "imbalance_max": float(tally.products["imbalance_max"].max()),
        "ghost_license_hours": area_us(words.GHOST_AREA, "ghosts") / HOUR_US,
        "orphan_license_hours": area_us(words.ORPHAN_AREA, "orphans") / HOUR_US,
        "overissued": int(control["overissued"]),
        "licenses_in_use_mean": area_us(words.LEASED_AREA, "leased") / duration_us,
        "waiting_users_mean": area_us(words.WAITING_AREA, "waiting") / duration_us,
        **_durations("wait", sums.value(tally.sums[words.WAITS]), tally, counters.WAIT),
        **_durations("queue", sums.total(tally.queueing[1:]), tally, counters.QUEUE),
        "server_utilization_mean": float(busy.mean()),
        "server_utilization_max": float(busy.max()),
        **client_burden(scenario, tally.series, scenario.clients.count),
        "time_to_recover_s": _time_to_recover_s(scenario, tally),
        "time_to_balance_s": _time_to_balance_s(scenario, tally),
        "time_to_last_client_s": _time_to_last_client_s(scenario, tally),
    }
    return {name: found[name] for name in METRICS}


def measured_us(scenario: Any) -> tuple[int, int]:
    """Return when the measured time ends, and how long it is: the mean of a constant state is exactly that state.

    Areas count whole microseconds.
    """
    start_ns, duration_ns = round(scenario.run.warmup_s * SECOND), round(scenario.run.duration_s * SECOND)
    end_us = (start_ns + duration_ns) // 1000
    return end_us, end_us - start_ns // 1000


def counts(scenario: Any, series: Any) -> dict[str, Value]:
    """Return what is counted in the measured time, and the shares and rates of that."""
    total = series[1:, : counters.STATES_FROM].sum(axis=0)
    counted = {c.column: int(total[n]) for n, c in enumerate(counters.COUNTERS) if c.is_metric}
    denials, abnormal, grants = int(total[DENIALS].sum()), int(total[ABNORMAL].sum()), counted["grants"]
    return {
        **counted,
        "denials": denials,
        "denial_fraction": _ratio(denials, grants + denials),
        "abnormal_denial_fraction": _ratio(abnormal, grants + denials),
        "amplification": _ratio(counted["attempts"], counted["launches"]),
        "goodput_per_s": grants / scenario.run.duration_s,
    }


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _durations(name: str, sum_ns: int, tally: Tally, histogram: int) -> dict[str, Value]:
    count, largest = (int(tally.control[0][f"{name}_{what}"]) for what in ("count", "max"))
    found = durations(name, sum_ns, tally.histograms[histogram], largest)
    return {**found, f"{name}_s_max": largest / SECOND if count else None}


def durations(name: str, sum_ns: int, bins: Any, largest: int) -> dict[str, Value]:
    """Return mean and quantiles of durations, by their histogram; none is longer than the largest (ns)."""
    count = int(bins.sum())
    result: dict[str, Value] = {f"{name}_s_mean": _ratio(sum_ns / SECOND, count)}
    for percent in (50, 95, 99):
        quantile_ns = min(_quantile_ns(bins, percent / 100), largest) if count else 0
        result[f"{name}_s_p{percent}"] = quantile_ns / SECOND if count else None
    return result


def _quantile_ns(bins: Any, share: float) -> float:
    """Return a quantile of a histogram of durations, linear within its bin."""
    rank = share * bins.sum()
    n = int(np.searchsorted(np.cumsum(bins), rank))
    low, high = ledger.bin_edges(n)
    return float(low + (high - 1 - low) * (rank - bins[:n].sum()) / bins[n])


def _storm_peak_ratio(scenario: Any, tally: Tally) -> float | None:
    """Busiest whole second at any server from the first fault on, over that server's mean rate before it.

    The mean is over the measured time before the first fault, or over the warm-up when a fault starts with the
    measured time.
    """
    if not _has_faults(scenario, tally):
        return None
    busiest = tally.servers[int(np.argmax(tally.servers["peak"]))]
    before_s = _first_start_s(scenario, tally)
    if before_s > 0:
        return _ratio(float(busiest["peak"]), float(busiest["before_measured"]) / before_s)
    if scenario.run.warmup_s > 0:
        return _ratio(float(busiest["peak"]), float(busiest["before"]) / scenario.run.warmup_s)
    return None


def client_burden(scenario: Any, series: Any, clients: int) -> dict[str, Value]:
    """Attempts of clients in the worst sample; a shorter last sample counts only when it is the only one."""
    run = scenario.run
    attempts = series[1:, counters.ATTEMPTS]
    whole = int(run.duration_s / run.sample_s + 1e-9)
    width_s = run.sample_s if whole else run.duration_s
    per_client_s = float(attempts[: max(1, whole)].max()) / clients / width_s
    return {
        "client_busy_fraction": per_client_s * scenario.clients.attempt_cpu_ms / 1000,
        "attempts_per_client_hour_peak": per_client_s * 3600,
    }


def _time_to_recover_s(scenario: Any, tally: Tally) -> float | None:
    """Seconds from the end of the last fault until the site is, and stays, as healthy as before the first one.

    That is the start of the first window of RECOVERY_SAMPLES samples from which on every window is in its band
    (see `_disturbed`). Infinite when the run's last window is not, or when there is none after the faults.
    """
    if not _has_faults(scenario, tally):
        return None
    run = scenario.run
    end_s = (spells.last_end(tally.faults) or 0) / SECOND - run.warmup_s
    disturbed = _disturbed(scenario, tally, int(run.duration_s / run.sample_s + 1e-9))
    starts = np.arange(len(disturbed)) * run.sample_s
    after = disturbed[starts >= end_s]
    if after.size == 0 or after[-1]:
        return math.inf
    last = np.flatnonzero(after)
    first_good = starts[starts >= end_s][last[-1] + 1] if last.size else end_s
    return float(first_good - end_s)


def _has_faults(scenario: Any, tally: Tally) -> bool:
    """Whether any fault begins before the end of the run."""
    return bool(_first_start_s(scenario, tally) < scenario.run.duration_s)


def _first_start_s(scenario: Any, tally: Tally) -> float:
    """When the first fault begins, from the end of the warm-up; infinite without faults."""
    first = spells.first_start(tally.faults)
    return math.inf if first is None else (first - round(scenario.run.warmup_s * SECOND)) / SECOND


def _time_to_last_client_s(scenario: Any, tally: Tally) -> float | None:
    """Seconds from the end of the last fault until a server has served every client that faults had hit.

    Hit: an attempt or a heartbeat failed, from the start of the first fault to a time-out after the end of the
    last. Served: answered by a grant, a denial or an acknowledgment. Infinite when some were never served, or when
    the last fault outlasts the run; 0 when none were hit.
    """
    if not _has_faults(scenario, tally):
        return None
    return _since_faults_s(scenario, tally, "hit", "served_again")


def _time_to_balance_s(scenario: Any, tally: Tally) -> float | None:
    """Seconds from the end of the last fault until clients are spread over the servers as they prefer.

    They are where at each server the clients of its site that it was the last to hear of are as many as prefer it,
    give or take 5 % of the site's. Infinite when at the end they are not, or when the last fault outlasts the run.
    """
    if not _has_faults(scenario, tally):
        return None
    return _since_faults_s(scenario, tally, "unbalanced", "balanced")


def _since_faults_s(scenario: Any, tally: Tally, wrong: str, righted: str) -> float:
    """Seconds from the end of the last fault until the latest of what was wrong was righted."""
    end_ns = spells.last_end(tally.faults) or 0
    control, run = tally.control[0], scenario.run
    if control[wrong] > 0 or end_ns >= round((run.warmup_s + run.duration_s) * SECOND):
        return math.inf
    return max(0, int(control[righted]) - end_ns) / SECOND


def _disturbed(scenario: Any, tally: Tally, whole: int) -> Any:
    """Return for each window whether it is out of the band that the time before the first fault suggests.

    The band: abnormal denials up to RECOVERY_FACTOR times the worst window before, plus RECOVERY_SLACK; mean
    queueing delay up to RECOVERY_FACTOR times the mean before, plus one service time; of each state of NOT_SERVED
    the sum over samples up to RECOVERY_FACTOR times the worst sample before (the end of the warm-up is one) times
    their number, plus RECOVERY_SLACK.
    """
    if whole == 0:
        return np.zeros(0, bool)
    samples = tally.series[1 : whole + 1]
    size = min(RECOVERY_SAMPLES, whole)
    calm = int(_first_start_s(scenario, tally) / scenario.run.sample_s + 1e-9)
    abnormal = _windows(samples[:, ABNORMAL].sum(axis=1), size)
    worst = abnormal[: max(0, calm - size + 1)].max(initial=0)
    waits = sums.values(tally.queueing[1 : whole + 1]) / SECOND
    requests = samples[:, counters.QUEUED]
    delay = _windows(waits, size) / np.maximum(1, _windows(requests, size))
    calm_delay = waits[:calm].sum() / max(1, requests[:calm].sum())
    delay_limit = RECOVERY_FACTOR * calm_delay + scenario.servers.service_ms / 1000
    return (
        (abnormal > RECOVERY_FACTOR * worst + RECOVERY_SLACK)
        | (delay > delay_limit)
        | _too_many_not_served(tally.series[: whole + 1, NOT_SERVED], calm, size)
    )


def _too_many_not_served(states: Any, calm: int, size: int) -> Any:
    """Return for each window whether a state is out of its band; the first row is the end of the warm-up."""
    limits = RECOVERY_FACTOR * size * states[: calm + 1].max(axis=0) + RECOVERY_SLACK
    sums = np.stack([_windows(column, size) for column in states[1:].T], axis=1)
    return (sums > limits).any(axis=1)


def _windows(values: Any, size: int) -> Any:
    """Return the sums of every `size` values in a row."""
    return np.convolve(values, np.ones(size), mode="valid")
