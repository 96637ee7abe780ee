"""A client: a user's machine."""

from typing import TYPE_CHECKING

from oracles.reference.denials import Denials
from oracles.reference.failback import Failback
from oracles.reference.groups import as_set
from oracles.reference.link import Link
from oracles.reference.program import Program
from oracles.reference.releases import Releases
from oracles.reference.user import User

if TYPE_CHECKING:
    from oracles.reference.crashes import Crash
    from oracles.reference.server import Server
    from oracles.reference.world import World


class Client:
    """Slots whose user launches programs, and one link to one server at a time."""

    def __init__(self, world: "World", number: int, server: "Server"):
        self.world, self.number = world, number
        self.scenario = as_set(world.scenario, world.groups[number])
        self.settings = self.scenario["clients"]
        self.slots: list[Program | None] = [None] * self.settings["programs"]
        self.token = 0  # of the latest message that is answered
        self.is_down = False
        self.started = 0  # the token with which it was last started
        self.crash: Crash | None = None  # the latest one
        self.user, self.releases, self.link = User(self), Releases(self), Link(self, server)
        self.denials = Denials(self)
        self.failback = Failback(self.link)

    @property
    def programs(self) -> list[Program]:
        return sorted((p for p in self.slots if p is not None), key=lambda p: p.order)

    @property
    def holds_a_lease(self) -> bool:
        return any(program.lease is not None for program in self.programs)

    def awaits_at(self, server: "Server") -> bool:
        """Whether a program awaits a lease there that has none there."""
        return any(p.asked is server and (p.lease is None or p.lease.server is not server) for p in self.programs)

    def held_at(self, server: "Server") -> set[int]:
        """The slots that hold or await a lease there."""
        return {p.slot for p in self.programs if server in {p.asked, p.lease and p.lease.server}}
