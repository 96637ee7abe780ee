"""Errors of users' own policies: which file and line, and what is wrong, in the exception's own words."""

import re
import sys
import traceback
from pathlib import Path
from typing import Any

from .admission import AT_DEQUEUE
from .failover import HOOKS
from .selection import ON_ANSWER


class PolicyError(ValueError):
    """A user's own policy fails, or answers what it may not. The message is finished."""


def is_own(cls: Any) -> bool:
    """Whether a policy, or a wrapper of it, is a user's own, not one of this package."""
    return bool(own_classes(cls))


def own_classes(cls: Any) -> list[Any]:
    """Return those of a policy and its wrappers that are a user's own."""
    classes = [layer.cls for layer in getattr(cls, "layers", ())] or [cls]
    return [each for each in classes if not each.__module__.startswith(f"{__package__}.")]


def source_of(cls: Any) -> str:
    """Return the file of a policy; of one within wrappers, that of the first one that is a user's own."""
    own = next(iter(own_classes(cls)), cls)
    return str(getattr(sys.modules.get(own.__module__), "__file__", own.__module__))


def raised(kind: str, cls: Any, method: str, error: BaseException) -> PolicyError:
    """Return what to raise where a method of a policy has raised an exception."""
    culprit = next((each for each in own_classes(cls) if lines_in(source_of(each), error)), cls)
    lines = lines_in(source_of(culprit), error) or [first_line(culprit, method)]
    return _blamed(kind, culprit, lines[-1], f"{method} raised {in_words(error)}")


def in_words(error: BaseException) -> str:
    """Return an exception in its own words."""
    return f"{type(error).__name__}: {error}".removesuffix(": ")


def wrong(kind: str, cls: Any, method: str, text: str) -> PolicyError:
    """Return what to raise where a method of a policy answers what it may not."""
    return _blamed(kind, cls, first_line(cls, method), f"{method} {text}")


def uncompilable(cls: Any, method: str, error: BaseException, plain: BaseException | None) -> PolicyError:
    """Return what to raise where a method cannot be compiled; the compiler's message has many lines.

    `plain` is what the method raises in plain Python, if it does: the likely cause.
    """
    source, lines = source_of(cls), [line.strip() for line in str(error).splitlines()]
    reason = next((line for line in lines if line and not line.startswith("Failed in nopython")), repr(error))
    place = rf'File "[^"\n]*{re.escape(Path(source).name)}", line (\d+)'
    places = [int(number) for number in re.findall(place, str(error))]
    raising = lines_in(source, plain)[-1:] if plain else []
    line = next(iter([*places, *raising, first_line(cls, method)]))
    method = max(_hooks(cls, method, line), default=(0, method))[1]
    also = f"\nIn plain Python it raises {in_words(plain)}." if plain else ""
    return PolicyError(
        f"{source}, line {line}: {cls.__qualname__}.{method} cannot be compiled: {reason}\n"
        f"A policy's method may use numbers, arithmetic, conditions, loops and its arguments' fields.{also}"
    )


def _hooks(cls: Any, method: str, line: int) -> list[tuple[int, str]]:
    """Return the hooks of a policy that begin at a line or before it, with their first lines."""
    names = (method, *HOOKS.values(), AT_DEQUEUE, ON_ANSWER)
    lines = [(first_line(cls, name), name) for name in names if hasattr(cls, name)]
    return [hook for hook in lines if hook[0] <= line]


def lines_in(source: str, error: BaseException) -> list[int]:
    """Return the lines of a file that an exception has passed through, the innermost last."""
    frames = traceback.extract_tb(error.__traceback__)
    return [frame.lineno or 1 for frame in frames if frame.filename == source]


def first_line(cls: Any, method: str) -> int:
    """Return the line where a method is defined; where that cannot be told, 1."""
    function = getattr(next(iter(own_classes(cls)), cls), method, None)
    code = getattr(getattr(function, "py_func", function), "__code__", None)
    return code.co_firstlineno if code else 1


def _blamed(kind: str, cls: Any, line: int, text: str) -> PolicyError:
    return PolicyError(f"{source_of(cls)}, line {line}: {kind} policy {cls.__qualname__}: {text}")
