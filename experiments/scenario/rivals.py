"""What a scenario compares: its arms, or where it has none, its cases without a symptom."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Rivals(NamedTuple):
    """Those that are compared, in file order, and the one that the others are compared with."""

    word: str  # arm or case: what they are
    names: tuple[str, ...]
    baseline: str | None  # None: there are none


def rivals(facts: Mapping[str, Any]) -> Rivals:
    """Return what is compared, from the values of a scenario by their keys."""
    arms = tuple(arm["name"] for arm in facts["arms"])
    names = arms or tuple(case["name"] for case in facts["cases"] if case["symptom"] is None)
    first = names[0] if names else None
    return Rivals("arm" if arms else "case", names, facts["compare.baseline"] or first)
