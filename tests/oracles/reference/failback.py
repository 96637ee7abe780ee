"""How a client comes back to the server that it prefers, the first one that it was given."""

from typing import TYPE_CHECKING

from oracles.reference.items import WAITING
from oracles.reference.messages import PROBE as ASKS_WHETHER_IT_SERVES
from oracles.reference.messages import Message
from oracles.reference.policies import ASK_FIRST, CHOOSE, MOVE, PROBE, WHEN_ASKED, next_server, plan

if TYPE_CHECKING:
    from oracles.reference.link import Link
    from oracles.reference.server import Server


class Failback:
    """A client's plan: what it does, and when."""

    def __init__(self, link: "Link"):
        self.link, self.client, self.world = link, link.client, link.world
        self.policy = self.client.scenario["policies"]["failback"]
        self.preferred = link.server
        self.stream = self.world.stream("failback", self.client.number)
        self.turn = 0  # of the latest plan: earlier ones are void
        self.since = 0  # the token with which the client came to its server
        self.action = ""

    @property
    def may_go(self) -> bool:
        return self.link.server is not self.preferred and not self.link.offline

    def settle(self) -> None:
        self.since = self.client.token
        self.plan()

    def plan(self) -> None:
        self.turn += 1
        self.action, seconds = plan(self.policy, self.stream)
        is_away = self.link.server is not self.preferred
        if self.action == CHOOSE or (is_away and self.action in {PROBE, MOVE}):
            self.world.after(seconds, self.due, self.turn)

    def due(self, turn: int) -> None:
        if turn != self.turn or self.client.is_down:
            return
        if self.action == CHOOSE and not self.link.offline:
            selection, count = self.client.scenario["policies"]["selection"], len(self.world.servers)
            named = next_server(selection, self.link.server.number, count, self.stream)
            self.move(self.world.servers[named])
        elif self.action == MOVE and self.may_go:
            self.move(self.preferred)
        else:
            if self.action == PROBE and self.may_go:
                self.probe()
            self.plan()

    def probe(self) -> None:
        self.world.measures.counts["probes"] += 1
        self.client.token += 1
        message = Message(ASKS_WHETHER_IT_SERVES, self.client)
        self.world.network.send(self.preferred, self.client, self.preferred.receive, message)

    def answered(self, token: int) -> None:
        if token > self.since and self.may_go:
            self.move(self.preferred)

    def asked(self) -> None:
        """A server asks the client to move."""
        if self.action == WHEN_ASKED and self.may_go and not self.client.is_down:
            self.probe()

    def launches(self) -> None:
        """Before a launch, if the link is at rest."""
        at_rest = self.link.in_flight is None and not self.link.pausing
        if self.action == ASK_FIRST and self.may_go and at_rest:
            self.move(self.preferred)

    def move(self, server: "Server") -> None:
        """What is in flight, or pauses before it is tried again, waits for its turn there."""
        link = self.link
        item, link.in_flight = link.in_flight, None
        link.stop_pausing()
        link.online = True
        if item is not None and item.program is not None and item.wanted:
            item.rank = WAITING
            link.waiting.append(item)
        self.world.measures.counts["failbacks"] += 1
        link.failures.change_server(server, self.client.settings["failback_moves"] == "all", is_own_wish=True)
        link.turn()
