"""One world, event by event: what happens, and what servers and clients are at that moment, in words.

With NUMBA_DISABLE_JIT=1 set before Python starts, a debugger steps into every handler.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from meterstorm.actors.records import journal
from meterstorm.actors.setup.scenario import ns
from meterstorm.actors.shards.shard import Shard
from meterstorm.actors.state import clients, servers
from meterstorm.actors.state.events import JOURNAL
from meterstorm.actors.state.rows import NONE

from ..reports.journal import describe
from ..scenario import Scenario, Version, versions
from ..scenario.wall_rules import check_virtual
from ..scenario.wording import show

SECOND = 1_000_000_000

LINKS = {
    clients.ONLINE: "online",
    clients.RETRYING: "retrying",
    clients.SEARCHING: "searching",
    clients.OFFLINE: "offline",
    clients.DOWN: "down",
}
FLIGHTS = {
    clients.NOTHING: "nothing",
    clients.BEAT: "heartbeat",
    clients.RESUME: "pause before a retry",
    clients.MOVE: "pause before a failover",
    clients.COME_BACK: "pause offline",
}
SLOTS = {
    clients.IDLE: "idle",
    clients.AWAITING: "awaiting",
    clients.METERED: "metered",
    clients.UNMETERED: "unmetered",
    clients.WILL_ASK: "will ask again",
    clients.CALLED: "waiting to be called back",
    clients.WILL_START: "will start again",
}
LEASES = {servers.LIVE: "live", servers.GHOST: "ghost", servers.LOST: "lost", servers.RESERVED: "reserved"}


class Event(NamedTuple):
    """An event that an agent handled, or what came of one: a row of the journal, in words."""

    time_s: float  # from the end of the warm-up
    what: str  # handled, sent, lost, decided or moved
    kind: str  # request, grant, ...; of what is decided: retry, fail over, ask again, ...
    source: str  # the agent that sent it: client 5
    target: str  # the agent that handles it
    slot: int
    program: int
    product: str
    attempt: int
    words: str  # all of it, as `meterstorm journal` prints it
    led_to: tuple["Event", ...]  # what came of it at once


class Lease(NamedTuple):
    """A license that a server has leased."""

    client: str
    slot: int
    program: int
    product: str
    state: str  # live, ghost, or reserved for a user who was called back
    heard_s: float  # when it was last heard of, from the end of the warm-up


class Pool(NamedTuple):
    """A server's licenses of one product."""

    allocated: int
    free: int
    reserved: int
    leased: int


class Server(NamedTuple):
    """A server at this moment."""

    name: str
    is_serving: bool
    waiting: int  # requests in its queue
    pools: dict[str, Pool]  # by product
    leases: tuple[Lease, ...]  # those not heard of for longest first


class Slot(NamedTuple):
    """A slot of a client: room for one metered program."""

    state: str  # one of the words in SLOTS
    is_running: bool
    program: int  # number of its latest launch
    product: str
    lease: str | None  # the server of the lease that its program runs under
    asked: str | None  # the server that was asked and has not answered


class Client(NamedTuple):
    """A client at this moment."""

    name: str
    link: str  # online, retrying, searching or offline
    server: str  # its current one
    in_flight: str  # nothing, heartbeat, request of slot 0, or which pause it makes
    tries_here: int  # failures at that server since its last good answer
    servers_tried: int  # changes of server since the last good answer
    slots: tuple[Slot, ...]


