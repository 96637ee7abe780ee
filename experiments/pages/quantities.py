"""Metrics in words: their names, and their values with units and intervals."""

import math
import re
from typing import Any

from ..metrics.names import VIRTUAL, named
from ..reports.numbers import short

UNITS = {metric.name: metric.unit for metric in VIRTUAL}
SHARES = {name for name in UNITS if name.endswith("_fraction") or name.startswith("server_utilization")}


def spoken(metric: str) -> str:
    """Return a metric's name as one says it, without its unit; a group's name is its user's own."""
    word, group = named(metric)
    words = re.sub("(?<!_per)_m?s(?=_|$)", "", word).replace("_", " ")
    return words if group is None else f"{words} of “{group}”"


def unit(metric: str) -> str:
    """Return the unit of a metric's values in words; shares are in percent."""
    return "%" if is_share(metric) else UNITS.get(named(metric).metric, "")


def is_share(metric: str) -> bool:
    """Whether a metric is a share, which is shown in percent."""
    return named(metric).metric in SHARES


def factor(metric: str) -> float:
    """Return what a metric's values are multiplied with, so that they have their unit."""
    return 100.0 if is_share(metric) else 1.0


def largest(metric: str) -> float:
    """Return the largest value that a metric can have, in its unit; the least is 0."""
    return 100.0 if is_share(metric) else math.inf


def axis(metric: str) -> str:
    """Return what stands along an axis of a metric."""
    return f"{spoken(metric)}, {unit(metric)}" if unit(metric) else spoken(metric)


def value(metric: str, mean: Any, half_width: Any = None, sign: bool = False) -> str:
    """Return a mean with its interval and unit; JSON's "inf" is infinite, and null does not apply."""
    if mean is None:
        return "-"
    found, times = plain(mean), factor(metric)
    words = rounded(found * times, None if half_width is None else plain(half_width) * times, "+" if sign else "")
    if not math.isfinite(found):
        return words
    return f"{words} {'% points' if sign and is_share(metric) else unit(metric)}".rstrip()


def rounded(mean: float, half_width: float | None, sign: str = "") -> str:
    """Return a mean with its interval, which has two digits; the mean has no more of them than these justify."""
    if not math.isfinite(mean):
        return "inf"
    if half_width is None:
        return short(mean, 4, sign)
    if not math.isfinite(half_width) or half_width == 0:
        return f"{short(mean, 4, sign)} ± {short(half_width, 2)}"
    digits = max(0, 1 - math.floor(math.log10(half_width)))
    return (
        f"{mean:{sign},.{digits}f} ± {half_width:,.{digits}f}"
        if digits < 8
        else f"{mean:{sign}.2g} ± {half_width:.2g}"
    )


def plain(number: Any) -> float:
    """Return a number of JSON's; "inf" is infinite."""
    return float(number)
