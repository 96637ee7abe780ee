"""What the rules read: those values of a scenario that are valid on their own."""

from collections.abc import Callable, Iterator
from typing import Any

GIVEN = "given"  # of the facts of an item of a list: the keys that the file has of it, defaults left out


class UnknownError(Exception):
    """A rule asked for a value that is wrong by itself, and so reported already."""


class Facts(dict[str, Any]):
    """The values of a scenario that are right in themselves, by dotted key; lists hold one Facts an item."""

    def __missing__(self, key: str) -> Any:
        raise UnknownError(key)


ItemRule = Callable[[str, Facts, Facts], Iterator[str]]  # of the item at a path, and the scenario
