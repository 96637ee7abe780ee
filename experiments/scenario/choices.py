"""The policies that a scenario chooses, resolved; in one load, each choice once."""

import difflib
import pickle
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from .wording import show


class Resolved(NamedTuple):
    """A policy, or why there is none: what an error says after `policies.KIND`."""

    policy: Any = None
    error: str = ""


Resolve = Callable[[str, str, Mapping[str, Any]], Resolved]  # kind, name, parameters


def resolver() -> Resolve:
    """Return a function that resolves choices for one load; a choice that comes again is not resolved again."""
    found: dict[bytes, Resolved] = {}

    def resolve_once(kind: str, name: str, parameters: Mapping[str, Any]) -> Resolved:
        key = pickle.dumps(
            (kind, name, dict(parameters))
        )  # distinguishes 1 from true, and accepts all TOML values
        if key not in found:
            found[key] = _resolved(kind, name, parameters)
        return found[key]

    return resolve_once


def named(kind: str, given: object) -> str:
    """Return in words which policies of a kind there are, and how the one is written that seems to be meant."""
    from meterstorm.policies.registry import BUILT_IN

    close = difflib.get_close_matches(given, BUILT_IN[kind], n=1, cutoff=0.5) if isinstance(given, str) else []
    hint = f"; write policies.{kind}.name = {show(close[0])}" if close else ""
    return f": {', '.join(BUILT_IN[kind])}, or your own as FILE.py:CLASS{hint}"


def _resolved(kind: str, name: str, parameters: Mapping[str, Any]) -> Resolved:
    # Slow: it imports every policy, and commands that only read the schema need none.
    from meterstorm.policies.registry import BUILT_IN, joined, resolve

    if not name:
        return Resolved(
            error=f".name: missing; allowed: {', '.join(BUILT_IN[kind])}, or your own as FILE.py:CLASS"
        )
    try:
        return Resolved(resolve(kind, name, parameters))
    except OverflowError:  # an integer beyond every float
        return Resolved(error=": a parameter is too large; it must be a number")
    except ValueError as error:
        return Resolved(error=joined("", error))
