"""Every metric of summary.json once more, recounted from the event record of a run.

`recount(scenario, rows)` reads a journal row by row and keeps its own books: what each user's slots do, what each
server queues and leases, what the observer knows. Nothing is drawn and no policy is asked: what was sent, lost,
decided and when is in the record; who must be granted a license, what a denial's cause is, and how long anything
took is worked out here from the contract (SCENARIO.md, DESIGN.md section 4, `experiments/metrics_names.py`).
A record that contradicts the contract, such as a denial while a license is free, raises `Contradiction`.

Readings, where the contract leaves room:

- The observer sees the servers as they are and learns of a client's facts one constant latency later: after
  everything else of that instant, since it comes last in the total order. A RELEASE needs no such word: the lease
  is seen to be given back when the RELEASE arrives.
- Each launch has at most one waiting time, from launch to the first grant, or to the denial that ends it. Who
  runs unmetered meanwhile has none.
- Queueing delays are those of requests, and areas are kept between whole microseconds, as `actors/ledger.py` says.
"""

import math
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

from meterstorm.actors import journal, kinds
from meterstorm.actors.world import IN_SERVICE, JOURNAL
from meterstorm.policies.failover import GIVE_UP, GO_OFFLINE

SECOND = 1_000_000_000
MICROSECOND = 1_000
WINDOW = 10  # samples in a window of the recovery; band: twice what was before, plus
SLACK = 10  # so many abnormal denials, or one service time

COUNTS = (
    *("launches", "suppressed", "attempts", "grants", "denials", "evictions", "gave_up"),
    *("denials_misplaced", "denials_stranded", "denials_ghost", "denials_exhausted"),
    *("timeouts", "refusals", "overloaded", "retries", "failovers", "offline_spells", "unmetered_starts"),
    *("messages", "messages_lost"),
)

Row = NamedTuple("Row", [(name, int) for name in JOURNAL.names or ()])


class Contradiction(AssertionError):
    """The record shows what the contract rules out."""


def recount(scenario: Any, rows: Any) -> dict[str, float | None]:
    """Return every metric of METRICS for a scenario and the journal of one run of it."""
    books = Books(scenario)
    for event, outcome in groups(map(Row._make, rows.tolist())):
        books.handle(event, outcome)
    return books.metrics()


def groups(rows: Iterable[Row]) -> Iterator[tuple[Row, deque[Row]]]:
    """Yield each handled event with what came of it."""
    event, outcome = None, deque[Row]()
    for row in rows:
        if row.what == journal.HANDLED:
            if event:
                yield event, outcome
            event, outcome = row, deque()
        else:
            outcome.append(row)
    if event:
        yield event, outcome


# --- time, states over time, faults -----------------------------------------------------------------------------


@dataclass
class Clock:
    """The measured time, ns, and now."""

    start: int
    end: int
    now: int = 0

    @property
    def measuring(self) -> bool:
        return self.now >= self.start

    @property
    def instant(self) -> int:
        """Now, within the measured time, in whole microseconds."""
        return max(self.now, self.start) // MICROSECOND


