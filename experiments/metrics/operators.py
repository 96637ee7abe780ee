"""How a metric is compared with a number: the signs that people type."""

import operator
from collections.abc import Callable

# Longer ones first: a pattern that tries them in order takes "<=" for what it is.
OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
}
