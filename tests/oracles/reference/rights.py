"""Who may have how many licenses of a pool: caps on clients, and licenses reserved for some."""

import math
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from oracles.reference.groups import some_clients

if TYPE_CHECKING:
    from oracles.reference.client import Client
    from oracles.reference.licenses import Pool
    from oracles.reference.program import Program
    from oracles.reference.server import Server


class Rights:
    """What clients hold of a pool, and what more they may have. `part`: how many of its licenses are for some."""

    def __init__(self, pool: "Pool", settings: dict, scenario: dict, part: int):
        self.pool, self.part = pool, part
        self.cap = settings["max_per_client"] or math.inf
        self.favored = favored(settings["reserve"], scenario)
        self.held: Counter = Counter()  # by client's number

    def note(self, client: "Client", change: int) -> None:
        self.held[client.number] += change

    @property
    def kept(self) -> int:
        """What is free, but only for some."""
        return max(0, self.part - sum(self.held[number] for number in self.favored))

    def below_cap(self, client: "Client") -> float:
        return self.cap - self.held[client.number]

    def room(self, client: "Client") -> float:
        """How many licenses a client may have now."""
        kept = 0 if client.number in self.favored else self.kept
        return min(self.pool.free - kept, self.below_cap(client))

    def ever(self, client: "Client") -> float:
        """How many it could have if no other client had any."""
        part = 0 if client.number in self.favored else self.part
        return min(self.pool.allocated - part, self.below_cap(client))

    def next_in_line(self, line: "Iterable[tuple[Server, Program]]") -> "tuple[Server, Program] | None":
        """The first who may be called back.

        Nobody comes before one who waits for more, if that can be had; but some may come before the others when
        what they want is kept for them.
        """
        only_kept = False
        for server, program in line:
            wanted = server.shares.further(program)
            is_favored = program.client.number in self.favored
            may_come = not only_kept or (is_favored and wanted <= self.kept)
            if may_come and wanted <= self.room(program.client):
                return server, program
            if wanted <= self.ever(program.client):
                if is_favored:
                    return None
                only_kept = True
        return None


def favored(reserve: dict | None, scenario: dict) -> "range | list[int]":
    """The numbers of the clients that licenses are reserved for."""
    return some_clients(reserve["clients"], scenario) if reserve else range(0)
