"""What only real time has: how late events were, how long answers took, and CPU time before, during and after."""

import time
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from ..setup.scenario import Scenario
from ..state import kinds
from ..state.rows import NEVER

BINS_PER_OCTAVE = 16  # so a bin is at most 4.5 % wide
BINS = 64 * BINS_PER_OCTAVE
REMEMBERED = 8  # requests of a client whose answers are still awaited
PHASES = ("before", "during", "after")  # the measured time before the first fault, until the last has ended, later
LATE_NS = 5_000_000  # real time from which on an event counts as late


class Histogram:
    """How often durations, ns, were how long; what adds up over processes."""

    def __init__(self) -> None:
        self.bins = np.zeros(BINS, np.int64)
        self.largest = 0

    def add(self, durations: Any, times: Any = 1) -> None:
        """Count durations (an array or a number), each a given number of times."""
        values = np.atleast_1d(np.asarray(durations, np.float64))
        if values.size:
            bins = (np.log2(np.maximum(values, 1.0)) * BINS_PER_OCTAVE).astype(np.int64)
            np.add.at(self.bins, bins, times)
            self.largest = max(self.largest, int(values.max()))

    def merge(self, other: "Histogram") -> None:
        """Add what another one has counted."""
        self.bins += other.bins
        self.largest = max(self.largest, other.largest)

    def quantile(self, share: float) -> float | None:
        """Return the upper end of a quantile's bin, at most the largest, ns; None where nothing was counted."""
        total = int(self.bins.sum())
        if total == 0:
            return None
        n = int(np.searchsorted(np.cumsum(self.bins), share * total))
        return float(min(2.0 ** ((n + 1) / BINS_PER_OCTAVE), max(self.largest, 1)))


class RoundTrips:
    """How long the answers to requests took, from the time for which each was meant to be sent.

    A client that is late, or whose server stands still, sends later than it meant to: the wait is part of the
    round trip. So is the wait for answers that come too late to matter. A request without one counts for as long
    as it was known to have none. Random jitter on the way there is not included.
    """

    def __init__(self, first: int, clients: int, latency: int) -> None:
        self.histogram = Histogram()
        self.unanswered = 0
        self._first, self._latency = first, latency
        self._sent = np.full((clients, REMEMBERED), NEVER, np.int64)
        self._attempt = np.zeros((clients, REMEMBERED), np.int32)

    def sent(self, rows: Any) -> None:
        """Note the requests among messages that leave (rows of EVENT)."""
        rows = rows[rows["kind"] == kinds.REQUEST]
        i, place = rows["source"] - self._first, rows["attempt"] % REMEMBERED
        times = rows["time"] - self._latency
        self._forget(self._sent[i, place], times)
        self._sent[i, place], self._attempt[i, place] = times, rows["attempt"]

    def answered(self, rows: Any) -> None:
        """Note the answers among messages that have come, at the times that they have."""
        rows = rows[(rows["kind"] >= kinds.GRANT) & (rows["kind"] <= kinds.REFUSED)]
        i, place = rows["target"] - self._first, rows["attempt"] % REMEMBERED
        awaited = (self._attempt[i, place] == rows["attempt"]) & (self._sent[i, place] != NEVER)
        i, place = i[awaited], place[awaited]
        self.histogram.add(rows["time"][awaited] - self._sent[i, place])
        self._sent[i, place] = NEVER

    def close(self, now: int) -> None:
        """Count what has not been answered by the end."""
        self._forget(self._sent, now)

    def _forget(self, sent: Any, now: Any) -> None:
        is_open = sent != NEVER
        self.unanswered += int(is_open.sum())
        self.histogram.add(np.broadcast_to(now, sent.shape)[is_open] - sent[is_open])


class Lateness:
    """How long after its time, in real ns, an event was handled: the first of each slice counts for all of it."""

    def __init__(self) -> None:
        self.histogram = Histogram()
        self.late = 0
        self.events = 0

    def add(self, late_ns: float, events: int) -> None:
        """Note a slice and its number of events."""
        self.histogram.add(late_ns, events)
        self.events += events
        self.late += events if late_ns > LATE_NS else 0


class Phases:
    """CPU time and attempts of a process in each of PHASES."""

    def __init__(
        self,
        scenario: Scenario,
        faults: Any,
        others_s: Callable[[], float] = lambda: 0.0,
        attempts: Callable[[], int] = lambda: 0,
    ) -> None:
        """Begin; `faults` are rows of FAULT, `others_s` what processes that work for this one have used.

        `attempts` says how many there have been since the world's start.
        """
        begin = round(scenario.run.warmup_s * 1e9)
        end = begin + round(scenario.run.duration_s * 1e9)
        first, last = (int(faults["start"].min()), int(faults["end"].max())) if len(faults) else (end, end)
        turns = (begin, min(first, end), min(last, end), end)
        self._turns = turns
        self._at: list[float] = []
        self._attempts_at: list[int] = []
        self._others_s, self._attempts = others_s, attempts
        self._began_s = time.process_time()

    @property
    def spent_s(self) -> float:
        """CPU time since the world's start, that of processes before this one included."""
        return time.process_time() - self._began_s + self._others_s()

    def turn(self, now: int) -> None:
        """Note what has been spent when a phase begins or ends."""
        self._note(now, self.spent_s)

    def go_on(self, before: Iterable[tuple[int, float]]) -> None:
        """Have spent by each time (ns) what processes before this one had (s), and nothing since the last."""
        spent_s = 0.0
        for now, spent_s in before:
            self._note(now, spent_s)
        self._began_s = time.process_time() - spent_s

    def _note(self, now: int, spent_s: float) -> None:
        while len(self._at) < len(self._turns) and now >= self._turns[len(self._at)]:
            self._at.append(spent_s)
            self._attempts_at.append(self._attempts())

    def cpu_s(self) -> tuple[float, ...]:
        """Return the CPU time of each phase."""
        return _spans(self._at, self.spent_s)

    def attempts(self) -> tuple[int, ...]:
        """Return the attempts of each phase."""
        return _spans(self._attempts_at, self._attempts())

    @property
    def lengths_s(self) -> tuple[float, ...]:
        """Return how long each phase lasts, in the world's time."""
        return tuple((end - begin) / 1e9 for begin, end in pairwise(self._turns))


def _spans(at: list[Any], now: Any) -> tuple[Any, ...]:
    """Return what was added in each phase, given what there was at their turns so far, and what there is now."""
    whole = at + [now] * (len(PHASES) + 1 - len(at))
    return tuple(end - begin for begin, end in pairwise(whole))


class NodeMeasures(NamedTuple):
    """What one process has measured of itself."""

    lateness: Lateness
    round_trips: Histogram  # of clients' requests
    unanswered: int  # requests
    cpu_s: tuple[float, ...]  # by phase
    attempts: tuple[int, ...]  # of clients, by phase
    phases_s: tuple[float, ...]  # the world's time that each phase lasts
    unsent: int  # messages that were due and never left: their server was gone, or stood still to the end
    refused: dict[int, int]  # messages, by server, that found its listener closed
    late_messages: int  # that came after their time
    late_ns: int  # the world's time by which these came after theirs, in all
    messages: int  # that came
    back_late_s: float  # real time by which a process that was started again listened later than it should have
