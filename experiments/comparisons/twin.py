"""A run on the wall clock beside its twin: the same world in simulated time, with the latency that messages took.

Each count of the run is inside or outside of the band in which a further replication of the twin would be.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from meterstorm.actors.state.counters import COUNTERS

from ..metrics.wall import VIRTUAL_ONLY
from ..runs import run
from ..runs.options import Options
from ..scenario import Scenario

TWIN = "twin.json"  # in the folder of the run
CONFIDENCE = 0.99
SLACK = 3.0  # a count that is mostly 0 is not normally distributed: a difference this small says nothing
LEAST = 2  # replications that have a band
COUNTS = [counter.column for counter in COUNTERS if counter.is_metric and counter.column not in VIRTUAL_ONLY]

Progress = Callable[[float], None]  # told the number of replications done


class Band(NamedTuple):
    """Where a further replication has a count."""

    mean: float
    low: float
    high: float


def band(values: Sequence[float], slack: float = SLACK) -> Band:
    """Return where CONFIDENCE of further replications have a count, if it is normal, and `slack` on each side.

    The prediction interval mean ± t s sqrt(1 + 1/n), of n - 1 degrees of freedom: Hahn and Meeker, Statistical
    Intervals (1991), section 4.7.
    """
    from scipy.stats import t

    found, n = np.asarray(values, float), len(values)
    width = float(t.ppf((1 + CONFIDENCE) / 2, n - 1)) * (1 + 1 / n) ** 0.5
    half = width * float(found.std(ddof=1)) + slack
    return Band(float(found.mean()), float(found.mean()) - half, float(found.mean()) + half)


def twin_of(scenario: Scenario, late_ms: float, replications: int) -> Scenario:
    """Return a version of a wall-clock run in simulated time; messages took `late_ms` more than their latency."""
    of_run = {"clock": "virtual", "pace": 1.0, "shards": 1, "replications": replications}
    return scenario.model_copy(
        update={
            "run": scenario.run.model_copy(update=of_run),
            "network": scenario.network.model_copy(update={"latency_ms": scenario.network.latency_ms + late_ms}),
            "servers": scenario.servers.model_copy(update={"backend": "own"}),
        }
    )


def beside(
    summary: dict[str, Any],
    scenarios: dict[tuple[str | None, str | None], Scenario],
    replications: int,
    on_progress: Progress,
) -> dict[str, Any]:
    """Run the twins of all versions of a run, given its summary, and return the content of TWIN.

    Raises ValueError for a run that has none: one in simulated time, or one that did not measure what it takes.
    """
    _check(summary)
    arms = []
    for done, entry in enumerate(summary["arms"]):
        told = _from(done * replications, on_progress)
        arms.append(_arm(entry, scenarios[entry["case"], entry["name"]], replications, told))
    return {
        "schema": 1,
        "digest": summary["digest"],
        "replications": replications,
        "confidence": CONFIDENCE,
        "slack": SLACK,
        "arms": arms,
    }


def _check(summary: dict[str, Any]) -> None:
    if summary["clock"] != "wall":
        raise ValueError(f'run.clock = "{summary["clock"]}"; a twin is of a run on the wall clock')
    if any("message_late_ms_mean" not in one for entry in summary["arms"] for one in entry["wall"]):
        raise ValueError("it is of an earlier version, which did not measure how late messages were; run it again")


def _from(before: int, on_progress: Progress) -> Progress:
    return lambda done: on_progress(before + done)


def _arm(entry: dict[str, Any], scenario: Scenario, replications: int, on_progress: Progress) -> dict[str, Any]:
    """Return the counts of one version beside those of its twin."""
    late_ms = float(np.mean([one["message_late_ms_mean"] for one in entry["wall"]]))
    twin = twin_of(scenario, late_ms, replications)
    results = run.run_as(Options(), twin, on_progress)
    if results.failure:
        raise results.failure
    if results.interrupted:
        raise KeyboardInterrupt
    (version,) = results.versions
    bands = {name: band([float(one.metrics[name] or 0) for one in version.replications]) for name in COUNTS}
    first = scenario.run.first_replication
    return {
        "case": entry["case"],
        "name": entry["name"],
        "late_ms": late_ms,
        "latency_ms": twin.network.latency_ms,
        "counts": [_count(name, entry["metrics"][name]["values"], one, first) for name, one in bands.items()],
    }


def _count(name: str, values: Sequence[float], found: Band, first: int) -> dict[str, Any]:
    """Return what the run has of a count in each replication, and in which of them it is outside of the band."""
    outside = [first + n for n, value in enumerate(values) if not found.low <= value <= found.high]
    return {"count": name, "values": values, **found._asdict(), "outside": outside}


def outside(content: dict[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield each arm and count of which some replication is outside."""
    for arm in content["arms"]:
        for one in arm["counts"]:
            if one["outside"]:
                yield arm, one


def in_words(content: dict[str, Any]) -> str:
    """Return how many counts are outside, and how many would be by chance."""
    found = [one for arm in content["arms"] for one in arm["counts"]]
    judged = sum(len(one["values"]) for one in found)
    beyond = sum(len(one["outside"]) for one in found)
    verdict = "all are inside" if not beyond else f"{beyond} {'is' if beyond == 1 else 'are'} outside"
    return (
        f"{judged:,} counts beside {content['replications']:,} replications in simulated time: {verdict} of the "
        f"{100 * content['confidence']:g} % band; of so many, at most {(1 - content['confidence']) * judged:.2g} "
        "would be by chance"
    )
