"""What happened over time: a figure for each measure with a line for each arm, and denials by their causes."""

from collections.abc import Iterator, Sequence

import numpy as np

from ..drawing import lines
from ..drawing.figure import Figure, Key
from ..drawing.lines import Axis, Line, Plot
from ..drawing.scales import time_in_words
from ..drawing.text import number
from .folders import Arm, Book
from .measures import CAUSES, MEANT, MEASURES, Measure
from .samples import Samples
from .windows import Faults, merged, windows

TIME = Axis("time", is_time=True)
UNITS = {"rate": "per minute", "state": "at the end of each sample", "queue": "s"}
DRAWN = "Faults are shaded as the first replication drew them."
CAUSE_COLORS = (1, 3, 0, 5, 2, 4)


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

    def figures(self) -> Iterator[Figure]:
        """Yield the figures of a case: causes of denials first, then each measure that is not 0 throughout."""
        yield from self._causes()
        for measure, found in self._drawn.items():
            if found:
                yield self._figure(measure, found)

    def still(self) -> list[str]:
        """Return the titles of the measures that are 0 throughout."""
        return [measure.title for measure, found in self._drawn.items() if not found]

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

    def _causes(self) -> Iterator[Figure]:
        """Yield a figure for each arm, all of one scale: denials a minute, one cause on top of the other."""
        by_arm = [(arm, self._layers(arm, samples)) for arm, samples in self.arms]
        top = max(float(layers[-1].high.max(initial=0.0)) for _, layers in by_arm)
        for arm, layers in by_arm if top > 0 else ():
            windows = self._shading[arm.key].windows
            plot = Plot(layers, TIME, Axis("per minute"), windows, self.span, top, tops=True)
            of = f": {arm.key.name}" if len(self.arms) > 1 else ""
            yield lines.figure(
                self.file(f"denials {arm.key.name}"), f"{self.title('Denials by cause')}{of}",
                f"{_shares(layers)}{self._drawn_words}", plot, arm.key.color,
            )  # fmt: skip

    def _layers(self, arm: Arm, samples: Samples) -> list[Line]:
        """Return a band for each cause, on top of the one before."""
        found, below = [], np.zeros(len(samples.ends()))
        for color, (column, cause) in zip(CAUSE_COLORS, CAUSES.items(), strict=True):
            curve = samples.curve(self.name, arm.name, Measure(column, cause, "rate", (column,), ""))
            above = below + curve.y
            found.append(Line(Key(cause, color, is_arm=False), curve.x, curve.y, below, above))
            below = above
        return found


def _shares(layers: Sequence[Line]) -> str:
    """Return in words which causes there are."""
    totals = {line.key.name: float(line.y.sum()) for line in layers}
    everything = sum(totals.values())
    if everything == 0:
        return "No denial at all."
    parts = [
        f"{100 * total / everything:.3g} % {cause} ({MEANT[cause]})" for cause, total in totals.items() if total
    ]
    return f"Of all denials: {', '.join(parts)}. Means of the replications."


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
