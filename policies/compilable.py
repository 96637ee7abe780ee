"""Functions that policies may call, both in plain Python and compiled.

Policies import no compiler: marked functions are handed to it along with the first compiled policy
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
