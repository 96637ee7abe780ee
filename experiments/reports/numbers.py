"""Numbers as JSON has them, and as the screen shows them."""

import math
from typing import Any

from ..metrics.intervals import Estimate
from ..metrics.metrics import Value


def plain(value: Value) -> Any:
    """Return a number as JSON has it: an infinite one is "inf"."""
    return "inf" if value is not None and math.isinf(value) else value


def number(value: Estimate) -> dict[str, Any]:
    """Return a mean and the half-width of its 95 % interval."""
    return {"mean": plain(value.mean), "ci95": plain(value.half_width)}


def shown(value: Estimate, sign: bool = False) -> str:
    """Return a mean with its interval, if it has one."""
    if math.isinf(value.mean):
        return "inf"
    mean = short(value.mean, 4, "+" if sign else "")
    return mean if value.half_width is None else f"{mean} ± {short(value.half_width, 2)}"


def short(value: float, digits: int, sign: str = "") -> str:
    """Return a number with the given significant digits; large ones get no exponent."""
    large = math.isfinite(value) and abs(value) >= 10**digits
    return f"{value:{sign}.0f}" if large else f"{value:{sign}.{digits}g}"
