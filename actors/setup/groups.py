"""Groups of clients (`[[groups]]`): which client is in which, and what each group sets.

A group's clients are spread evenly, so that every site, shard and server has its share of them: clients are
ordered by the multiples of the golden ratio, modulo 1; the rest come first in that order, and each group takes its
number from the next ones. Among any clients in a row, and among every second, third, ... of them, each group then
has its share, give or take a few. Nothing is random: a client is in the same group in every replication.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..randomness.streams import GOLDEN
from .group_sizes import REST, sizes
from .scenario import Scenario, share_of

FIRST_ROW = 1  # of CONFIG, where there are groups: that of the rest; row 0 is the world's


class Named(NamedTuple):
    """Clients that a fault or a reservation names: those from `first` to `last`, of one group or of any."""

    first: int
    last: int
    row: int = 0  # of CONFIG, of their group; 0: any


def named(scenario: Scenario, clients: Any) -> Named:
    """Return the clients that "all", a fraction, a group, or the first and the last of them name."""
    if isinstance(clients, tuple):
        return Named(*clients)
    count = scenario.clients.count
    if hasattr(clients, "group"):
        return Named(0, count - 1, FIRST_ROW + names(scenario).index(clients.group))
    return Named(0, (count if clients == "all" else share_of(clients.fraction, count)) - 1)


def numbers_of(scenario: Scenario, clients: Any) -> Sequence[int]:
    """Return the numbers of clients that are named so, in order."""
    first, last, row = named(scenario, clients)
    if row == 0:
        return range(first, last + 1)
    members: list[int] = np.flatnonzero(rows_of_clients(scenario) == row).tolist()
    return members


def names(scenario: Scenario) -> list[str]:
    """Return the names of the groups, in order of their rows: the rest come first."""
    return [REST, *(group.name for group in scenario.groups)]


def versions(scenario: Scenario) -> list[Scenario]:
    """Return the scenario as it holds for the clients of no group, and as it holds for each group."""
    return [scenario, *scenario.of_groups]


def any_of(scenario: Scenario, holds: Callable[[Scenario], bool]) -> bool:
    """Whether something holds for some client."""
    return any(map(holds, versions(scenario)))


def sizes_of(scenario: Scenario) -> list[int]:
    """Return how many clients the rest are, and how many each group has."""
    found = sizes([(group.share, group.count) for group in scenario.groups], scenario.clients.count)
    return [scenario.clients.count - sum(found), *found]


def rows_of_clients(scenario: Scenario) -> Any:
    """Return the row of CONFIG of each client; none where there are no groups."""
    if not scenario.groups:
        return np.zeros(0, np.int8)
    numbers = np.arange(scenario.clients.count, dtype=np.uint64)
    order = np.argsort(numbers * GOLDEN)
    rest, *groups = sizes_of(scenario)
    rows = np.zeros(scenario.clients.count, np.int8)
    rows[order] = np.repeat(np.arange(len(groups) + 1, dtype=np.int8), [rest, *groups]) + FIRST_ROW
    return rows
