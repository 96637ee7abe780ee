"""The picture of README.md: what an outage does, drawn from the demo's own numbers.

    python -m meterstorm.experiments.reports.picture FOLDER > experiments/outage.svg

FOLDER is that of a run of q226827. Lines are means over the replications, in steps of ten minutes.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pyarrow import parquet

STEP_S = 600.0
WIDTH, HEIGHT, LEFT, TOP, PANEL = 820, 250, 60, 50, 310
ARMS = {"as shipped": "#c0392b", "fixed": "#1f6fb2"}


class Panel(NamedTuple):
    """One case, what is counted in it, and when its outage is (h of measured time)."""

    title: str
    case: str
    columns: tuple[str, ...]
    outage_h: tuple[float, float]
    span_h: tuple[float, float]


PANELS = (
    Panel(
        "One of two servers is away for ten minutes: abnormal denials",
        "brief outage",
        ("denials_misplaced", "denials_stranded", "denials_ghost"),
        (3.0, 3.0 + 1 / 6),
        (2.0, 6.0),
    ),
    Panel(
        "All servers are away for half an hour: attempts",
        "all servers away",
        ("attempts",),
        (3.0, 3.5),
        (2.0, 6.0),
    ),
)


def draw(folder: Path) -> str:
    """Return the picture of a run as SVG."""
    table = parquet.read_table(folder / "timeseries.parquet")
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        'font-size="12" role="img">',
        "<title>Abnormal denials and attempts around an outage, as shipped and fixed</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
    ]
    for number, panel in enumerate(PANELS):
        parts += _panel(panel, table, LEFT + number * (PANEL + 80))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _panel(panel: Panel, table: Any, left: int) -> Iterator[str]:
    """Yield a panel: title, outage, axes, and a line for each arm."""
    lines = {arm: _means(table, panel, arm) for arm in ARMS}
    top, bottom = TOP, HEIGHT - 45
    largest = max(float(values.max()) for values in lines.values())
    begin, end = panel.span_h

    def x(hour: float) -> float:
        return left + (hour - begin) / (end - begin) * PANEL

    def y(value: float) -> float:
        return bottom - value / largest * (bottom - top)

    away, back = (x(hour) for hour in panel.outage_h)
    yield f'<text x="{left}" y="22" font-weight="bold">{panel.title.partition(": ")[0]}:</text>'
    yield f'<text x="{left}" y="38">{panel.title.partition(": ")[2]} in ten minutes</text>'
    yield f'<rect x="{away:.1f}" y="{top}" width="{back - away:.1f}" height="{bottom - top}" fill="#f3d9b1"/>'
    yield f'<path d="M{left} {top}V{bottom}H{left + PANEL}" fill="none" stroke="#555"/>'
    yield f'<text x="{left - 6}" y="{top + 8}" text-anchor="end">{largest:.0f}</text>'
    yield f'<text x="{left - 6}" y="{bottom}" text-anchor="end">0</text>'
    for hour in range(int(begin), int(end) + 1):
        yield f'<text x="{x(hour):.1f}" y="{bottom + 16}" text-anchor="middle">{hour} h</text>'
    for row, (arm, values) in enumerate(lines.items()):
        yield _line(values, panel, x, y, ARMS[arm])
        yield (
            f'<text x="{left + PANEL}" y="{top + 16 + 16 * row}" text-anchor="end" fill="{ARMS[arm]}">{arm}</text>'
        )


def _line(values: Any, panel: Panel, x: Any, y: Any, color: str) -> str:
    """Return a line of steps."""
    first = int(panel.span_h[0] * 3600 / STEP_S)
    steps = "".join(
        f"{'M' if k == 0 else 'L'}{x((first + k) * STEP_S / 3600):.1f} {y(value):.1f}"
        f"H{x((first + k + 1) * STEP_S / 3600):.1f}"
        for k, value in enumerate(values)
    )
    return f'<path d="{steps}" fill="none" stroke="{color}" stroke-width="2"/>'


def _means(table: Any, panel: Panel, arm: str) -> Any:
    """Return what an arm counted in each step of the panel's span, the mean over its replications."""
    column = {name: table[name].to_numpy() for name in ("start_s", "replication", *panel.columns)}
    chosen = (np.array(table["case"].to_pylist()) == panel.case) & (np.array(table["arm"].to_pylist()) == arm)
    step = np.floor(column["start_s"][chosen] / STEP_S).astype(int)
    first, beyond = (int(hour * 3600 / STEP_S) for hour in panel.span_h)
    counts = sum(column[name][chosen] for name in panel.columns)
    inside = (step >= first) & (step < beyond)
    totals = np.bincount(step[inside] - first, np.asarray(counts)[inside], beyond - first)
    return totals / len(set(column["replication"][chosen].tolist()))


if __name__ == "__main__":
    print(draw(Path(sys.argv[1])), end="")
