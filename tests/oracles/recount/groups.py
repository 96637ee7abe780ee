"""Which group each client is in, and the scenario as it holds for each, from the contract."""

import math
from typing import Any

GOLDEN = 0x9E3779B97F4A7C15  # the golden ratio less 1, times 2^64
REST = "rest"


class Groups:
    """The groups of a scenario's clients; `of` has the group of each client, "" where there are none."""

    def __init__(self, scenario: Any) -> None:
        self.scenarios = {"": scenario, REST: scenario}
        self.of = [""] * scenario.clients.count
        if not scenario.groups:
            return
        names = [group.name for group in scenario.groups]
        self.scenarios |= dict(zip(names, scenario.of_groups, strict=True))
        order = sorted(range(scenario.clients.count), key=lambda client: client * GOLDEN % 2**64)
        sizes = _sizes(scenario)
        members = [REST] * (scenario.clients.count - sum(sizes))
        members += [name for name, size in zip(names, sizes, strict=True) for _ in range(size)]
        for client, name in zip(order, members, strict=True):
            self.of[client] = name

    @property
    def names(self) -> list[str]:
        """The groups that have a client, and the rest, if there are groups."""
        return sorted({*self.of} - {""})

    def settings(self, client: int) -> Any:
        """The scenario as it holds for a client."""
        return self.scenarios[self.of[client]]


def some_clients(named: Any, scenario: Any) -> set[int] | range:
    """The clients that a fault hits, or that licenses are reserved for."""
    if isinstance(named, tuple):
        return range(named[0], named[1] + 1)
    if hasattr(named, "group"):
        return {client for client, name in enumerate(Groups(scenario).of) if name == named.group}
    return range(math.ceil(named.fraction * scenario.clients.count - 1e-9))


def _sizes(scenario: Any) -> list[int]:
    """Clients of each group: shares add up, and are rounded then."""
    sizes, share = [], 0.0
    for group in scenario.groups:
        if group.count is not None:
            sizes.append(group.count)
            continue
        before = math.floor(share * scenario.clients.count + 0.5 + 1e-9)
        share += group.share
        sizes.append(math.floor(share * scenario.clients.count + 0.5 + 1e-9) - before)
    return sizes
