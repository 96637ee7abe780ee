"""Observed times to draw from, in files that are named after what is in them."""

from random import Random
from typing import Any

from support.kept import kept

COLUMNS = {"launch": ("launch_intervals", "launch_interval_s"), "run_time": ("run_times", "run_time_s")}


def observed(values: list[float], column: str) -> str:
    """The path of a file with one column."""
    return kept("".join(f"{cell}\n" for cell in (column, *values)))


def with_observations(workload: dict[str, Any], least: float) -> dict[str, Any]:
    """A workload with some times drawn from observed ones of the same mean; the short ones are `least` of it.

    Which times follows from the workload.
    """
    chance, made = Random(repr(workload)), dict(workload)
    for key, (file, column) in COLUMNS.items():
        if chance.random() < 0.3:
            mean_s = max(workload[column], 1.0)
            parts = [1.0, *(chance.choice([least, 0.1, 1.0]) * chance.uniform(0.2, 3.0) for _ in range(8))]
            values = [mean_s * part * len(parts) / sum(parts) for part in parts]
            made |= {key: "empirical", file: observed(values, column)}
    return made
