"""How many clients groups have: known without the engine, since checking a file must not need it."""

import math
from collections.abc import Iterable

REST = "rest"  # the clients of no group


def sizes(wanted: Iterable[tuple[float | None, int | None]], clients: int) -> list[int]:
    """Return how many clients groups have, given the share or the count of each, in order.

    The shares add up before they are rounded, so that those of 1/3, 1/3 and 1/3 are all clients.
    """
    found: list[int] = []
    shares = 0.0
    for share, count in wanted:
        before, shares = shares, shares + (share or 0.0)
        found.append(_part(shares, clients) - _part(before, clients) if count is None else count)
    return found


def _part(share: float, clients: int) -> int:
    return math.floor(share * clients + 0.5 + 1e-9)
