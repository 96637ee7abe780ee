"""Admission policies that limit how many requests are in a server at once, and learn the limit from their times.

Those of Netflix's library concurrency-limits (Netflix/concurrency-limits, `limit/` below
concurrency-limits-core/src/main/java/com/netflix/concurrency/limits), and WeChat's DAGOR. A server here has one
worker. Its sample of a request is taken as its service begins: the time it has waited, and what serving takes in
the mean; in flight are this one and those that wait. Each request is a sample: the library's window is left out.
"""

import math
from typing import TYPE_CHECKING, NamedTuple

from . import bounds
from .admission import Arrival, Verdict, admit, refuse
from .compilable import compilable

if TYPE_CHECKING:
    from .failover import Memory

WARM_UP = 10  # samples of Gradient2's long average that count alike
PROBE_MULTIPLIER = 30.0  # Vegas forgets the best time after U(0.5, 1) times as many samples per one of its limit
HALF = 0.5  # of the limit: with fewer in flight it is no limit, and does not grow
WINDOW_S, WINDOW_REQUESTS = 1.0, 2000  # DAGOR's, whichever ends sooner
LEAST_SHARE = 0.001  # that DAGOR lets in, so that it finds out when an overload is over


class Aimd(NamedTuple):
    """Netflix's AIMD: one more may be in flight after each request in time, a tenth fewer after each that was not.

    Source: AIMDLimit.java, 784c960d: 20 at first and at least, at most 200; 5 s, 0.9. Law: where more is asked for
    than can be served, the time that a request takes swings about `timeout_s`, if the bounds allow it.
    """

    initial: float = 20
    least: float = 20
    most: float = 200
    timeout_s: float = 5.0
    backoff: float = 0.9

    @property
    def memory_size(self) -> int:
        """How far the limit is from its first value."""
        return 1

    def on_request(self, arrival: Arrival, memory: "Memory", u: float) -> Verdict:
        """Admit while fewer than the limit are in flight."""
        return _below(arrival, self.initial + memory[0])

    def at_dequeue(self, arrival: Arrival, memory: "Memory", u: float) -> Verdict:
        """Move the limit; admit."""
        limit = self.initial + memory[0]
        if arrival.waited_s + arrival.service_s > self.timeout_s:
            limit = float(math.floor(limit * self.backoff))
        elif arrival.waiting + 1 >= HALF * limit:
            limit += 1.0
        memory[0] = min(self.most, max(self.least, limit)) - self.initial
        return admit()

    def check(self) -> None:
        """Raise ValueError when a parameter is impossible."""
        _check_limits(self.initial, self.least, self.most)
        bounds.are_positive(timeout_s=self.timeout_s)
        if not 0.5 <= self.backoff < 1:
            raise ValueError(f"backoff: {self.backoff} is not allowed; it must be >= 0.5 and < 1")


class Vegas(NamedTuple):
    """Netflix's Vegas: of L in flight, L (1 - best / time) are taken to wait; that shall be from 3 to 6 log L.

    Source: VegasLimit.java, 141214dc: 20 at first, at most 1000; up by 6 log L where at most log L wait, by log L
    below 3 log L, down by log L above 6 log L, with log L = max(1, floor(log10 L)), from 1000 on floor(sqrt L)
    (Log10RootFunction.java). The best time is forgotten every U(0.5, 1) 30 L samples; the sample that does so is
    the best one then, however bad.
    """

    initial: float = 20
    most: float = 1000

    @property
    def memory_size(self) -> int:
        """How far the limit is from its first value, the best time, samples since it was forgotten, and a draw."""
        return 4

    def on_request(self, arrival: Arrival, memory: "Memory", u: float) -> Verdict:
        """Admit while fewer than the limit are in flight."""
        return _below(arrival, self.initial + memory[0])

    def at_dequeue(self, arrival: Arrival, memory: "Memory", u: float) -> Verdict:
        """Move the limit; admit."""
        limit, time_s = self.initial + memory[0], arrival.waited_s + arrival.service_s
        if memory[1] == 0.0:
            memory[3] = u
        memory[2] += 1.0
        if memory[2] >= (0.5 + 0.5 * memory[3]) * PROBE_MULTIPLIER * limit:
            memory[1], memory[2], memory[3] = time_s, 0.0, u
        elif memory[1] == 0.0 or time_s < memory[1]:
            memory[1] = time_s
        elif arrival.waiting + 1 >= HALF * limit:
            waiting, log = math.ceil(limit * (1.0 - memory[1] / time_s)), _log_root(limit)
            memory[0] = max(1.0, min(self.most, limit + _vegas_step(waiting, log))) - self.initial
        return admit()

    def check(self) -> None:
        """Raise ValueError when a parameter is impossible."""
        _check_limits(self.initial, 1, self.most)


