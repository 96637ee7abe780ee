"""Errors of users' own policies: which file and line, and what is wrong, in the exception's own words."""

import re
import sys
import traceback
from pathlib import Path
from typing import Any


class PolicyError(ValueError):
    """A user's own policy fails, or answers what it may not. The message is finished."""


def is_own(cls: Any) -> bool:
    """Whether a policy is a user's own, not one of this package."""
    return not cls.__module__.startswith(f"{__package__}.")


def source_of(cls: Any) -> str:
    """Return the file of a policy."""
    return str(getattr(sys.modules.get(cls.__module__), "__file__", cls.__module__))


def raised(kind: str, cls: Any, method: str, error: BaseException) -> PolicyError:
    """Return what to raise where a method of a policy has raised an exception."""
    lines = lines_in(source_of(cls), error) or [first_line(cls, method)]
    return _blamed(kind, cls, lines[-1], f"{method} raised {in_words(error)}")


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
    also = f"\nIn plain Python it raises {in_words(plain)}." if plain else ""
    return PolicyError(
        f"{source}, line {line}: {cls.__qualname__}.{method} cannot be compiled: {reason}\n"
        f"A policy's method may use numbers, arithmetic, conditions, loops and its arguments' fields.{also}"
    )


def lines_in(source: str, error: BaseException) -> list[int]:
    """Return the lines of a file that an exception has passed through, the innermost last."""
    frames = traceback.extract_tb(error.__traceback__)
    return [frame.lineno or 1 for frame in frames if frame.filename == source]


def first_line(cls: Any, method: str) -> int:
    """Return the line where a method is defined; where that cannot be told, 1."""
    function = getattr(cls, method, None)
    code = getattr(getattr(function, "py_func", function), "__code__", None)
    return code.co_firstlineno if code else 1


def _blamed(kind: str, cls: Any, line: int, text: str) -> PolicyError:
    return PolicyError(f"{source_of(cls)}, line {line}: {kind} policy {cls.__qualname__}: {text}")
