"""The samples of a run, version by version."""

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..drawing.lines import Window
from ..metrics.intervals import estimate
from ..reports.finished_runs import Run
from ..scenario import Scenario
from .measures import Measure

FILE = "timeseries.parquet"
MINUTE_S = 60.0
KINDS = {"cut": "cut off", "stall": "stalled"}  # the others are words already
WINDOWS_MAX = 500  # more would touch each other


class Curve(NamedTuple):
    """A mean over replications at each sample, and the edges of its interval, if there are several."""

    x: Any
    y: Any
    low: Any
    high: Any


class Samples:
    """The time series of a run: columns of each version, with a row for each replication."""

    def __init__(self, run: Run) -> None:
        """Read the file; raises ValueError if it cannot be read."""
        from pyarrow import ArrowException, parquet

        file = run.folder.path / FILE
        try:
            self._table = parquet.read_table(file, memory_map=True)
        except (OSError, ArrowException) as error:
            raise ValueError(f"{file}: cannot be read: {error}") from error
        arms = run.summary["arms"]
        counts = [entry["replications"] for entry in arms]
        self._width = self._table.num_rows // sum(counts)
        firsts = np.cumsum([0, *counts]) * self._width
        self._places = {
            (entry["case"], entry["name"]): (int(first), count)
            for entry, first, count in zip(arms, firsts, counts, strict=False)
        }
        self._sample_s = run.folder.scenario.run.sample_s
        self._duration_s = run.folder.scenario.run.duration_s

    def column(self, case: str | None, arm: str | None, name: str) -> Any:
        """Return a column of a version's samples after the warm-up, a row for each replication."""
        first, count = self._places[case, arm]
        part = self._table[name].slice(first, count * self._width)
        return part.to_numpy().reshape(count, self._width)[:, 1:]

    def ends(self) -> Any:
        """Return when each sample ends, s; the last one may be cut short."""
        return np.minimum(np.arange(1, self._width) * self._sample_s, self._duration_s)

    def values(self, case: str | None, arm: str | None, measure: Measure) -> Any:
        """Return what a measure is in each sample, a row for each replication; NaN where it is not known."""
        if measure.kind == "queue":
            served = self.column(case, arm, "requests_served")
            with np.errstate(invalid="ignore", divide="ignore"):
                return self.column(case, arm, "queue_us_total") / 1e6 / np.where(served > 0, served, np.nan)
        total = sum(self.column(case, arm, name) for name in measure.columns)
        return total / self.minutes() if measure.kind == "rate" else np.asarray(total, float)

    def minutes(self) -> Any:
        """Return how long each sample is, min."""
        return np.diff(np.append(0.0, self.ends())) / MINUTE_S

    def curve(self, case: str | None, arm: str | None, measure: Measure) -> Curve:
        """Return the mean of a measure over the replications, with its 95 % interval."""
        ends = self.ends()
        x = ends if measure.kind == "state" else ends - self.minutes() * MINUTE_S / 2
        return Curve(x, *mean_and_interval(self.values(case, arm, measure)))


def mean_and_interval(values: Any) -> tuple[Any, Any, Any]:
    """Return the mean of each column and the edges of its 95 % interval, from 0 up; None for one row."""
    known = np.isfinite(values)
    counts = known.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(known, values, 0.0).sum(axis=0) / np.where(counts, counts, np.nan)
        if len(values) == 1:
            return mean, None, None
        squares = np.where(known, (values - mean) ** 2, 0.0).sum(axis=0)
        half = quantile(len(values)) * np.sqrt(squares / np.maximum(counts - 1, 1) / counts)
    half = np.where(counts > 1, half, 0.0)
    return mean, np.maximum(mean - half, 0.0), mean + half


def quantile(n: int) -> float:
    """Return how many standard errors wide the 95 % interval of a mean of n values is to each side."""
    half = estimate([1.0, -1.0, *[0.0] * (n - 2)]).half_width
    assert half is not None  # n is 2 or more
    return half / math.sqrt(2 / (n - 1) / n)


def windows(scenario: Scenario) -> Iterator[Window]:
    """Yield when faults hold, and what they are; of one whose times are drawn, when it may."""
    end = scenario.run.duration_s
    for fault in scenario.faults:
        if fault.mtbf_s > 0:
            yield from _within(fault.start_s, end, end, f"{_words(fault)}, at drawn times")
            continue
        lasts = (fault.mttr_s or fault.duration_s) + fault.stagger_s * (_servers(fault, scenario) - 1)
        words = f"{_words(fault)}, on average" if fault.mttr_s else _words(fault)
        times = fault.repeats if fault.repeat_s > 0 else 1
        for n in range(min(times, WINDOWS_MAX)):
            begin = fault.start_s + n * fault.repeat_s
            yield from _within(begin, begin + lasts, end, words)


def _within(begin: float, until: float, end: float, words: str) -> Iterator[Window]:
    """Yield the part of a window that is before the end of the run."""
    if begin < end:
        yield Window(begin, min(until, end), words)


def _servers(fault: Any, scenario: Scenario) -> int:
    """Return how many servers a fault happens to, one after the other."""
    if fault.servers == "all":
        return scenario.servers.count
    if isinstance(fault.servers, Sequence):
        return len(fault.servers)
    return math.ceil(float(fault.servers.fraction) * scenario.servers.count)


def _words(fault: Any) -> str:
    """Return in words what goes wrong, and where."""
    if fault.servers == "all":
        where = "all servers"
    elif isinstance(fault.servers, Sequence):
        where = f"server {fault.servers[0]}" if len(fault.servers) == 1 else f"{len(fault.servers)} servers"
    else:
        where = f"{100 * fault.servers.fraction:g} % of the servers"
    return f"{where} {KINDS.get(fault.kind, fault.kind)}"
