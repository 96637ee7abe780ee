"""Users who are called back when licenses are free.

Freed licenses are kept for the user first in line, who is told and asks as usual. Not claimed within the grace
time, they go to the next in line, and the user is no longer in the line.
"""

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oracles.reference.client import Client
    from oracles.reference.program import Program
    from oracles.reference.server import Server


class Callbacks:
    """The licenses that a server has reserved."""

    def __init__(self, server: "Server"):
        self.server, self.world = server, server.world
        self.reserved: dict[Program, int] = {}

    def line_up(self, program: "Program", token: int) -> None:
        """Who asks again keeps their place; who has asked for a later program waits for that one."""
        line, place = self.server.pools[program.product].callbacks, (self.server, program)
        server, latest, since = self.world.waits.get((program.client, program.slot), (*place, 0))
        waits = (server, latest) in server.pools[latest.product].callbacks
        if latest.order > program.order or (waits and ((server, latest) == place or since > token)):
            return
        self.leave(program, token)
        self.world.waits[program.client, program.slot] = (*place, token)
        line.append(place)

    def leave(self, program: "Program", token: int) -> None:
        """Its user waits no longer, at whichever server, for what was asked before."""
        server, awaited, since = self.world.waits.get((program.client, program.slot), (self.server, program, 0))
        line = server.pools[awaited.product].callbacks
        if (server, awaited) in line and since < token:
            line.remove((server, awaited))

    def forget_client(self, client: "Client") -> None:
        """Its users wait no longer at this server."""
        for pool in self.server.pools:
            others = [
                (server, one) for server, one in pool.callbacks if (server, one.client) != (self.server, client)
            ]
            pool.callbacks = deque(others)

    def call(self, program: "Program") -> None:
        """Tell a user, and keep licenses, unless a request that was overtaken has been granted since."""
        if program not in self.server.leases.get(program.client, {}):
            self._reserve(program)
        self.world.network.send(self.server, program.client, program.client.user.called, self.server, program)

    def _reserve(self, program: "Program") -> None:
        self.reserved[program] = ticket = self.world.number()
        share = self.server.shares.of(program)
        share.called.append(program)
        share.review()
        self.world.after(self.world.scenario["servers"]["callback_grace_s"], self.unreserve, program, ticket)

    def claim(self, program: "Program") -> bool:
        """Whether licenses were reserved for the program, which are free now."""
        if self.reserved.pop(program, None) is None:
            return False
        self._give_back(program)
        return True

    def unreserve(self, program: "Program", ticket: int) -> None:
        if self.server.puts_off(self.unreserve, program, ticket):
            return
        if self.reserved.get(program) == ticket:
            self.claim(program)
            self.server.pools[program.product].call_back()

    def forget(self) -> None:
        """The line and the reservations are gone."""
        for pool in self.server.pools:
            pool.callbacks = deque(pair for pair in pool.callbacks if pair[0] is not self.server)
        self.withdraw()

    def withdraw(self) -> None:
        """The reservations are gone; nobody else is told that their licenses are free."""
        for program in self.reserved:
            self._give_back(program)
        self.reserved.clear()

    def _give_back(self, program: "Program") -> None:
        share = self.server.shares.of(program)
        share.called.remove(program)
        share.review()