class World:
    """One replication of one version of a scenario; iterating over it goes on event by event, to the end."""

    def __init__(
        self, scenario: Scenario, replication: int = 0, *, case: str | None = None, arm: str | None = None
    ) -> None:
        """Set up a world before its first event; `case` and `arm` say which, where the scenario has several.

        Raises ValueError for one that there is not, for a policy that cannot be compiled, and for the wall clock.
        """
        check_virtual(scenario, "a world event by event")
        self.scenario = _version(scenario, case, arm).scenario
        self.replication = replication
        self._origin = ns(self.scenario.run.warmup_s)
        self._shard = Shard(self.scenario, replication, keep_journal=True)

    @property
    def now_s(self) -> float:
        """When the latest event happened, s from the end of the warm-up."""
        return self._seconds(self._shard.world.control[0].now)

    @property
    def digest(self) -> str:
        """Digest of everything that has happened so far; at the end that of the world in a run."""
        return f"{self._shard.digest:016x}"

    def step(self) -> Event | None:
        """Handle the next event and return it with what came of it at once, None at the end."""
        rows = [dict(zip(JOURNAL.names or (), row, strict=True)) for row in self._shard.step().tolist()]
        return self._event(rows[0], tuple(self._event(row, ()) for row in rows[1:])) if rows else None

    def __iter__(self) -> Iterator[Event]:
        """Go on to the end; leave the loop wherever you like, and come back."""
        while (event := self.step()) is not None:
            yield event

    def skip_to(self, time_s: float) -> None:
        """Handle all events before a time, s from the end of the warm-up, without a word of them."""
        world, kept = self._shard.world, self._shard.world.journal
        world.replace(journal=np.zeros(0, JOURNAL).view(np.recarray))
        try:
            self._shard.run(self._origin + round(time_s * SECOND))
        finally:
            world.replace(journal=kept)

    def server(self, number: int) -> Server:
        """Return what a server is at this moment; raises IndexError."""
        world, products = self._shard.world, self._products
        row = world.servers[_place(number, self.scenario.servers.count, "servers")]
        pools = world.pools[row.first_pool : row.first_pool + len(products)]
        return Server(
            f"{journal.SERVER} {number}",
            bool(row.serving != NONE),
            int(row.waiting),
            dict(zip(products, map(_pool, pools), strict=True)),
            tuple(self._leases(int(row.oldest))),
        )

    def client(self, number: int) -> Client:
        """Return what a client is at this moment; raises IndexError."""
        world, programs = self._shard.world, self.scenario.clients.programs
        row = world.clients[_place(number, self.scenario.clients.count, "clients")]
        flight = int(row.flight)
        return Client(
            f"{journal.CLIENT} {number}",
            LINKS[int(row.link)],
            f"{journal.SERVER} {row.server}",
            FLIGHTS.get(flight, f"request of slot {flight}"),
            int(row.tries_here),
            int(row.servers_tried),
            tuple(self._slot(slot) for slot in world.slots[number * programs : (number + 1) * programs]),
        )

    @property
    def _products(self) -> list[str]:
        return [product.name for product in self.scenario.products]

    def _seconds(self, time: Any) -> float:
        return (int(time) - self._origin) / SECOND

    def _agent(self, number: int) -> str:
        counts = self.scenario.servers
        return journal.agent(number, self.scenario.clients.count, counts.count, counts.sites)

    def _event(self, row: dict[str, int], led_to: tuple[Event, ...]) -> Event:
        words = journal.ACTION_WORDS if row["what"] == journal.DECIDED else journal.KIND_WORDS
        return Event(
            self._seconds(row["time"]),
            journal.WHAT[row["what"]],
            words[row["kind"]],
            self._agent(row["source"]),
            self._agent(row["target"]),
            row["slot"],
            row["program"],
            self._products[row["product"]],
            row["attempt"],
            describe(row, self.scenario),
            led_to,
        )

    def _leases(self, n: int) -> Iterator[Lease]:
        """Yield the leases of a server's list, from one on."""
        while n != NONE:
            row = self._shard.world.leases[n]
            yield Lease(
                self._agent(int(row.client)),
                int(row.slot),
                int(row.program),
                self._products[int(row.product)],
                LEASES[int(row.state)],
                self._seconds(row.heard),
            )
            n = int(row.newer)

    def _slot(self, row: Any) -> Slot:
        return Slot(
            SLOTS[int(row.state)],
            bool(row.marks & clients.RUNNING),
            int(row.program),
            self._products[int(row["product"])],
            _server(int(row.lease)),
            _server(int(row.asked)),
        )


def _pool(row: Any) -> Pool:
    return Pool(*(int(row[name]) for name in Pool._fields))


def _server(number: int) -> str | None:
    return None if number == NONE else f"{journal.SERVER} {number}"


def _place(number: int, count: int, what: str) -> int:
    if not 0 <= number < count:
        raise IndexError(f"{number}: is not allowed; {what} are numbered 0 to {count - 1}")
    return number


def _version(scenario: Scenario, case: str | None, arm: str | None) -> Version:
    made = versions(scenario)
    found = [one for one in made if case in (None, one.case) and arm in (None, one.arm)]
    if len(found) != 1:
        there = "; ".join(f"case={show(one.case or '')}, arm={show(one.arm or '')}" for one in made)
        raise ValueError(f"case={case!r}, arm={arm!r}: must name one version of the scenario, which has {there}")
    return found[0]
