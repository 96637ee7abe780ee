"""Scores: what a policy costs in one world. Less of each is better; one that does not apply is None."""

from collections.abc import Mapping
from typing import NamedTuple

from ..metrics.metrics import Value


class Score(NamedTuple):
    """A score, its unit, what it means, and what one unit of it is worth: the stated weighting."""

    name: str
    head: str  # of its column
    unit: str
    meaning: str
    weight: float


SCORES: tuple[Score, ...] = (
    Score(
        "excess_abnormal_denials",
        "denials",
        "",
        "abnormal denials per decided request, less those of the oracle with the same users",
        100.0,
    ),
    Score("over_use", "over-use", "", "share of program time that runs without a lease", 100.0),
    Score(
        "owed_s",
        "owed, s",
        "s",
        "time without a license that was owed, per launch: runs lost to abnormal denials, to evictions and for "
        "want of an answer, or the waits for them",
        1 / 600,
    ),
    Score(
        "wait_s",
        "wait, s",
        "s",
        "time from launch to grant, or to denial when the user then gives up: mean",
        1 / 60,
    ),
    Score(
        "storm_peak", "peak", "", "busiest second at a server from the first fault on, over its mean before", 0.1
    ),
    Score("load", "load", "", "attempts per launch", 1.0),
    Score("burden", "burden", "", "share of client time spent on attempts, in the worst sample", 100.0),
    Score(
        "last_client_s",
        "last, s",
        "s",
        "time from the end of the last fault until every client that it had hit was answered; or inf",
        1 / 3600,
    ),
)
NAMES = tuple(score.name for score in SCORES)
WEIGHTS: Mapping[str, float] = {score.name: score.weight for score in SCORES}
COST = "cost"

Metrics = Mapping[str, Value]


class Measured(NamedTuple):
    """What of a scenario the scores need: how long programs run (s), and the measured time (s)."""

    run_time_s: float
    duration_s: float


def of_world(metrics: Metrics, oracle: Metrics, measured: Measured) -> dict[str, Value]:
    """Return the scores of a world, given its metrics and those of the oracle in the same replication."""
    return {
        "excess_abnormal_denials": _less(metrics["abnormal_denial_fraction"], oracle["abnormal_denial_fraction"]),
        "over_use": _over_use(metrics, measured),
        "owed_s": _owed_s(metrics, measured),
        "wait_s": metrics["wait_s_mean"],
        "storm_peak": metrics["storm_peak_ratio"],
        "load": metrics["amplification"],
        "burden": metrics["client_busy_fraction"],
        "last_client_s": metrics["time_to_last_client_s"],
    }


def _less(value: Value, other: Value) -> Value:
    return None if value is None or other is None else value - other


def _number(metrics: Metrics, name: str) -> float:
    return float(metrics[name] or 0)


def _over_use(metrics: Metrics, measured: Measured) -> Value:
    """Return the unmetered share of program time; leases of programs that are gone are no use."""
    leased_h = _number(metrics, "licenses_in_use_mean") * measured.duration_s / 3600
    unmetered_h = _number(metrics, "unmetered_license_hours")
    used_h = leased_h - _number(metrics, "ghost_license_hours") + unmetered_h
    return unmetered_h / used_h if used_h > 0 else None


def _owed_s(metrics: Metrics, measured: Measured) -> Value:
    """Return the time that users go without a license that they should have had, per launch.

    A user who gives up loses the run, as much as is measured of it; one who waits loses the wait, by the share of
    denials that are abnormal. A program killed while it ran loses what was left of it: a whole run on average, if
    run times are exponential.
    """
    launches = _number(metrics, "launches")
    if not launches:
        return None
    abnormal = sum(_number(metrics, f"denials_{cause}") for cause in ("misplaced", "stranded", "ghost"))
    waited_s = _number(metrics, "waiting_users_mean") * measured.duration_s
    evicted, run_s = _number(metrics, "evictions"), min(measured.run_time_s, measured.duration_s)
    if waited_s > 0:
        owed_s = waited_s * abnormal / max(_number(metrics, "denials"), 1.0)
    else:
        owed_s = max(abnormal - evicted, 0.0) * run_s
    lost = _number(metrics, "gave_up") + evicted
    return (owed_s + lost * run_s) / launches


def cost(scores: Mapping[str, Value], weights: Mapping[str, float], measured_s: float) -> Value:
    """Return the weighted sum of the scores that apply; a client that is never served counts the measured time."""
    applying = {name: value for name, value in scores.items() if value is not None}
    return sum(weights[name] * min(float(value), _most(name, measured_s)) for name, value in applying.items())


def _most(name: str, measured_s: float) -> float:
    return measured_s if name == "last_client_s" else float("inf")


def weights(changes: Mapping[str, float]) -> dict[str, float]:
    """Return the stated weighting with changes; raises ValueError for a score that there is not."""
    for name, value in changes.items():
        if name not in WEIGHTS:
            raise ValueError(f"{name}: no such score; the scores are {', '.join(NAMES)}")
        if not 0 <= value < float("inf"):
            raise ValueError(f"{name}: {value:g} is not allowed; a weight is a number >= 0")
    return {**WEIGHTS, **changes}
