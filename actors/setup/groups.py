"""Groups of clients (`[[groups]]`): who is in which, and what each of them has set.

A group's clients are spread over all, so that every site, shard and server has its share of them: clients are
ordered by the multiples of the golden ratio, modulo 1; the rest are the first of that order, and each group takes
the next so many. Among any clients in a row, and among every second, third, ... of them, each then has its share,
give or take a few. Nothing is drawn: a client is in the same group in every replication.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..randomness.streams import GOLDEN
from .group_sizes import sizes
from .scenario import Scenario

FIRST_ROW = 1  # of CONFIG, where there are groups: that of the rest; row 0 is the world's


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
