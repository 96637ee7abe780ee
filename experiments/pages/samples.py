"""The samples of a run, version by version."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..metrics.intervals import estimate
from ..reports.finished_runs import Run
from .measures import Measure

FILE = "timeseries.parquet"
SERVERS_FILE = "servers_timeseries.parquet"
MINUTE_S = 60.0


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
        self._table = read(run.folder.path / FILE)
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

    def has(self, name: str) -> bool:
        """Whether the file has a column: one of an earlier version may lack it."""
        return name in self._table.column_names

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


class ServerSamples:
    """What was seen of some servers of a run at the end of each sample, the warm-up's first."""

    def __init__(self, run: Run, servers: Sequence[int], columns: Sequence[str]) -> None:
        """Read the file, if the folder has it; raises ValueError if it cannot be read."""
        self._places: dict[tuple[str | None, str | None], tuple[int, int, list[int]]] = {}
        file = run.folder.path / SERVERS_FILE
        if not file.exists():
            return
        counts = [one.servers.count for one in run.scenarios.values()]
        some = [("server", "in", list(servers))] if len(servers) < max(counts) else None
        self._table = read(file, columns=list(columns), filters=some)
        rows = 0
        for entry in run.summary["arms"]:
            version = entry["case"], entry["name"]
            here = [server for server in servers if server < run.scenarios[version].servers.count]
            self._places[version] = rows, entry["replications"], here
            rows += entry["replications"] * len(here)
        self._width = self._table.num_rows // rows
        ends = np.arange(self._width) * run.folder.scenario.run.sample_s
        self._x = np.minimum(ends, run.folder.scenario.run.duration_s)

    @property
    def is_there(self) -> bool:
        """Whether the folder has the file."""
        return bool(self._places)

    def curves(self, case: str | None, arm: str | None, name: str) -> dict[int, Curve]:
        """Return the mean of a column over the replications at each server, with its 95 % interval."""
        if (case, arm) not in self._places:
            return {}
        first, count, here = self._places[case, arm]
        part = self._table[name].slice(first * self._width, count * len(here) * self._width)
        values = part.to_numpy().reshape(count, len(here), self._width)
        return {
            server: Curve(self._x, *mean_and_interval(np.asarray(values[:, n], float)))
            for n, server in enumerate(here)
        }


def read(file: Path, **more: Any) -> Any:
    """Return a table of Arrow's; raises ValueError if it cannot be read."""
    from pyarrow import ArrowException, parquet

    try:
        return parquet.read_table(file, memory_map=True, **more)
    except (OSError, ArrowException) as error:
        if not file.exists():
            words = f"not the folder of a finished run; it has no {file.name}"
            raise ValueError(f"{file.parent}: {words}") from error
        raise ValueError(f"{file}: cannot be read: {error}") from error


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
