"""What the rules read: the values of a scenario that are right in themselves."""

from collections.abc import Callable, Iterator
from typing import Any

from .wording import refuse

GIVEN = "given"  # of the facts of an item of a list: the keys that the file has of it, defaults left out


class UnknownError(Exception):
    """A rule asked for a value that is wrong by itself, and so reported already."""


class Facts(dict[str, Any]):
    """The values of a scenario that are right in themselves, by dotted key; lists hold one Facts an item."""

    def __missing__(self, key: str) -> Any:
        raise UnknownError(key)


def clients_exist(path: str, clients: object, facts: Facts) -> Iterator[str]:
    """Yield an error where the first and the last of some clients, if they are so named, are not there."""
    count = facts["clients.count"]
    if isinstance(clients, tuple) and not clients[0] <= clients[1] < count:
        words = f"[first, last] with 0 <= first <= last <= {count - 1} (clients.count = {count})"
        yield refuse(path, clients, words)


ItemRule = Callable[[str, Facts, Facts], Iterator[str]]  # of the item at a path, and the scenario
