"""What clients have of the pools: of those whose programs share a license, each license once."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from oracles.recount.ledger import Ledger
from oracles.recount.pools import Pool

RESERVED, LIVE, GHOST, ORPHAN = "reserved", "live", "ghost", "orphan"

Group = dict["Key", tuple[str, int]]  # who has a license together: what for, and how many


class Key(NamedTuple):
    """One program of one slot of one client, at one server: what a lease is for."""

    client: int
    slot: int
    program: int
    server: int


class Counted(NamedTuple):
    """Licenses of a group, by what they count as."""

    used: int  # not free
    leased: int
    ghosts: int
    orphans: int


class Holdings:
    """Leases and reservations in groups of those that share a license; most are alone."""

    def __init__(self, scenario: Any, ledger: Ledger, pools: list[list[Pool]]) -> None:
        self.ledger, self.pools = ledger, pools
        self.shared = [product.sharing == "client" for product in scenario.products]
        self.owned = [product.licenses for product in scenario.products]
        self.groups: dict[tuple[Any, int], Group] = {}
        self.leased, self.ghosts = [0] * len(self.owned), [0] * len(self.owned)
        self.overissued = 0

    def _group(self, key: Key, product: int) -> tuple[Any, int]:
        return ((key.client, key.server) if self.shared[product] else key), product

    def has_one(self, client: int, s: int, product: int) -> bool:
        """Whether a further program of a client has a license at a server without taking one."""
        return self.shared[product] and ((client, s), product) in self.groups

    def has(self, key: Key, product: int) -> bool:
        """Whether a program has a lease, or a reservation."""
        return key in self.groups.get(self._group(key, product), {})

    def put(self, key: Key, product: int, state: str, licenses: int) -> None:
        """A program's lease is in this state, or licenses are reserved for its user."""
        group = self.groups.setdefault(self._group(key, product), {})
        before = _counted(group)
        group[key] = state, licenses
        self._enter(key.server, product, before, _counted(group))

    def drop(self, key: Key, product: int) -> None:
        """There is no lease any more, nor a reservation."""
        name = self._group(key, product)
        group = self.groups[name]
        before = _counted(group)
        del group[key]
        self._enter(key.server, product, before, _counted(group))
        if not group:
            del self.groups[name]

    def _enter(self, s: int, product: int, before: Counted, after: Counted) -> None:
        used, leased, ghosts, orphans = (new - old for old, new in zip(before, after, strict=True))
        self.pools[s][product].free -= used
        self.leased[product] += leased
        self.ghosts[product] += ghosts
        self.ledger.in_use.add(leased)
        self.ledger.ghost_leases.add(ghosts)
        self.ledger.orphans.add(orphans)
        self.overissued = max(self.overissued, self.leased[product] - self.owned[product])

    def of(self, pool: Pool) -> Iterator[tuple[int, int]]:
        """Clients and how many licenses of a pool they have, group by group."""
        for (_, product), group in self.groups.items():
            key = next(iter(group))
            if self.pools[key.server][product] is pool:
                yield key.client, _counted(group).used


def _counted(group: Group) -> Counted:
    """A license is leased while any lease has it, and a ghost while all of these are ghosts."""
    states = {state for state, _ in group.values()}
    used = max((licenses for _, licenses in group.values()), default=0)
    leased = used if states - {RESERVED} else 0
    ghosts = 0 if LIVE in states else leased
    return Counted(used, leased, ghosts, ghosts if ORPHAN in states else 0)
