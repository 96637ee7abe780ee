"""The picture of README.md: what an outage does, drawn from the demo's own numbers.

    python -m meterstorm.experiments.pages.picture FOLDER > experiments/outage.svg

FOLDER is that of a run of q226827.
"""

import sys
from pathlib import Path
from typing import NamedTuple

from ..drawing import export, lines
from ..drawing.figure import Figure, Key
from ..drawing.lines import Axis, Line, Plot
from ..drawing.scales import HOUR
from ..scenario import Scenario
from . import folders
from .measures import MEASURES
from .samples import Curve, Samples
from .windows import windows

ARMS = {"as shipped": 1, "fixed": 0}  # and their colors
SPAN = 2 * HOUR, 6 * HOUR


class Panel(NamedTuple):
    """A case, and what is drawn of it."""

    title: str
    case: str
    measure: str


PANELS = (
    Panel("One of two servers is away: abnormal denials", "brief outage", "abnormal-denials"),
    Panel("All servers are away for half an hour: attempts", "all servers away", "attempts"),
)


def draw(folder: Path) -> str:
    """Return the picture of a run as SVG: one panel beside the other."""
    (run,) = folders.book([folder]).runs
    return export.to_svg(*(_panel(panel, Samples(run), run.scenarios[panel.case, "fixed"]) for panel in PANELS))


def _panel(panel: Panel, samples: Samples, scenario: Scenario) -> Figure:
    """Return a line for each arm, with windows of faults."""
    measure = next(one for one in MEASURES if one.name == panel.measure)
    drawn = [_line(samples.curve(panel.case, arm, measure), Key(arm, color)) for arm, color in ARMS.items()]
    plot = Plot(drawn, Axis("time", is_time=True), Axis("per minute"), list(windows(scenario)), SPAN)
    return lines.figure(panel.measure, panel.title, measure.meaning, plot)


def _line(curve: Curve, key: Key) -> Line:
    """Return the part of a curve that is in the panel."""
    kept = (curve.x >= SPAN[0]) & (curve.x <= SPAN[1])
    return Line(key, *(values[kept] for values in curve))


if __name__ == "__main__":
    print(draw(Path(sys.argv[1])), end="")
