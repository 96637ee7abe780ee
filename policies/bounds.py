"""Bounds on policies' parameters, beyond the one that all have: numbers >= 0."""

import math


def are_positive(**values: float) -> None:
    """Raise ValueError where one of these parameters is not above 0 and finite."""
    for name, value in values.items():
        if not 0 < value < math.inf:
            raise ValueError(f"{name}: {value} is not allowed; it must be > 0 and finite")


def are_shares(**values: float) -> None:
    """Raise ValueError where one of these parameters is above 1."""
    for name, value in values.items():
        if value > 1:
            raise ValueError(f"{name}: {value} is not allowed; it must be in [0, 1]")


def are_counts(**values: float) -> None:
    """Raise ValueError where one of these parameters is not a whole number from 1."""
    for name, value in values.items():
        if not (1 <= value < math.inf and value % 1 == 0):
            raise ValueError(f"{name}: {value} is not allowed; it must be a whole number >= 1")
