"""What adds up over time: a figure for each arm, with its parts on top of each other."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ..drawing.figure import Key
from ..drawing.lines import Line
from ..drawing.scales import time_in_words
from ..drawing.text import number
from .measures import CAUSES, LINKS, MEANT, Kind, Measure
from .samples import Samples

MEANS = "Means of the replications."
NOT_PREFERRED = "Clients not on their preferred server"


class Stack(NamedTuple):
    """What is drawn: the columns of its parts and their names, from below, and what is said of them."""

    name: str
    title: str
    absent: str  # what is 0 throughout where it is not drawn
    unit: str
    kind: Kind
    parts: Mapping[str, str]
    colors: Sequence[int]
    words: Callable[[Sequence[Line]], str]
    usual: str | None = None  # the column of what is there anyway: faint, on top of the others

    def layers(self, case: str | None, arm: str | None, samples: Samples) -> list[Line]:
        """Return a band for each part, on top of the one before; none where the file lacks them."""
        if not all(map(samples.has, self.parts)):
            return []
        found: list[Line] = []
        below = np.zeros(len(samples.ends()))
        for color, (column, part) in zip(self.colors, self.parts.items(), strict=True):
            curve = samples.curve(case, arm, Measure(column, part, self.kind, (column,), ""))
            above = below + curve.y
            key = Key(part, color, is_arm=False)
            found.append(Line(key, curve.x, curve.y, below, above, is_faint=column == self.usual))
            below = above
        return found

    def is_there(self, layers: Sequence[Line]) -> bool:
        """Whether there is more to see than what is there anyway."""
        return any(np.any(line.y) for line in layers if not line.is_faint)


def _causes(layers: Sequence[Line]) -> str:
    """Return in words which causes there are."""
    totals = {line.key.name: float(line.y.sum()) for line in layers}
    everything = sum(totals.values())
    if everything == 0:
        return "No denial at all."
    parts = [
        f"{100 * total / everything:.3g} % {cause} ({MEANT[cause]})" for cause, total in totals.items() if total
    ]
    return f"Of all denials: {', '.join(parts)}. {MEANS}"


def _links(layers: Sequence[Line]) -> str:
    """Return in words when the fewest clients are where they prefer to be, and where all are at the end."""
    *others, preferred = layers
    if not any(np.any(line.y) for line in others):
        return "All clients are online at their preferred server throughout."
    place = int(np.argmin(preferred.y))
    when = time_in_words(float(preferred.x[place]))
    least = f"Fewest are at their preferred server after {when}: {_at(layers, place)}"
    return f"{least}. At the end: {_at(layers, -1)}. {MEANS}"


def _at(layers: Sequence[Line], place: int) -> str:
    """Return in words how many clients are in which state at a sample."""
    found = [(float(line.y[place]), line.key.name) for line in (layers[-1], *layers[:-1])]
    return ", ".join(f"{number(value)} {name}" for value, name in found if value > 0)


STACKS = (
    Stack("denials", "Denials by cause", "Denials", "per minute", "rate", CAUSES, (1, 3, 0, 5, 2, 4), _causes),
    Stack(
        "links", "Clients by link state", NOT_PREFERRED, "clients", "state", LINKS, (1, 3, 4, 5, 2, 0), _links,
        usual="clients_preferred",
    ),
)  # fmt: skip
