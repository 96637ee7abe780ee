"""Which settings of a sweep a metric depends on, and where it is bad: Sobol indices, and boxes found by PRIM."""

from collections.abc import Iterator, Sequence

from ..analysis.outcomes import Bad, Sweep
from ..drawing import rows
from ..drawing.figure import Figure, Key, Table
from ..drawing.rows import Kind, Mark, Row
from ..drawing.text import capitalized, number
from ..reports import explanation
from ..reports.explanation import Explanation
from .quantities import spoken


def explained(sweep: Sweep, metric: str, bad: Bad | None) -> list[Explanation]:
    """Return what explains a metric in each case and arm; nothing where no world has the metric."""
    try:
        return explanation.explain(sweep, metric, bad, None, None)
    except ValueError:
        return []


def indices(found: Sequence[Explanation], metric: str) -> Iterator[Figure]:
    """Yield the indices of each case and arm, the setting that matters most first."""
    for one in found:
        known = sorted(one.sensitivity.indices, key=lambda index: -index.total)
        if not known:
            continue
        made = [
            Row(
                index.key, Key("", 0, is_arm=False),
                [_mark(index.first, index.first_interval, "circle"),
                 _mark(index.total, index.total_interval, "square")],
                f"alone {index.first:.2f}, in all {index.total:.2f}", is_joined=True,
            )
            for index in known
        ]  # fmt: skip
        caption = (
            f"{capitalized(one.sensitivity.words)}: shares of its variance over the points that each setting "
            "explains, alone (circle) and with all that it has a part in (square); 95 % intervals where they are "
            f"estimates. {known[0].key} matters most."
        )
        heads = ["setting", "alone", "in all"]
        table = Table(heads, [[index.key, f"{index.first:.3f}", f"{index.total:.3f}"] for index in known])
        title = f"What {spoken(metric)} depends on{_of(one)}"
        yield rows.figure(f"indices {metric}{_of(one)}", title, caption, made, Kind("share"), table)


def _mark(value: float, interval: tuple[float, float] | None, shape: str) -> Mark:
    low, high = interval or (None, None)
    return Mark(value, low, high, shape=shape)


def _of(one: Explanation) -> str:
    names = [name for name in (one.outcomes.arm, one.outcomes.case) if name]
    return f": {' in '.join(names)}" if names else ""


def boxes(found: Sequence[Explanation], metric: str, bad: Bad) -> Table:
    """Return where a metric is bad: a row for each box."""
    heads = [
        "box",
        f"where {spoken(metric)} is bad ({bad})",
        "bad in it",
        "on points held out",
        "of all bad",
        "of all",
    ]
    made = [
        [f"{n}{_of(one)}", " and ".join(explanation.text(one, restriction) for restriction in box.restrictions),
         *(f"{number(100 * share)} %" for share in (box.density, box.density_held_out, box.coverage, box.mass))]
        for one in found
        for n, box in enumerate(one.discovery.boxes if one.discovery else (), 1)
    ]  # fmt: skip
    return Table(heads, made)
