"""A run on the wall clock beside its twin, on the screen."""

from typing import Any

from rich.console import Console

from ..comparisons.twin import in_words
from .layout import Column, show_columns
from .numbers import short


def cells(one: dict[str, Any]) -> tuple[str, str, str, str]:
    """Return a count in words: what the run has, the twin's mean, its band, and the verdict."""
    values = " / ".join(short(value, 6) for value in one["values"])
    edges = f"{short(max(0.0, one['low']), 5)} to {short(one['high'], 5)}"
    return values, short(one["mean"], 5), edges, "outside" if one["outside"] else "inside"


def is_there(one: dict[str, Any]) -> bool:
    """Whether a count is not 0 in all replications of the run and of its twin."""
    return one["mean"] != 0 or any(one["values"])


def show(console: Console, content: dict[str, Any]) -> None:
    """Print a table for each version: what is outside first, and what is 0 everywhere left out."""
    for arm in content["arms"]:
        who = " in ".join(filter(None, (arm["name"], arm["case"]))) or "the scenario"
        latency = f"messages took {arm['late_ms']:.3g} ms more than their latency, so the twin's is"
        console.print(f"{who}: {latency} {arm['latency_ms']:.6g} ms", style="bold", markup=False, highlight=False)
        found = sorted(filter(is_there, arm["counts"]), key=lambda one: not one["outside"])
        rows = [cells(one) for one in found]
        heads = "wall clock", "twin", f"{100 * content['confidence']:g} % band", ""
        columns = [Column(head, [row[k] for row in rows]) for k, head in enumerate(heads)]
        show_columns(console, Column("", [one["count"] for one in found]), columns)
    console.print(in_words(content), markup=False, highlight=False)