class Gradient2(NamedTuple):
    """Netflix's Gradient2: L becomes 0.8 L + 0.2 (g L + 4), with g = 1.5 long average / time within [0.5, 1].

    Source: Gradient2Limit.java, f2528def: 20 at first and at least, at most 200; the long average is exponential
    over 600 samples (the first ten count alike: ExpAvgMeasurement.java), and loses 5 % at each sample below half
    of it. A lasting overload becomes its long average: then the limit grows to `most`.
    """

    initial: float = 20
    least: float = 20
    most: float = 200
    queue: float = 4
    smoothing: float = 0.2
    tolerance: float = 1.5
    samples: float = 600

    @property
    def memory_size(self) -> int:
        """How far the limit is from its first value, the long average, and samples counted while it warms up."""
        return 3

    def on_request(self, arrival: Arrival, memory: "Memory", u: float) -> Verdict:
        """Admit while fewer than the limit are in flight."""
        return _below(arrival, self.initial + memory[0])

    def at_dequeue(self, arrival: Arrival, memory: "Memory", u: float) -> Verdict:
        """Move the limit; admit."""
        limit, time_s = self.initial + memory[0], arrival.waited_s + arrival.service_s
        memory[2] = min(memory[2] + 1.0, WARM_UP + 1.0)
        weight = 1.0 / memory[2] if memory[2] <= WARM_UP else 2.0 / (self.samples + 1.0)
        memory[1] += weight * (time_s - memory[1])
        long_s = memory[1]
        if long_s > 2.0 * time_s:
            memory[1] *= 0.95
        if arrival.waiting + 1 >= HALF * limit:
            gradient = max(0.5, min(1.0, self.tolerance * long_s / time_s)) if time_s > 0.0 else 1.0
            wanted = (1.0 - self.smoothing) * limit + self.smoothing * (gradient * limit + self.queue)
            memory[0] = max(self.least, min(self.most, wanted)) - self.initial
        return admit()

    def check(self) -> None:
        """Raise ValueError when a parameter is impossible."""
        _check_limits(self.initial, self.least, self.most)
        bounds.are_counts(samples=self.samples)
        bounds.are_positive(queue=self.queue, tolerance=self.tolerance)
        bounds.are_shares(smoothing=self.smoothing)


class Dagor(NamedTuple):
    """WeChat's DAGOR: where requests wait `target_s` in the mean, 5 % fewer are let in; else 1 % more.

    Counted in windows of a second or 2000 requests, or longer until one has been served. Source: Zhou et al.,
    "Overload control for scaling WeChat microservices", SoCC 2018 (arXiv 1806.04075), section 4: 20 ms. There each
    user has a priority, so that the calls of one task share their fate. Here a request is a task of its own, all
    are of one kind, and each draws its priority.
    """

    target_s: float = 0.02
    fewer: float = 0.05
    more: float = 0.01

    @property
    def memory_size(self) -> int:
        """The share turned away; of the window, its beginning, how many came, waits, and of how many."""
        return 5

    def on_request(self, arrival: Arrival, memory: "Memory", u: float) -> Verdict:
        """Admit the share that this window has."""
        is_over = arrival.now_s - memory[1] >= WINDOW_S or memory[2] >= WINDOW_REQUESTS
        if is_over and (memory[4] > 0.0 or arrival.busy == 0):
            is_overloaded = memory[3] > self.target_s * memory[4]
            share = max(LEAST_SHARE, 1.0 - memory[0]) * (1.0 - self.fewer if is_overloaded else 1.0 + self.more)
            memory[0], memory[1] = 1.0 - min(1.0, share), arrival.now_s
            memory[2] = memory[3] = memory[4] = 0.0
        memory[2] += 1.0
        return admit() if u < 1.0 - memory[0] else refuse()

    def at_dequeue(self, arrival: Arrival, memory: "Memory", u: float) -> Verdict:
        """Note how long a request has waited; admit."""
        memory[3] += arrival.waited_s
        memory[4] += 1.0
        return admit()

    def check(self) -> None:
        """Raise ValueError when a parameter is impossible."""
        bounds.are_positive(target_s=self.target_s, fewer=self.fewer, more=self.more)
        bounds.are_shares(fewer=self.fewer)


def _check_limits(initial: float, least: float, most: float) -> None:
    bounds.are_counts(initial=initial, least=least, most=most)
    if least > most:
        raise ValueError(f"least: {least} is not allowed; it must be <= most = {most}")
    if not least <= initial <= most:
        raise ValueError(f"initial: {initial} is not allowed; it must be >= {least} and <= {most}")


@compilable
def _below(arrival: Arrival, limit: float) -> Verdict:
    """Admit while fewer than the whole part of a limit are in flight."""
    return admit() if arrival.waiting + arrival.busy < math.floor(limit) else refuse()


@compilable
def _log_root(limit: float) -> float:
    """Return max(1, floor(log10)) of a limit below 1000, else the whole part of its root."""
    if limit < 1000.0:
        return 1.0 if limit < 100.0 else 2.0
    return float(math.floor(math.sqrt(limit)))


@compilable
def _vegas_step(waiting: float, log: float) -> float:
    """Return by how much the limit moves."""
    if waiting <= log:
        return 6.0 * log
    if waiting < 3.0 * log:
        return log
    return -log if waiting > 6.0 * log else 0.0


POLICIES = {"aimd": Aimd, "vegas": Vegas, "gradient2": Gradient2, "dagor": Dagor}
