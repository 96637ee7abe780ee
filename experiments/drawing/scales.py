"""From values to places, and the ticks between them."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .text import number

SECOND, MINUTE, HOUR, DAY = 1.0, 60.0, 3600.0, 86400.0
UNITS = ((DAY, "d"), (HOUR, "h"), (MINUTE, "min"), (SECOND, "s"))
STEPS = {
    "d": (1, 2, 5, 7, 10, 14, 30, 50, 100, 200, 365, 1000, 3650),
    "h": (0.5, 1, 2, 3, 4, 6, 8, 12, 24),
    "min": (0.5, 1, 2, 5, 10, 15, 20, 30, 60),
    "s": (0.001, 0.01, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 20, 30, 60),
}


class Tick(NamedTuple):
    """A value on an axis, and what stands beside it."""

    value: float
    text: str


class Scale(NamedTuple):
    """Values from `low` to `high` lie from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float
    is_log: bool = False

    def __call__(self, value: Any) -> Any:
        """Return where a value lies, or an array of them."""
        low, high = self._plain(self.low), self._plain(self.high)
        return self.start + (self._plain(value) - low) / ((high - low) or 1.0) * (self.end - self.start)

    def _plain(self, value: Any) -> Any:
        return np.log10(value) if self.is_log else value


def ticks(low: float, high: float, count: int = 4) -> list[Tick]:
    """Return about `count` round values in a range."""
    step = _round_up((high - low) / count) if high > low else 1.0
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [Tick(n * step, number(n * step)) for n in range(first, last + 1)]


def _round_up(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    return next(power * digit for digit in (1, 2, 2.5, 5, 10) if power * digit >= value * 0.999)


def top(value: float, count: int = 4) -> float:
    """Return the tick that an axis from 0 ends at, so that `value` fits."""
    if value <= 0:
        return 1.0
    step = _round_up(value / count)
    found = step * math.ceil(value / step - 1e-9)
    return found if _round_up(found / count) == step else top(found * 1.001, count)


def log_ticks(low: float, high: float, count: int = 6) -> list[Tick]:
    """Return powers of ten in a range, or where there are few, round values between them."""
    if high < 4 * low:
        return ticks(low, high, count - 1)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for digits in ((1,), (1, 3), (1, 2, 5), (1, 2, 3, 4, 6, 8)):
        values = [digit * 10.0**power for power in powers for digit in digits]
        found = [value for value in values if low * 0.999 <= value <= high * 1.001]
        if len(found) >= 3:
            break
    every = math.ceil(len(found) / count)
    return [Tick(value, number(value)) for value in found[::every]]


def time_unit(span_s: float) -> tuple[float, str]:
    """Return the unit that fits a span of time, in seconds, and its name."""
    return next((unit for unit in UNITS if span_s >= 3 * unit[0]), UNITS[-1])


def time_ticks(low_s: float, high_s: float, count: int = 6) -> list[Tick]:
    """Return round times in a range, each with its unit."""
    unit, name = time_unit(high_s - low_s)
    span = (high_s - low_s) / unit
    step = next((step for step in STEPS[name] if span / step <= count), STEPS[name][-1])
    first, last = math.ceil(low_s / unit / step - 1e-9), math.floor(high_s / unit / step + 1e-9)
    return [Tick(n * step * unit, f"{n * step:g} {name}" if n else "0") for n in range(first, last + 1)]


def time_in_words(seconds: float) -> str:
    """Return a time as 3 h 05 min, 12 min, 4.5 s."""
    if abs(seconds) < MINUTE:
        return f"{seconds:.3g} s"
    minutes = round(abs(seconds) / MINUTE)
    hours, rest = divmod(minutes, 60)
    sign = "-" if seconds < 0 else ""
    if not hours:
        return f"{sign}{rest} min"
    return f"{sign}{hours} h" + (f" {rest:02} min" if rest else "")


def span(arrays: Sequence[Any]) -> tuple[float, float]:
    """Return the least and the largest finite value of arrays; (0, 1) where there is none."""
    found = [values[np.isfinite(values)] for values in map(np.asarray, arrays)]
    kept = [values for values in found if len(values)]
    if not kept:
        return 0.0, 1.0
    return float(min(values.min() for values in kept)), float(max(values.max() for values in kept))
