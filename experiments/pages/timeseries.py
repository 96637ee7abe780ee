"""What happened over time: a figure for each measure with a line for each arm, and one for each arm's stacks."""

from collections.abc import Iterator, Sequence

import numpy as np

from ..drawing import lines
from ..drawing.figure import Figure
from ..drawing.lines import Axis, Line, Plot
from ..drawing.scales import time_in_words
from ..drawing.text import number
from .folders import Arm, Book
from .measures import MEASURES, Measure
from .samples import Samples
from .stacks import STACKS, Stack
from .windows import Faults, merged, windows

TIME = Axis("time", is_time=True)
UNITS = {"rate": "per minute", "state": "at the end of each sample", "queue": "s"}
DRAWN = "Faults are shaded as the first replication drew them."


class Case:
    """A case, with the samples of every arm that ran in it."""

    def __init__(self, book: Book, samples: Sequence[tuple[Samples, Faults]], name: str | None) -> None:
        self.name = name
        by_run = {id(run): one for run, one in zip(book.runs, samples, strict=True)}
        self.arms = [(arm, by_run[id(arm.run)][0]) for arm, _ in book.entries(name)]
        self._shading = {arm.key: by_run[id(arm.run)][1].shading(name, arm.name) for arm, _ in self.arms}
        self._all = merged(list(self._shading.values()))
        planned = [window for arm, _ in self.arms for window in windows(arm.run.scenarios[name, arm.name])]
        self.first_fault = min((window.begin for window in planned), default=None)
        self._drawn_words = f" {DRAWN}" if self._all.is_drawn else ""
        self.span = 0.0, max(arm.run.folder.scenario.run.duration_s for arm, _ in self.arms)
        self._drawn = {measure: self._lines(measure) for measure in MEASURES}
        self._stacks = [(stack, self._layers(stack)) for stack in STACKS]

    def figures(self) -> Iterator[Figure]:
        """Yield the figures of a case: stacks first, then each measure that is not 0 throughout."""
        for stack, by_arm in self._stacks:
            yield from self._stack(stack, by_arm)
        for measure, found in self._drawn.items():
            if found:
                yield self._figure(measure, found)

    def still(self) -> list[str]:
        """Return the titles of what is 0 throughout."""
        stacks = [stack.absent for stack, by_arm in self._stacks if not by_arm]
        return [*stacks, *(measure.title for measure, found in self._drawn.items() if not found)]

    def _lines(self, measure: Measure) -> list[Line]:
        """Return a line for each arm; none where all of them are 0 throughout."""
        found = [Line(arm.key, *samples.curve(self.name, arm.name, measure)) for arm, samples in self.arms]
        return found if any(np.nanmax(line.y, initial=0.0) > 0 for line in found) else []

    def _figure(self, measure: Measure, found: Sequence[Line]) -> Figure:
        caption = f"{measure.meaning}. {peaks(found, self.first_fault, measure.kind)}{self._drawn_words}"
        unit = "s" if measure.kind == "queue" else UNITS[measure.kind]
        plot = Plot(found, TIME, Axis(unit), self._all.windows, self.span)
        return lines.figure(self.file(measure.name), self.title(measure.title), caption, plot)

    def title(self, title: str) -> str:
        """Return a figure's title with the case."""
        return f"{title} in “{self.name}”" if self.name else title

    def file(self, name: str) -> str:
        """Return the name of a figure's file with the case."""
        return f"{self.name} {name}" if self.name else name

    def _stack(self, stack: Stack, by_arm: Sequence[tuple[Arm, list[Line]]]) -> Iterator[Figure]:
        """Yield a figure for each arm, all of one scale."""
        top = max((float(layers[-1].edges[1].max(initial=0.0)) for _, layers in by_arm), default=0.0)
        for arm, layers in by_arm:
            windows = self._shading[arm.key].windows
            plot = Plot(layers, TIME, Axis(stack.unit), windows, self.span, top, tops=True)
            of = f": {arm.key.name}" if len(self.arms) > 1 else ""
            yield lines.figure(
                self.file(f"{stack.name} {arm.key.name}"), f"{self.title(stack.title)}{of}",
                f"{stack.words(layers)}{self._drawn_words}", plot, arm.key.color,
            )  # fmt: skip

    def _layers(self, stack: Stack) -> list[tuple[Arm, list[Line]]]:
        """Return the parts of each arm whose run has them; none where no arm has any but the usual ones."""
        every = [(arm, stack.layers(self.name, arm.name, samples)) for arm, samples in self.arms]
        known = [(arm, layers) for arm, layers in every if layers]
        return known if any(stack.is_there(layers) for _, layers in known) else []


def peaks(found: Sequence[Line], fault: float | None, kind: str) -> str:
    """Return in words where lines are highest, and how that compares with before the first fault."""
    known = [line for line in found if np.isfinite(line.y).any()]
    ordered = sorted(known, key=lambda line: -float(np.nanmax(line.y)))
    words = f"{_peak(ordered[0], fault, kind, len(found) > 1)}"
    if len(ordered) > 1:
        low = ordered[-1]
        words += f"; “{low.key.name}” stays lowest, at most {_value(float(np.nanmax(low.y)), kind)}"
    return f"{words}. {bands(found)}".strip()


def _peak(line: Line, fault: float | None, kind: str, is_named: bool) -> str:
    place = int(np.nanargmax(line.y))
    who = f"“{line.key.name}” peaks" if is_named else "The peak is"
    words = f"{who} at {_value(float(line.y[place]), kind)} after {time_in_words(float(line.x[place]))}"
    calm = _before(line, fault)
    return words if calm is None else f"{words} ({_value(calm, kind)} on average before the first fault)"


def _before(line: Line, fault: float | None) -> float | None:
    values = np.asarray(line.y)[(line.x < (fault or 0.0)) & np.isfinite(line.y)]
    return float(values.mean()) if len(values) else None


def _value(value: float, kind: str) -> str:
    return f"{number(value)}{' per minute' if kind == 'rate' else ' s' if kind == 'queue' else ''}"


def bands(found: Sequence[Line]) -> str:
    """Return in words what the bands are."""
    if all(line.low is None for line in found):
        return "One replication."
    return "Bands: 95 % intervals of the mean over the replications."


def of(book: Book, faults: Sequence[Faults]) -> list[Case]:
    """Return the cases of a report, with the faults of its runs; raises ValueError if a file cannot be read."""
    samples = [(Samples(run), held) for run, held in zip(book.runs, faults, strict=True)]
    cases = [Case(book, samples, case) for case in book.cases]
    return sorted(cases, key=lambda case: case.first_fault is None)  # those with faults first