class Level:
    """A number of things that changes in steps."""

    def __init__(self, clock: Clock) -> None:
        self.clock, self.value, self.area = clock, 0, 0

    def set(self, value: int) -> None:
        self.area += (self.value - value) * self.clock.instant
        self.value = value

    def add(self, change: int) -> None:
        self.set(self.value + change)

    def total_us(self) -> int:
        """The area under the level over the measured time, which is over."""
        return self.area + self.value * (self.clock.end // MICROSECOND)


class Distance:
    """The imbalance of one product over time."""

    def __init__(self, clock: Clock) -> None:
        self.clock, self.value, self.since, self.area, self.worst = clock, 0.0, clock.start, 0.0, 0.0

    def set(self, value: float) -> None:
        if self.clock.measuring:
            self.area += self.value * (self.clock.now - self.since)
            self.since = self.clock.now
            self.worst = max(self.worst, self.value, value)
        self.value = value


class Faults:
    """Which faults hold where and when."""

    def __init__(self, scenario: Any, start: int) -> None:
        self.spells: list[list[tuple[int, int, Any]]] = [[] for _ in range(scenario.servers.count)]
        for fault in scenario.faults:
            for n in range(fault.repeats if fault.repeat_s > 0 else 1):
                begin = start + ns(fault.start_s + n * fault.repeat_s)
                for server in self.servers(fault, scenario.servers.count):
                    self.spells[server].append((begin, begin + ns(fault.duration_s), fault))
        bounds = [spell[:2] for spells in self.spells for spell in spells]
        self.first_start = min((begin for begin, _ in bounds), default=None)
        self.last_end = max((end for _, end in bounds), default=None)

    @staticmethod
    def servers(fault: Any, count: int) -> Iterable[int]:
        if fault.servers == "all":
            return range(count)
        if hasattr(fault.servers, "fraction"):
            return range(math.ceil(fault.servers.fraction * count - 1e-9))
        return fault.servers

    def holding(self, server: int, time: int) -> list[Any]:
        return [fault for begin, end, fault in self.spells[server] if begin <= time < end]

    def is_crashed(self, server: int, time: int) -> bool:
        return any(fault.kind == "crash" for fault in self.holding(server, time))

    def refuses(self, server: int, time: int) -> bool:
        return any(fault.kind in {"crash", "refusing"} for fault in self.holding(server, time))

    def is_reachable(self, server: int, client: int, time: int) -> bool:
        """Whether a client could be served there."""
        return not any(
            fault.kind in {"crash", "refusing", "unreachable"}
            or (fault.kind == "cut" and fault.clients[0] <= client <= fault.clients[1])
            for fault in self.holding(server, time)
        )


def ns(seconds: float) -> int:
    return round(seconds * SECOND)


def shared_out(total: int, weights: list[float]) -> list[int]:
    """Whole parts in proportion to weights; what is over goes to the largest remainders, first ones first."""
    exact = [Fraction(weight) * total / sum(map(Fraction, weights)) for weight in weights]
    parts = [math.floor(part) for part in exact]
    by_remainder = sorted(range(len(parts)), key=lambda n: parts[n] - exact[n])
    for n in by_remainder[: total - sum(parts)]:
        parts[n] += 1
    return parts


# --- who is who -------------------------------------------------------------------------------------------------


class Key(NamedTuple):
    """One program of one slot of one client, at one server: what a lease is for."""

    client: int
    slot: int
    program: int
    server: int


@dataclass
class Lease:
    """A license in use. `taken`: its program runs, or as far as is known still runs, under it."""

    key: Key
    product: int
    attempt: int  # the latest request that it answers
    heard: int = 0
    taken: bool = False
    ghost: bool = False


class Pool:
    """Licenses that may be leased: of a product at a server, or of a product at all servers together."""

    def __init__(self, allocated: int) -> None:
        self.allocated = self.free = allocated


class Server:
    """One worker and its queue, in order of arrival."""

    def __init__(self, clock: Clock) -> None:
        self.queue: deque[tuple[int, Row]] = deque()
        self.serving: Row | None = None
        self.busy = Level(clock)
        self.arrivals: Counter[int] = Counter()  # by second since the end of the warm-up


IDLE, WAITING, METERED, UNMETERED, DENIED = "idle", "waiting", "metered", "unmetered", "denied"


class Slot:
    """A user's slot: one launch after the other."""

    def __init__(self) -> None:
        self.state = IDLE
        self.program: int | None = None  # its number, known from its first message on
        self.launched = 0
        self.running = False
        self.waits = False  # after a denial, until it has what it wanted
        self.is_decided = False  # its waiting time is over
        self.holds: int | None = None  # the server of its lease
        self.awaits: tuple[int, int] | None = None  # the server and number of its last request, unless answered
        self.asked = 0  # the number of its last request


class Client:
    """A user's machine and its link."""

    def __init__(self, programs: int) -> None:
        self.slots = [Slot() for _ in range(programs)]
        self.server: int | None = None  # known when it matters
        self.flight: int | None = None  # the number of the attempt or heartbeat in flight
        self.offline = False
        self.waiting = self.unmetered = 0


class Fact(NamedTuple):
    """What the observer learns at `due`: no answer up to `attempt` is wanted, nor a lease at `server` (if any)."""

    due: int
    client: int
    slot: int
    program: int | None
    server: int | None
    attempt: int


# --- the books --------------------------------------------------------------------------------------------------


class Books:
    """Everything that is kept while the record is read."""

    def __init__(self, scenario: Any) -> None:
        self.scenario = scenario
        start = ns(scenario.run.warmup_s)
        self.clock = Clock(start, start + ns(scenario.run.duration_s))
        self.faults = Faults(scenario, start)
        self.latency = ns(scenario.network.latency_ms / 1000)
        self.shared = scenario.policies.balancing.name == "shared-pool"
        self.keeps_until_ack = scenario.policies.balancing.name == "keep-until-ack"
        self.clients = [Client(scenario.clients.programs) for _ in range(scenario.clients.count)]
        self.servers = [Server(self.clock) for _ in range(scenario.servers.count)]
        self.first_server = scenario.clients.count
        self.site = self.first_server + scenario.servers.count
        self._open_pools()
        self._open_ledger()

    def _open_pools(self) -> None:
        servers = self.scenario.servers
        weights = [1.0] * servers.count if servers.split == "even" else list(servers.split)
        self.pools: list[list[Pool]] = [[] for _ in self.servers]  # by server and product
        for product in self.scenario.products:
            one = Pool(product.licenses)
            for pools, part in zip(self.pools, shared_out(product.licenses, weights), strict=True):
                pools.append(one if self.shared else Pool(part))
        self.leases: dict[Key, Lease] = {}
        self.reserved: dict[Key, tuple[int, int]] = {}  # product, and when the grace ends
        self.denied_at: dict[tuple[Key, int], int] = {}  # by request
        self.barred: dict[tuple[int, int, int], int] = {}  # client, slot, program: in which site server cycle

    def _open_ledger(self) -> None:
        products = self.scenario.products
        self.counts: Counter[str] = Counter()
        self.attempts: Counter[int] = Counter()  # these four by sample
        self.abnormal: Counter[int] = Counter()
        self.queued: Counter[int] = Counter()
        self.queued_ns: Counter[int] = Counter()
        self.waits: list[int] = []
        self.queueing: list[int] = []
        self.waiting_users, self.in_use, self.ghost_leases, self.unmetered = (Level(self.clock) for _ in range(4))
        self.leased, self.ghosts = [0] * len(products), [0] * len(products)
        self.overissued = 0
        # The observer: facts on their way; by client and slot, up to which request no answer is wanted; programs
        # that run, as far as is known, under a lease that was taken away.
        self.facts: deque[Fact] = deque()
        self.unwanted: Counter[tuple[int, int]] = Counter()
        self.bereft: dict[Key, int] = {}
        self.imbalance = [Distance(self.clock) for _ in products]
        self.heard_at = self._homes()
        self.clients_at = Counter(self.heard_at)
        self._weigh(range(len(products)))

    def _homes(self) -> list[int]:
        clients, servers = self.scenario.clients, len(self.servers)
        if clients.assignment == "round-robin":
            return [client % servers for client in range(clients.count)]
        if clients.assignment == "random":
            raise ValueError("assignment = 'random' is not in the record")
        parts = shared_out(clients.count, list(clients.assignment))
        return [server for server, part in enumerate(parts) for _ in range(part)]

    # Reading

    def handle(self, event: Row, outcome: deque[Row]) -> None:
        """Enter one event and what came of it."""
        while self.facts and self.facts[0].due < event.time:
            self._learn(self.facts.popleft())
        self.clock.now = event.time
        messages = [row for row in outcome if row.what in {journal.SENT, journal.LOST}]
        self._count("messages", len(messages))
        self._count("messages_lost", sum(row.what == journal.LOST for row in messages))
        if event.target < self.first_server:
            self._handle_client(self.clients[event.target], event, outcome)
        elif event.target < self.site:
            self._handle_server(event.target - self.first_server, event, outcome)

    def _count(self, name: str, number: int = 1) -> None:
        if self.clock.measuring:
            self.counts[name] += number

    def _sample(self) -> int:
        return (self.clock.now - self.clock.start) // ns(self.scenario.run.sample_s)

    # --- clients ------------------------------------------------------------------------------------------------

    def _handle_client(self, client: Client, event: Row, outcome: deque[Row]) -> None:
        if event.kind == kinds.LAUNCH:
            self._launch(client, event)
        elif event.kind == kinds.END:
            self._end(event.target, event.slot, outcome)
        elif event.kind == kinds.LINK_TIMER:
            self._link_timer(client)
        elif event.kind == kinds.ASK_AGAIN:
            self._want(client, client.slots[event.slot])
        elif event.kind == kinds.CALLBACK:
            self._called(client, event)
        elif event.kind != kinds.KEPT_ACK and event.attempt == client.flight:
            self._answered(client, event, outcome)
        for row in outcome:
            self._client_did(client, row)
        self._review(client)

    def _client_did(self, client: Client, row: Row) -> None:
        if row.what == journal.MOVED:
            self._moved(client, row)
        elif row.what == journal.DECIDED:
            self._decided(client, row)
        elif row.kind == kinds.REQUEST:
            self._asked(client, row)
        elif row.kind == kinds.HEARTBEAT:
            client.flight = row.attempt
        elif row.kind == kinds.RELEASE and row.what == journal.LOST:
            self._tell(row.source, row.slot, row.program, row.target - self.first_server)

    def _review(self, client: Client) -> None:
        waiting = sum(slot.waits for slot in client.slots)
        unmetered = sum(slot.running and slot.holds is None for slot in client.slots)
        self.waiting_users.add(waiting - client.waiting)
        self.unmetered.add(unmetered - client.unmetered)
        client.waiting, client.unmetered = waiting, unmetered

    def _launch(self, client: Client, event: Row) -> None:
        slot = client.slots[event.slot]
        if self.scenario.workload.arrivals == "trace":  # a recorded launch takes any slot
            slot = next((slot for slot in client.slots if slot.state == IDLE), slot)
        if slot.state != IDLE:
            self._count("suppressed")
            return
        self._count("launches")
        slot.program, slot.launched, slot.is_decided, slot.asked = None, self.clock.now, False, 0
        self._want(client, slot)

    def _want(self, client: Client, slot: Slot) -> None:
        """The user wants the slot's program: a launch, or asking again after a denial."""
        slot.state = WAITING
        if client.offline:
            self._do_without(slot)
        elif self.scenario.clients.enforcement == "after-start" and self.scenario.workload.run_time_s > 0:
            slot.running = True

    def _do_without(self, slot: Slot) -> None:
        """The client is offline."""
        if self.scenario.clients.offline == "deny":
            self._count("gave_up")
            self._idle(slot)
            return
        self._count("unmetered_starts")
        slot.state, slot.running, slot.waits, slot.is_decided = UNMETERED, True, False, True

    def _idle(self, slot: Slot) -> None:
        slot.state, slot.running, slot.waits = IDLE, False, False

    def _end(self, c: int, j: int, outcome: deque[Row]) -> None:
        """A program has run its time."""
        slot = self.clients[c].slots[j]
        self._stop(c, j, outcome)
        self._idle(slot)

    def _stop(self, c: int, j: int, outcome: deque[Row]) -> None:
        """A program neither runs nor waits for an answer any more; its lease is given back, or left behind."""
        slot = self.clients[c].slots[j]
        slot.running = False
        self._abandon(c, j)
        if slot.asked:
            self._tell(c, j, slot.program, None, slot.asked)
        if slot.holds is not None:
            server, slot.holds = slot.holds, None
            if not any(
                row.kind == kinds.RELEASE
                and (row.slot, row.program) == (j, slot.program)
                and row.target == self.first_server + server
                for row in outcome
            ):
                self._tell(c, j, slot.program, server)

    def _abandon(self, c: int, j: int) -> None:
        """The answer to the last request is not waited for any more."""
        slot = self.clients[c].slots[j]
        if slot.awaits:
            (server, attempt), slot.awaits = slot.awaits, None
            if server != slot.holds:
                self._tell(c, j, slot.program, server, attempt)

    def _tell(self, c: int, j: int, program: int | None, server: int | None, attempt: int = 0) -> None:
        self.facts.append(Fact(self.clock.now + self.latency, c, j, program, server, attempt))

    def _asked(self, client: Client, row: Row) -> None:
        slot, server = client.slots[row.slot], row.target - self.first_server
        self._count("attempts")
        self.attempts[self._sample()] += 1
        if slot.awaits and slot.awaits[0] == server:
            self._count("retries")
        slot.program, slot.awaits, slot.asked = row.program, (server, row.attempt), row.attempt
        client.flight, client.server = row.attempt, server

    def _link_timer(self, client: Client) -> None:
        if client.flight is not None:
            self._count("timeouts")
            client.flight = None
        elif client.offline:
            client.offline = False
            self._ask_anew(client)

    def _ask_anew(self, client: Client) -> None:
        """At another server, or back from offline, nobody waits for a callback."""
        if self.scenario.clients.on_denial == "callback":
            for slot in client.slots:
                if slot.state == DENIED:
                    self._want(client, slot)

    def _called(self, client: Client, event: Row) -> None:
        slot = client.slots[event.slot]
        is_his = event.source - self.first_server == client.server and slot.program == event.program
        if slot.state == DENIED and is_his and not client.offline:
            self._want(client, slot)

    def _answered(self, client: Client, event: Row, outcome: deque[Row]) -> None:
        client.flight = None
        slot = client.slots[event.slot]
        if event.kind == kinds.REFUSED:
            self._count("refusals")
        elif event.kind == kinds.OVERLOADED:
            self._count("overloaded")
        elif event.kind != kinds.ACK and slot.awaits and slot.program == event.program:
            server, slot.awaits = slot.awaits[0], None
            if event.kind == kinds.GRANT:
                self._granted(slot, Key(event.target, event.slot, event.program, server), event.attempt)
            else:
                self._denied(slot, event, server, outcome)

    def _granted(self, slot: Slot, key: Key, attempt: int) -> None:
        self._count("grants")
        if slot.holds == key.server:
            return
        if not slot.is_decided and self.clock.measuring:
            self.waits.append(self.clock.now - slot.launched)
        if slot.holds is not None:
            self._tell(*key[:3], slot.holds)
        slot.state, slot.running, slot.waits, slot.is_decided = METERED, True, False, True
        slot.holds = key.server
        if key in self.leases:
            self.leases[key].taken = True
        else:  # it was taken away while the grant was on its way
            self._bereave(key, attempt)

    def _denied(self, slot: Slot, event: Row, server: int, outcome: deque[Row]) -> None:
        if slot.holds is not None:
            self._count("evictions")
        gives_up = self.scenario.clients.on_denial == "give-up"
        if gives_up and not slot.is_decided and self.clock.measuring:
            self.waits.append(self.clock.now - slot.launched)
        self._stop(event.target, event.slot, outcome)
        if gives_up:
            self._idle(slot)
        else:
            slot.state, slot.waits = DENIED, True

    def _decided(self, client: Client, row: Row) -> None:
        """What the failover policy decided after a failure."""
        if row.kind == GO_OFFLINE:
            self._count("offline_spells")
            client.offline = True
            for j, slot in enumerate(client.slots):
                self._abandon(row.source, j)
                if slot.state == WAITING:
                    self._do_without(slot)
        elif row.kind == GIVE_UP and row.slot >= 0 and client.slots[row.slot].awaits:
            slot = client.slots[row.slot]
            self._abandon(row.source, row.slot)
            if slot.state == WAITING:
                self._count("gave_up")
                self._idle(slot)

    def _moved(self, client: Client, row: Row) -> None:
        self._count("failovers")
        client.server = row.target - self.first_server
        for j in range(len(client.slots)):
            self._abandon(row.source, j)
        self._ask_anew(client)

    # --- the observer -------------------------------------------------------------------------------------------

    def _learn(self, fact: Fact) -> None:
        self.clock.now = fact.due
        seat = (fact.client, fact.slot)
        self.unwanted[seat] = max(self.unwanted[seat], fact.attempt)
        if fact.server is not None and fact.program is not None:
            self._forsaken(Key(*seat, fact.program, fact.server))

    def _forsaken(self, key: Key) -> None:
        """The program does not run under a lease there any more."""
        if key in self.leases:
            self._haunt(self.leases[key], True)
        if self.bereft.pop(key, None) is not None:
            self.unmetered.add(-1)

    def _haunt(self, lease: Lease, is_ghost: bool) -> None:
        change = is_ghost - lease.ghost
        lease.ghost = is_ghost
        self.ghosts[lease.product] += change
        self.ghost_leases.add(change)

    def _bereave(self, key: Key, attempt: int) -> None:
        """The program runs on, and its lease is gone."""
        self.bereft[key] = attempt
        self.unmetered.add(1)

    def _cause(self, product: int, client: int) -> str:
        having = [s for s, pools in enumerate(self.pools) if pools[product].free > 0]
        if any(self.faults.is_reachable(s, client, self.clock.now) for s in having):
            return "misplaced"
        if having:
            return "stranded"
        return "ghost" if self.ghosts[product] > 0 else "exhausted"

    def _weigh(self, products: Iterable[int]) -> None:
        """Measure the imbalance of products: where their licenses are against where the clients are."""
        for product in products:
            here = [pools[product].allocated for pools in self.pools]
            total, clients = sum(here), len(self.clients)
            gaps = [abs(n * clients - self.clients_at[s] * total) for s, n in enumerate(here)]
            unbalanced = total > 0 and not self.shared
            self.imbalance[product].set(sum(gaps) / (2 * clients * total) if unbalanced else 0.0)

    # --- servers ------------------------------------------------------------------------------------------------

    def _handle_server(self, s: int, event: Row, outcome: deque[Row]) -> None:
        if event.kind <= kinds.KEPT_RELEASE:
            if event.flag & IN_SERVICE:
                self._served(s, event, outcome)
            else:
                self._arrived(s, event, outcome)
        elif event.kind == kinds.SCAN:
            self._scan(s)
        elif event.kind == kinds.CRASH:
            self._crash(s)
        elif event.kind == kinds.GRACE_END:
            self._grace_end(Key(event.value, event.slot, event.program, s))
        elif event.kind == kinds.TAKE:
            self._take(s, event, outcome)
        elif event.kind in {kinds.GIVE, kinds.DROP}:
            self._move_licenses(s, event, outcome)
        self._call_back(outcome)
        if outcome and event.kind != kinds.ASK_REPORT:
            raise Contradiction(f"server {s} has no reason to send {outcome[0]} after {event}")
        if any(pool.free < 0 for pool in self.pools[s]):
            raise Contradiction(f"server {s} has less than no license free at {self.clock.now} ns")

    def _arrived(self, s: int, row: Row, outcome: deque[Row]) -> None:
        server = self.servers[s]
        server.arrivals[(self.clock.now - self.clock.start) // SECOND] += 1
        if self.faults.refuses(s, self.clock.now):
            self._expect(outcome, row, kinds.REFUSED)
            return
        if row.kind == kinds.RELEASE:
            self._see_release(self._key(s, row), row.attempt)
        elif row.kind in {kinds.REQUEST, kinds.HEARTBEAT}:
            self._hear_from(row.source, s)
        if outcome and outcome[0].kind == kinds.OVERLOADED:
            self._expect(outcome, row, kinds.OVERLOADED)
            return
        server.queue.append((self.clock.now, row))
        if server.serving is None:
            self._work(s, outcome)

    def _key(self, s: int, row: Row) -> Key:
        return Key(row.source, row.slot, row.program, s)

    def _expect(self, outcome: deque[Row], row: Row, kind: int) -> Row:
        """Take the answer to a client's message out of what came of it."""
        answer = outcome.popleft() if outcome else None
        if answer is None or (answer.kind, answer.target, answer.attempt) != (kind, row.source, row.attempt):
            raise Contradiction(f"the answer to {row} must be of kind {kind}, not {answer}")
        return answer

    def _hear_from(self, client: int, s: int) -> None:
        if self.heard_at[client] != s:
            self.clients_at[self.heard_at[client]] -= 1
            self.clients_at[s] += 1
            self.heard_at[client] = s
            self._weigh(range(len(self.imbalance)))

    def _served(self, s: int, row: Row, outcome: deque[Row]) -> None:
        server = self.servers[s]
        if server.serving is None or server.serving.attempt != row.attempt or server.serving.kind != row.kind:
            raise Contradiction(f"server {s} serves {server.serving}, not {row}")
        server.serving = None
        server.busy.set(0)
        self._carry_out(s, row, outcome)
        self._work(s, outcome)

    def _work(self, s: int, outcome: deque[Row]) -> None:
        """Start the next service; those that take no time are over at once."""
        server = self.servers[s]
        while server.queue:
            arrived, row = server.queue.popleft()
            if row.kind == kinds.REQUEST:
                self._queued(self.clock.now - arrived)
            if self._takes_time(row.kind):
                server.serving = row
                server.busy.set(1)
                return
            self._carry_out(s, row, outcome)

    def _takes_time(self, kind: int) -> bool:
        servers = self.scenario.servers
        costs = {kinds.REQUEST: 1.0, kinds.HEARTBEAT: servers.heartbeat_cost}
        return bool(servers.service_ms * costs.get(kind, servers.release_cost) > 0)

    def _queued(self, duration: int) -> None:
        if self.clock.measuring:
            self.queueing.append(duration)
            self.queued[self._sample()] += 1
            self.queued_ns[self._sample()] += duration

    def _carry_out(self, s: int, row: Row, outcome: deque[Row]) -> None:
        if row.kind == kinds.REQUEST:
            self._decide(s, row, outcome)
        elif row.kind == kinds.RELEASE:
            lease = self.leases.get(self._key(s, row))
            if lease and lease.attempt <= row.attempt:  # else it has been asked for again since
                self._free(lease)
                self._call_back(outcome)
        else:
            frees = row.kind == kinds.KEPT_RELEASE or self.scenario.clients.heartbeat_names_leases
            self._hear(s, row, frees)
            self._call_back(outcome)
            self._expect(outcome, row, kinds.ACK if row.kind == kinds.HEARTBEAT else kinds.KEPT_ACK)

    def _decide(self, s: int, row: Row, outcome: deque[Row]) -> None:
        key, pool = self._key(s, row), self.pools[s][row.product]
        barred = self.barred.get(key[:3]) == self._cycle()
        if key not in self.leases and key not in self.reserved and (pool.free == 0 or barred):
            self._deny(key, row, outcome)
            return
        self._expect(outcome, row, kinds.GRANT)
        lease = self.leases.get(key)
        is_wanted = row.attempt > self.unwanted[row.source, row.slot]
        if lease is None:
            if self.reserved.pop(key, None) is None:
                pool.free -= 1
            lease = self._lease(key, row)
            self._haunt(lease, not is_wanted)
        elif is_wanted:
            self._haunt(lease, False)
        lease.heard, lease.attempt = self.clock.now, max(lease.attempt, row.attempt)

    def _lease(self, key: Key, row: Row) -> Lease:
        slot = self.clients[key.client].slots[key.slot]
        is_held = slot.holds == key.server and slot.program == key.program
        lease = self.leases[key] = Lease(key, row.product, row.attempt, taken=is_held)
        if self.bereft.pop(key, None) is not None:
            self.unmetered.add(-1)
        self.in_use.add(1)
        self.leased[row.product] += 1
        owned = self.scenario.products[row.product].licenses
        self.overissued = max(self.overissued, self.leased[row.product] - owned)
        return lease

    def _deny(self, key: Key, row: Row, outcome: deque[Row]) -> None:
        self._expect(outcome, row, kinds.DENY)
        cause = self._cause(row.product, row.source)
        self._count("denials")
        self._count(f"denials_{cause}")
        if cause != "exhausted":
            self.abnormal[self._sample()] += 1
        self.denied_at[key, row.attempt] = self.clock.now

    def _see_release(self, key: Key, attempt: int) -> None:
        """The observer sees a RELEASE arrive."""
        lease = self.leases.get(key)
        last = lease.attempt if lease else self.bereft.get(key, 0)
        if last <= attempt:
            self._forsaken(key)

    def _free(self, lease: Lease, is_taken_away: bool = False) -> None:
        """A lease ends, and its license is free from this instant."""
        was_in_use = lease.taken and not lease.ghost
        self._haunt(lease, False)
        del self.leases[lease.key]
        self.in_use.add(-1)
        self.leased[lease.product] -= 1
        self.pools[lease.key.server][lease.product].free += 1
        if is_taken_away and was_in_use:
            self._bereave(lease.key, lease.attempt)

    def _hear(self, s: int, row: Row, frees: bool) -> None:
        """A client is alive; of each slot that it names, the newest lease is meant."""
        named = {j for j in range(self.scenario.clients.programs) if row.value >> j & 1}
        for lease in reversed([lease for lease in self._leases_at(s) if lease.key.client == row.source]):
            if not frees or lease.key.slot in named or lease.attempt > row.attempt:
                lease.heard = self.clock.now
                named.discard(lease.key.slot)
            else:
                self._free(lease)

    def _leases_at(self, s: int) -> list[Lease]:
        """The leases of a server, in the order in which they were granted."""
        return [lease for key, lease in self.leases.items() if key.server == s]

    def _scan(self, s: int) -> None:
        patience = ns(self.scenario.servers.reclaim_after_s)
        if patience and not self.faults.is_crashed(s, self.clock.now):
            for lease in self._leases_at(s):
                if self.clock.now - lease.heard >= patience:
                    self._free(lease, is_taken_away=True)

    def _crash(self, s: int) -> None:
        server = self.servers[s]
        server.queue.clear()
        server.serving = None
        server.busy.set(0)
        if not self.scenario.servers.durable:
            for key in [key for key in self.reserved if key.server == s]:
                self._unreserve(key)
            for lease in self._leases_at(s):
                self._free(lease, is_taken_away=True)

    # Callbacks

    def _cycle(self) -> int:
        """The number of the site server cycle, from 1; -1 where callbacks do not depend on it."""
        length = ns(self.scenario.servers.callback_cycle_s)
        return 1 + self.clock.now // length if length else -1

    def _call_back(self, outcome: deque[Row]) -> None:
        """Reserve a license for each user who is told that one is free, unless denied in this very cycle."""
        while outcome and outcome[0].kind == kinds.CALLBACK:
            row = outcome.popleft()
            key = Key(row.target, row.slot, row.program, row.source - self.first_server)
            length = ns(self.scenario.servers.callback_cycle_s)
            if length and self.denied_at[key, row.attempt] // length == self.clock.now // length:
                self.barred[key[:3]] = self._cycle()
                continue
            self.pools[key.server][row.product].free -= 1
            self.reserved[key] = row.product, self.clock.now + ns(self.scenario.servers.callback_grace_s)

    def _grace_end(self, key: Key) -> None:
        if key in self.reserved and self.reserved[key][1] == self.clock.now:
            self._unreserve(key)

    def _unreserve(self, key: Key) -> None:
        product, _ = self.reserved.pop(key)
        self.pools[key.server][product].free += 1

    # Balancing

    def _take(self, s: int, event: Row, outcome: deque[Row]) -> None:
        """Free licenses leave, unless the site server cannot be told, or they stay until they have arrived."""
        if not outcome:
            return
        taken = outcome.popleft()
        if taken.value != min(event.value, self.pools[s][event.product].free):
            raise Contradiction(f"server {s} gave up {taken.value} licenses when asked by {event}")
        if taken.what == journal.SENT and not self.keeps_until_ack:
            self._restock(s, event.product, -taken.value)

    def _move_licenses(self, s: int, event: Row, outcome: deque[Row]) -> None:
        if event.kind == kinds.GIVE and self.keeps_until_ack:
            outcome.popleft()  # the ack
        free = self.pools[s][event.product].free
        self._restock(s, event.product, event.value if event.kind == kinds.GIVE else -min(event.value, free))

    def _restock(self, s: int, product: int, change: int) -> None:
        pool = self.pools[s][product]
        pool.allocated += change
        pool.free += change
        self._weigh([product])

    # --- metrics ------------------------------------------------------------------------------------------------

    def metrics(self) -> dict[str, float | None]:
        """Close the books; return what they say."""
        while self.facts and self.facts[0].due < self.clock.end:
            self._learn(self.facts.popleft())
        self.clock.now = self.clock.end
        for distance in self.imbalance:
            distance.set(distance.value)
        counts = {name: self.counts[name] for name in COUNTS}
        decided = counts["grants"] + counts["denials"]
        span_us = self.clock.end // MICROSECOND - self.clock.start // MICROSECOND
        hour_us = 3600 * SECOND // MICROSECOND
        busy = [server.busy.total_us() / span_us for server in self.servers]
        return {
            **counts,
            "denial_fraction": ratio(counts["denials"], decided),
            "abnormal_denial_fraction": ratio(counts["denials"] - counts["denials_exhausted"], decided),
            "unmetered_license_hours": self.unmetered.total_us() / hour_us,
            "amplification": ratio(counts["attempts"], counts["launches"]),
            "goodput_per_s": counts["grants"] / self.scenario.run.duration_s,
            "storm_peak_ratio": self._storm_peak_ratio(),
            "imbalance_mean": max(d.area for d in self.imbalance) / (self.clock.end - self.clock.start),
            "imbalance_max": max(distance.worst for distance in self.imbalance),
            "ghost_license_hours": self.ghost_leases.total_us() / hour_us,
            "overissued": self.overissued,
            "licenses_in_use_mean": self.in_use.total_us() / span_us,
            "waiting_users_mean": self.waiting_users.total_us() / span_us,
            **durations("wait_s", self.waits),
            **durations("queue_s", self.queueing),
            "server_utilization_mean": sum(busy) / len(busy),
            "server_utilization_max": max(busy),
            **self._client_burden(),
            "time_to_recover_s": self._time_to_recover_s(),
        }

    def _storm_peak_ratio(self) -> float | None:
        """Of the server with the busiest second since the first fault: that second over its mean one before."""
        if self.faults.first_start is None:
            return None
        first = (self.faults.first_start - self.clock.start) / SECOND
        peaks = [max((n for t, n in server.arrivals.items() if t >= first), default=0) for server in self.servers]
        busiest = self.servers[peaks.index(max(peaks))]
        since = 0.0 if first > 0 else -self.scenario.run.warmup_s
        before = sum(n for second, n in busiest.arrivals.items() if since <= second < first)
        return max(peaks) / (before / (first - since)) if before else None

    def _client_burden(self) -> dict[str, float | None]:
        run, clients = self.scenario.run, self.scenario.clients
        whole = round(run.duration_s * SECOND) // ns(run.sample_s)
        width_s = run.sample_s if whole else run.duration_s
        worst = max(self.attempts[n] for n in range(max(1, whole))) / width_s / clients.count
        return {
            "client_busy_fraction": worst * clients.attempt_cpu_ms / 1000,
            "attempts_per_client_hour_peak": worst * 3600,
        }

    def _time_to_recover_s(self) -> float | None:
        """Until the first window after the faults from which on all are in the band; 0 if all of them are."""
        if self.faults.last_end is None or self.faults.first_start is None:
            return None
        sample = ns(self.scenario.run.sample_s)
        whole = (self.clock.end - self.clock.start) // sample
        size = min(WINDOW, max(1, whole))
        healthy = self._healthy_windows(whole, size, (self.faults.first_start - self.clock.start) // sample)
        end = self.faults.last_end - self.clock.start
        after = [(n * sample, healthy[n]) for n in range(len(healthy)) if n * sample >= end]
        if not after or not after[-1][1]:
            return math.inf
        bad = [start for start, is_healthy in after if not is_healthy]
        return (bad[-1] + sample - end) / SECOND if bad else 0.0

    def _healthy_windows(self, whole: int, size: int, calm: int) -> list[bool]:
        windows = [range(n, n + size) for n in range(whole - size + 1)]
        abnormal = [sum(self.abnormal[n] for n in window) for window in windows]
        worst = max((abnormal[n] for n in range(calm - size + 1)), default=0)
        service = ns(self.scenario.servers.service_ms / 1000)
        most = 2 * mean(self.queued_ns, self.queued, range(calm)) + service
        return [
            count <= 2 * worst + SLACK and mean(self.queued_ns, self.queued, window) <= most
            for count, window in zip(abnormal, windows, strict=True)
        ]


def mean(sums: Counter[int], numbers: Counter[int], samples: range) -> float:
    return sum(sums[n] for n in samples) / max(1, sum(numbers[n] for n in samples))


def ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def durations(name: str, values: list[int]) -> dict[str, float | None]:
    """Mean, percentiles (nearest rank) and maximum in seconds; None when there are none."""
    if not values:
        return dict.fromkeys([f"{name}_{what}" for what in ("mean", "p50", "p95", "p99", "max")])
    ranked = sorted(values)
    percentiles = {f"{name}_p{p}": ranked[-(-p * len(ranked) // 100) - 1] / SECOND for p in (50, 95, 99)}
    return {
        f"{name}_mean": sum(ranked) / len(ranked) / SECOND,
        **percentiles,
        f"{name}_max": ranked[-1] / SECOND,
    }
