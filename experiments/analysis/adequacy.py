"""Whether a run was long enough to support its results: warm-up, duration, events, samples and replications.

Each question is asked of every version (an arm in a case) and answered by the worst of them.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

from ..metrics.intervals import estimate, paired_difference
from ..scenario.wording import counted
from . import mser
from .stopping import Goal, estimated_need, obstacle

# What is level once the warm-up is over.
STATES, COUNTS = ("licenses_in_use", "waiting_users"), ("attempts",)
EVENTS_MIN = 20  # a count of this many events is known to ±44 % at best
SAMPLES_MIN = 10  # for the shortest fault
RELATIVE = 0.05  # half-width that a metric should have, as a share of its mean

# Metrics that rest on rare events: the counts, and the share of them that matters.
RARE: dict[str, tuple[tuple[str, ...], float]] = {
    "denial_fraction": (("denials",), 1.0),
    "abnormal_denial_fraction": (("denials_misplaced", "denials_stranded", "denials_ghost"), 1.0),
    "wait_s_p95": (("grants", "denials"), 0.05),
    "wait_s_p99": (("grants", "denials"), 0.01),
    "queue_s_p99": (("attempts",), 0.01),
}

Word = Literal["yes", "no", "unknown"]
ORDER: dict[Word, int] = {"yes": 0, "unknown": 1, "no": 2}


class Times(NamedTuple):
    """What a version was told of time, s; of faults only those that begin before the end."""

    warmup_s: float
    duration_s: float
    sample_s: float
    first_fault_s: float | None  # its start
    last_end_s: float | None
    shortest_fault_s: float | None
    unsteady: str | None  # why launches have no steady state, in words


class Version(NamedTuple):
    """One arm in one case: what it gave, replication by replication."""

    case: str | None
    arm: str | None
    times: Times
    metrics: dict[str, list[float | None]]
    series: dict[str, Any]  # by column, shape (replications, 1 + samples); the first is the warm-up


class Answer(NamedTuple):
    """Whether something suffices, why, and how bad it is, to compare answers with the same word."""

    word: Word
    reason: str
    badness: float = 0.0


class Verdict(NamedTuple):
    """The answers of all versions to a question; the worst of them is the verdict."""

    question: str
    versions: Sequence[Version]
    answers: list[Answer]

    @property
    def answer(self) -> Answer:
        """The worst answer."""
        return _worst(self.answers)

    @property
    def version(self) -> Version:
        """The version that it is of."""
        return self.versions[self.answers.index(self.answer)]

    @property
    def alike(self) -> int:
        """How many versions answer with the same word."""
        return sum(answer.word == self.answer.word for answer in self.answers)


def check(versions: Sequence[Version], key_metrics: Sequence[str]) -> list[Verdict]:
    """Return a verdict for each question; there must be a version."""
    tests = len(versions) * len(STATES + COUNTS)
    questions: dict[str, Callable[[Version], Answer]] = {
        "warm-up": lambda version: warm_up(version, 1 - 0.05 / tests),
        "duration": duration,
        "events": events,
        "samples": samples,
        "replications": lambda version: replications(version, key_metrics),
    }
    return [Verdict(name, versions, list(map(ask, versions))) for name, ask in questions.items()]


def _worst(answers: Sequence[Answer]) -> Answer:
    return max(answers, key=lambda answer: (ORDER[answer.word], answer.badness))


def warm_up(version: Version, confidence: float) -> Answer:
    """Judge by MSER-5 on the mean over replications of the measured time before the first fault.

    MSER-5 leaves something out of every second series that is level from its start. So what it leaves out must
    also differ from the rest by more than an interval over replications of this confidence.
    """
    times = version.times
    if times.unsteady:
        return Answer("unknown", times.unsteady)
    until_s = times.duration_s if times.first_fault_s is None else times.first_fault_s
    count = int(until_s / times.sample_s + 1e-9)
    until = "the end" if times.first_fault_s is None else "the first fault"
    if count < mser.LEAST:
        advice = f"run.sample_s = {until_s / mser.LEAST:.3g} gives {mser.LEAST}, which MSER-5 needs"
        return Answer("unknown", f"{counted(count, 'sample')} before {until}; {advice}")
    # A state is known at the end of the warm-up, too; a count is of the whole warm-up, and of another width.
    level = {name: version.series[name][:, : count + 1] for name in STATES}
    level |= {name: version.series[name][:, 1 : count + 1] for name in COUNTS}
    found = [_transient(name, series, times, confidence) for name, series in level.items()]
    worst = _worst(found)
    if worst.word != "yes":
        return worst
    names = " and ".join([", ".join((*STATES, *COUNTS)[:-1]), COUNTS[-1]])
    reason = f"{names} are level in the {until_s:,.6g} s before {until}, after {times.warmup_s:,.6g} s of warm-up"
    return Answer("yes", reason)


def _transient(name: str, series: Any, times: Times, confidence: float) -> Answer:
    """Return whether a series is level from its start; a row for each replication."""
    left_out = mser.truncation(series.mean(axis=0))
    if left_out == 0:
        return Answer("yes", "")
    before, rest = series[:, :left_out].mean(axis=1), series[:, left_out:].mean(axis=1)
    seconds = left_out * times.sample_s
    reason = (
        f"{name} has a mean of {before.mean():.4g} in the first {seconds:,.6g} s and of {rest.mean():.4g} later"
    )
    if len(series) == 1:
        return Answer("unknown", f"{reason} (MSER-5), which may be chance: one replication cannot tell")
    difference = paired_difference(before.tolist(), rest.tolist(), confidence)
    assert difference.half_width is not None
    if abs(difference.mean) <= difference.half_width:
        return Answer("yes", "")
    or_more = " or more" if left_out == series.shape[1] // mser.BATCH // 2 * mser.BATCH else ""
    advice = f"run.warmup_s = {times.warmup_s + seconds:.6g}{or_more} would leave that out"
    return Answer("no", f"{reason} (MSER-5): {advice}", seconds)


def duration(version: Version) -> Answer:
    """Judge whether the run ends after its recovery."""
    times, values = version.times, version.metrics["time_to_recover_s"]
    known = [value for value in values if value is not None]
    if times.last_end_s is None or not known:
        return Answer("yes", "no fault, so nothing to recover from")
    left_s = times.duration_s - times.last_end_s
    if left_s <= 0:
        return Answer("no", f"the last fault ends {-left_s:,.6g} s after the run: no recovery is seen", math.inf)
    infinite = sum(map(math.isinf, known))
    if infinite:
        reason = f"no recovery in {infinite} of {len(known)} replications, {left_s:,.6g} s after the last fault"
        return Answer("no", f"{reason}: only a longer run.duration_s tells if there ever is one", infinite)
    latest = max(known)
    reason = (
        f"recovered {latest:,.6g} s after the last fault at the latest, {left_s - latest:,.6g} s before the end"
    )
    return Answer("yes", reason, latest / left_s)


def events(version: Version) -> Answer:
    """Judge whether enough events are behind the metrics that rest on rare ones."""
    found = {metric: _total(version, *what) for metric, what in RARE.items()}
    counts = {metric: total for metric, total in found.items() if total > 0}
    if not counts:
        return Answer("yes", "none of the rare ones at all")
    metric = min(counts, key=lambda name: counts[name])
    few = counts[metric]
    what = f"{few:,.3g} events" if few < EVENTS_MIN else f"{few:,.0f} events or more"
    precision = f"known to ±{100 * 1.96 / math.sqrt(few):.2g} % at best"
    if few < EVENTS_MIN:
        return Answer("no", f"{metric} rests on {what} in all replications: {precision}", 1 / few)
    return Answer("yes", f"each of {len(counts)} metrics of rare events rests on {what} ({metric})", 1 / few)


def _total(version: Version, names: Sequence[str], share: float) -> float:
    return share * sum(value for name in names for value in version.metrics[name] if value is not None)


def samples(version: Version) -> Answer:
    """Judge whether samples are narrow enough to show a fault."""
    times = version.times
    if times.sample_s > times.duration_s:
        return Answer("no", "the run is shorter than one sample", math.inf)
    if times.shortest_fault_s is None:
        return Answer("yes", "no fault to be seen in them")
    ratio = times.shortest_fault_s / times.sample_s
    reason = f"the shortest fault, {times.shortest_fault_s:,.6g} s, is {ratio:.3g} samples long"
    if ratio >= SAMPLES_MIN:
        return Answer("yes", reason, 1 / ratio)
    return Answer("no", f"{reason}; run.sample_s = {times.shortest_fault_s / SAMPLES_MIN:.3g} gives 10", 1 / ratio)


class _Precision(NamedTuple):
    metric: str
    relative: float  # half-width by mean
    need: int  # replications for RELATIVE


def replications(version: Version, key_metrics: Sequence[str]) -> Answer:
    """Judge whether intervals of the key metrics are narrow; a mean not told from 0 has no relative width."""
    count = len(version.metrics[key_metrics[0]])
    if count == 1:
        return Answer("unknown", "one replication has no interval")
    applying = {name: values for name in key_metrics if _is_judged(values := version.metrics[name])}
    obstacles = {name: why for name, values in applying.items() if (why := obstacle(values))}
    means = {name: values for name, values in applying.items() if name not in obstacles}
    found = list(_precisions(means))
    notes = [f"{name} has no interval: {why}" for name, why in obstacles.items()]
    if len(means) > len(found):
        notes.append(f"{len(means) - len(found)} key metrics are not told from 0")
    word, reason, relative = _precision(found, count)
    answer: Word = "no" if obstacles else word
    return Answer(answer, "; ".join([reason, *notes]), relative + len(obstacles))


def _precision(found: list[_Precision], count: int) -> tuple[Word, str, float]:
    if not found:
        return "unknown", f"no key metric is told from 0 by {count} replications", 0.0
    worst = max(found, key=lambda one: one.relative)
    narrow = sum(one.relative <= RELATIVE for one in found)
    reason = f"{worst.metric} is known to ±{100 * worst.relative:.2g} %"
    if narrow == len(found):
        return "yes", f"{reason}, {len(found) - 1} other key metrics as well or better", worst.relative
    more = f"about {worst.need - count:,} more replications would make it 5 %"
    return "no", f"{reason}: {more}; {narrow} of {len(found)} key metrics have that", worst.relative


def _is_judged(values: Sequence[float | None]) -> bool:
    """Return whether a metric applies in any replication, and is not infinite in all."""
    return not all(value is None or math.isinf(value) for value in values)


def _precisions(means: dict[str, list[float | None]]) -> Iterator[_Precision]:
    for name, values in means.items():
        mean, half_width = estimate([value for value in values if value is not None])
        assert half_width is not None
        if half_width < abs(mean):
            need = estimated_need(values, Goal(name, RELATIVE, is_relative=True))
            yield _Precision(name, half_width / abs(mean), need)
