"""Functions that policies may call, in plain Python as well as compiled.

Policies import no compiler: marked functions are handed to it with the first policy that is compiled
(`actors/compiled/policies.py`).
"""

from collections.abc import Callable
from types import FunctionType
from typing import TypeVar

F = TypeVar("F", bound=Callable[..., object])

MARKED: list[Callable[..., object]] = []


def compilable(function: F) -> F:
    """Mark a function of numbers that compiled policies may call."""
    if not isinstance(function, FunctionType):
        raise TypeError(f"@compilable takes a plain function, not {function!r}")
    MARKED.append(function)
    return function
