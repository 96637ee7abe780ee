"""The contract once more, in plain Python: slow, direct, and written without a look at the engine.

`simulate(scenario, seed)` runs one replication of a scenario on the virtual clock and returns the metrics
of SCENARIO.md under their names. Everything hangs off one `World`; clients and servers meet only in
`World.send`. Time is in seconds from the start of the warm-up. Where the contract leaves room, the choice
is marked CHOICE.
"""

import copy
import heapq
import math
from collections import Counter, deque
from functools import partial
from random import Random

REQUEST, RELEASE, HEARTBEAT, KEPT_RELEASE = "request", "release", "heartbeat", "kept release"
GRANT, DENY, ACK, KEPT_ACK, OVERLOADED, REFUSED = "grant", "deny", "ack", "kept ack", "overloaded", "refusals"
RETRY, FAIL_OVER, OFFLINE, GIVE_UP = "retry", "fail over", "offline", "give up"
REPEATED, ELSEWHERE, WAITING, LAST = 0, 1, 2, 3  # whose turn comes first at a client
SITE = None  # the other end of a server's message when it is the site server
REPORT_DEADLINE_S = 30.0  # how long the site server waits for reports, at most half its interval
COUNTS = [
    *("launches", "suppressed", "attempts", "grants", "denials", "evictions", "gave_up"),
    *("denials_misplaced", "denials_stranded", "denials_ghost", "denials_exhausted"),
    *("timeouts", "refusals", "overloaded", "retries", "failovers", "offline_spells", "unmetered_starts"),
    *("messages", "messages_lost"),
]

DEFAULTS: dict = {
    "title": "untitled",
    "run": {"duration_s": 28800, "warmup_s": 3600, "seed": 1, "replications": 1, "shards": 1,
            "clock": "virtual", "sample_s": 60},
    "network": {"latency_ms": 5.0, "jitter_ms": 0.0, "loss": 0.0},
    "servers": {"count": 4, "service_ms": 200.0, "service": "constant", "queue_limit": 0, "durable": True,
                "heartbeat_cost": 1.0, "release_cost": 1.0, "reclaim_after_s": 7200, "scan_s": 7200,
                "split": "even", "callback_grace_s": 60.0},
    "products": [{"name": "editor"}],
    "clients": {"count": 800, "programs": 1, "assignment": "round-robin", "enforcement": "after-start",
                "request_timeout_s": 5.0, "heartbeat_s": 3600, "heartbeat_names_leases": False,
                "on_denial": "give-up", "retry_denied_s": 60.0, "offline": "allow", "rerequest": True,
                "release_old": "lost", "deferred_retry_s": 60.0, "callback_poll_s": 0.0,
                "attempt_cpu_ms": 50.0},
    "workload": {"arrivals": "closed", "launch_interval_s": 3600, "launch": "exponential", "launch_cv": 1.0,
                 "run_time_s": 1800, "run_time": "exponential", "run_time_cv": 1.0, "profile": []},
    "policies": {"failover": {"name": "retry-then-failover", "retries": 3, "delay_s": 60.0},
                 "selection": {"name": "ring"}, "admission": {"name": "fifo"},
                 "balancing": {"name": "periodic-demand", "interval_s": 14400.0}},
    "faults": [],
}  # fmt: skip
PRODUCT = {"name": "product", "licenses": 400, "popularity": 1.0}
FAULT = {"kind": "unreachable", "servers": [0], "start_s": 3600, "duration_s": 600, "repeat_s": 0,
         "repeats": 1}  # fmt: skip


def complete(scenario: dict) -> dict:
    """The scenario with the default of every missing key; a policy is one value, replaced as a whole."""
    full = copy.deepcopy(DEFAULTS)
    for section, value in copy.deepcopy(scenario).items():
        if isinstance(value, dict):
            unknown = value.keys() - full[section].keys()
            assert not unknown, f"[{section}] has no {unknown}"
            full[section].update(value)
        else:
            full[section] = value
    full["products"] = [PRODUCT | product for product in full["products"]]
    full["faults"] = [FAULT | fault for fault in full["faults"]]
    return full


def simulate(scenario: dict, seed: int) -> dict[str, float | None]:
    """One replication; the metrics by their names in SCENARIO.md."""
    world = World(complete(scenario), seed)
    world.run()
    return world.metrics()


# --- the small tools: draws, shares, levels -----------------------------------------------------------


def draw(kind: str, mean: float, cv: float, stream: Random) -> float:
    """One value of a distribution that is named by its mean and, for two of them, its cv."""
    if kind == "constant" or mean == 0 or (cv == 0 and kind in {"lognormal", "gamma"}):
        return mean
    if kind == "exponential":
        return stream.expovariate(1 / mean)
    if kind == "lognormal":
        sigma2 = math.log(1 + cv * cv)
        return stream.lognormvariate(math.log(mean) - sigma2 / 2, math.sqrt(sigma2))
    if kind == "gamma":
        return stream.gammavariate(1 / cv**2, mean * cv**2)
    raise ValueError(kind)


def shares(total: int, weights: list[float], floors: list[int] | None = None) -> list[int]:
    """`total` in whole parts proportional to `weights`, none below its floor; largest remainders first."""
    floors = floors or [0] * len(weights)
    exact = [float(floor) for floor in floors]
    free = set(range(len(weights)))
    while free:
        rest = total - sum(floors[i] for i in range(len(weights)) if i not in free)
        weight = sum(weights[i] for i in free)
        if weight == 0:
            break
        for i in free:
            exact[i] = rest * weights[i] / weight
        below = {i for i in free if exact[i] < floors[i]}
        if not below:
            break
        for i in below:
            exact[i] = floors[i]
        free -= below
    parts = [math.floor(x + 1e-9) for x in exact]
    by_remainder = sorted(free, key=lambda i: (parts[i] - exact[i], i))
    for i in by_remainder[: max(0, total - sum(parts))]:
        parts[i] += 1
    return parts


class Level:
    """A quantity that changes in steps: its integral and its peak since the last restart."""

    def __init__(self, world: "World", value: float = 0.0):
        self.world, self.value = world, value
        self.restart()

    def set(self, value: float) -> None:
        self.area += self.value * (self.world.now - self.since)
        self.since = self.world.now
        self.value = value
        self.peak = max(self.peak, value)

    def add(self, change: float) -> None:
        self.set(self.value + change)

    def restart(self) -> None:
        self.area, self.since, self.peak = 0.0, self.world.now, self.value


class Profile:
    """The day profile: launch rates times a factor, linear between points; hour 0 ends the warm-up."""

    def __init__(self, points: list, origin: float):
        self.origin = origin
        self.points = [(3600.0 * hour, float(factor)) for hour, factor in points]
        if self.points and self.points[0][0] > 0:  # CHOICE: up to the first point, from the last one's value
            self.points.insert(0, (0.0, self.points[-1][1]))
        self.period = self.points[-1][0] if self.points else 0.0
        pairs = zip(self.points, self.points[1:], strict=False)
        self.area = sum((b - a) * (fa + fb) / 2 for (a, fa), (b, fb) in pairs)

    def later(self, time: float, work: float) -> float:
        """The time at which the factor's integral from `time` reaches `work`."""
        if self.period == 0:
            factor = self.points[-1][1] if self.points else 1.0
            return time + work / factor if factor else math.inf
        if self.area == 0:
            return math.inf
        position = (time - self.origin) % self.period
        whole, work = divmod(work, self.area)
        time += whole * self.period
        while True:
            for (a, fa), (b, fb) in zip(self.points, self.points[1:], strict=False):
                if not a <= position < b:
                    continue
                slope, length = (fb - fa) / (b - a), b - position
                rate = fa + slope * (position - a)
                area = rate * length + slope * length**2 / 2
                if area >= work:
                    root = math.sqrt(max(0.0, rate**2 + 2 * slope * work))
                    return time + (2 * work / (rate + root) if work else 0.0)
                work, time, position = work - area, time + length, b
            position = 0.0


# --- policies -----------------------------------------------------------------------------------------


def on_failure(policy: dict, tries_here: int, failures: int, stream: Random) -> tuple[str, float]:
    """What a failover policy decides after `tries_here` failures on end here, `failures` of this request."""
    name = policy["name"]
    if name == "immediate":
        return FAIL_OVER, 0.0
    if name == "never":
        return GIVE_UP, 0.0
    if name == "retry-then-give-up":
        return (RETRY, policy["delay_s"]) if failures <= policy["retries"] else (GIVE_UP, 0.0)
    again = tries_here <= policy["retries"]
    if name == "retry-then-failover":
        return (RETRY, policy["delay_s"]) if again else (FAIL_OVER, 0.0)
    if name == "sms2-documented":
        return (RETRY, policy["delay_s"]) if again else (OFFLINE, policy["offline_s"])
    if name == "full-jitter":
        longest = min(policy["cap_s"], policy["base_s"] * 2.0 ** min(tries_here, 60))
        return (RETRY, stream.uniform(0.0, longest)) if again else (FAIL_OVER, 0.0)
    raise ValueError(name)


def next_server(policy: dict, current: int, count: int, stream: Random) -> int:
    """Where a selection policy sends a client that leaves `current`."""
    if policy["name"] == "ring":
        return (current + 1) % count
    if policy["name"] == "sticky-random":
        return (current + 1 + stream.randrange(count - 1)) % count if count > 1 else current
    raise ValueError(policy["name"])


class PeriodicDemand:
    """The site server: asks for reports, takes free licenses, and only then gives them.

    Its messages are lost by faults only. What cannot be given stays in stock until the next cycle.
    """

    def __init__(self, world: "World", interval_s: float):
        self.world, self.interval_s = world, interval_s
        self.reports: dict[Server, list] = {}
        self.open = False
        self.stock = [0] * len(world.products)
        self.wanted: list[dict[Server, int]] = [{} for _ in world.products]
        world.after(interval_s, self.cycle)

    def cycle(self) -> None:
        self.reports, self.open = {}, True
        for server in self.world.servers:
            self.send(server, self.asked, server)
        self.world.after(min(REPORT_DEADLINE_S, self.interval_s / 2), self.decide)
        self.world.after(self.interval_s, self.cycle)

    def send(self, server: "Server", deliver, *args, undone=None) -> None:
        """A message that neither leaves nor reaches a server that refuses; `undone` when it is lost."""
        lost = (undone,) if undone else (lambda: None,)
        if self.world.faults.refuses(server):
            self.world.counts["messages"] += 1
            self.world.lose(lost)
            return

        def arrive() -> None:
            if self.world.faults.refuses(server):
                self.world.lose(lost)
            else:
                deliver(*args)

        self.world.send(server, SITE, arrive, lost=lost)

    def asked(self, server: "Server") -> None:
        """At the server. A report costs no service time; the demand is that since the last report."""
        demand = server.demand
        server.demand = Counter()
        report = [(pool.allocated, pool.allocated - pool.free, demand[product])
                  for product, pool in enumerate(server.pools)]  # fmt: skip
        self.send(server, self.reported, server, report, undone=lambda: server.demand.update(demand))

    def reported(self, server: "Server", report: list) -> None:
        self.reports[server] = report
        if len(self.reports) == len(self.world.servers):
            self.decide()

    def decide(self) -> None:
        """When all reports are in, or no more are waited for."""
        if not self.open:
            return
        self.open = False
        servers = [server for server in self.world.servers if server in self.reports]
        for product in range(len(self.world.products)):
            reports = [self.reports[server][product] for server in servers]
            allocated, leased, demand = ([report[i] for report in reports] for i in range(3))
            self.wanted[product] = {}
            if sum(demand) == 0:
                continue
            targets = shares(sum(allocated) + self.stock[product], demand, leased)
            for server, has, target in zip(servers, allocated, targets, strict=True):
                if target > has:
                    self.wanted[product][server] = target - has
                elif target < has:
                    self.send(server, self.take, server, product, has - target)
            self.give(product)

    def take(self, server: "Server", product: int, most: int) -> None:
        """At the server: what is free of what is asked for leaves its pool."""
        pool = server.pools[product]
        count = min(most, pool.free)
        if count:
            pool.move(-count)
            self.send(server, self.taken, product, count, undone=lambda: pool.move(count))

    def taken(self, product: int, count: int) -> None:
        self.stock[product] += count
        self.give(product)

    def give(self, product: int) -> None:
        """To those that lack some, in order of their numbers (CHOICE)."""
        for server, lacking in self.wanted[product].items():
            count = min(lacking, self.stock[product])
            if count:
                self.stock[product] -= count
                self.wanted[product][server] -= count
                undone = partial(self.keep, product, count)
                self.send(server, server.pools[product].move, count, undone=undone)

    def keep(self, product: int, count: int) -> None:
        self.stock[product] += count


# --- faults -------------------------------------------------------------------------------------------


class Faults:
    """Which faults hold where, now: from the start to just before the end."""

    def __init__(self, world: "World", faults: list[dict]):
        self.world = world
        count = len(world.servers)
        self.holding: list[list[dict]] = [[] for _ in range(count)]
        self.first = math.inf
        for fault in faults:
            servers = fault["servers"]
            if servers == "all":
                servers = range(count)
            elif isinstance(servers, dict):
                servers = range(math.ceil(servers["fraction"] * count - 1e-9))
            times = fault["repeats"] if fault["repeat_s"] else 1  # CHOICE: `repeats` counts all of them
            for k in range(times):
                start = world.warmup_s + fault["start_s"] + k * fault["repeat_s"]
                self.first = min(self.first, start)
                for number in servers:
                    world.at(start, self.begin, number, fault)
                    world.at(start + fault["duration_s"], self.holding[number].remove, fault)

    def begin(self, number: int, fault: dict) -> None:
        self.holding[number].append(fault)
        if fault["kind"] == "crash":
            self.world.servers[number].crash()

    def kinds(self, server: "Server") -> set[str]:
        return {fault["kind"] for fault in self.holding[server.number]}

    def refuses(self, server: "Server") -> bool:
        return bool(self.holding[server.number]) and not self.kinds(server).isdisjoint({"refusing", "crash"})

    def reachable(self, server: "Server", client: "Client") -> bool:
        return not self.refuses(server) and not self.separated(server, client)

    def separated(self, server: "Server", client: "Client | None") -> bool:
        for fault in self.holding[server.number]:
            if fault["kind"] == "unreachable":
                return True
            if fault["kind"] == "cut" and client is not SITE:
                first, last = fault["clients"]
                if first <= client.number <= last:
                    return True
        return False

    def slowdown(self, server: "Server") -> float:
        faults = self.holding[server.number]
        return math.prod(fault["factor"] for fault in faults if fault["kind"] == "slow")

    def delivered(self, server: "Server") -> float:
        """The probability that a message which leaves now is not lost by a loss fault."""
        faults = self.holding[server.number]
        return math.prod(1 - fault["probability"] for fault in faults if fault["kind"] == "loss")


# --- licenses, programs -------------------------------------------------------------------------------


class Pool:
    """The licenses of one product at one server (under shared-pool: at all of them)."""

    def __init__(self, world: "World", product: int, allocated: int):
        self.world, self.product, self.allocated = world, product, allocated
        self.leased = self.reserved = 0
        self.callbacks: deque = deque()  # (server, program) of users who wait to be called

    @property
    def free(self) -> int:
        return self.allocated - self.leased - self.reserved

    def move(self, count: int) -> None:
        self.allocated += count
        assert self.free >= 0
        self.world.measure_imbalance()
        self.call_back()

    def call_back(self) -> None:
        while self.free > 0 and self.callbacks:
            server, program = self.callbacks.popleft()
            self.reserved += 1
            server.reserve(program)


class Lease:
    """A license in a program's name at a server. `left`: its program does not run under it any more."""

    def __init__(self, world: "World", server: "Server", program: "Program"):
        self.world, self.server, self.program = world, server, program
        self.alive, self.left, self.ghost = True, False, False
        self.token = 0  # of the latest request that it answers
        self.heard = world.now
        self.pool = server.pools[program.product]
        self.pool.leased += 1
        assert self.pool.free >= 0
        server.leases.setdefault(program.client, {})[program] = self
        program.leases.append(self)
        world.in_use.add(1)
        self.review()

    def review(self) -> None:
        ghost = self.alive and self.left
        if ghost != self.ghost:
            self.ghost = ghost
            self.world.ghosts[self.program.product].add(1 if ghost else -1)

    def leave(self) -> None:
        self.left = True
        self.review()

    def end(self) -> None:
        """The license is free from this instant."""
        self.alive = False
        del self.server.leases[self.program.client][self.program]
        self.program.leases.remove(self)
        self.pool.leased -= 1
        self.world.in_use.add(-1)
        self.review()
        self.program.review()
        self.pool.call_back()


class Program:
    """One launch and what becomes of it."""

    def __init__(self, client: "Client", slot: int, order: int, product: int, run_time: float):
        self.client, self.slot, self.order = client, slot, order
        self.product, self.run_time = product, run_time
        self.launched = client.world.now
        self.running = self.ended = self.unmetered = self.decided = self.waiting = self.counted = False
        self.runs = 0  # a new one after each kill: makes old run-out events void
        self.lease: Lease | None = None  # the one it runs under, as its client believes
        self.leases: list[Lease] = []  # all that exist in its name
        self.asked: Server | None = None  # where it waits for an answer, pauses between retries included
        self.asked_token = 0  # of its last request
        self.abandoned = 0  # the same, of the last one whose answer it has no more use for
        self.kept: Lease | None = None  # granted late by the server where it still waits for an answer

    def review(self) -> None:
        """Without a lease for whatever reason: also when the server has lost or reclaimed it."""
        without = self.running and not (self.lease is not None and self.lease.alive)
        if without != self.counted:
            self.counted = without
            self.client.world.unmetered.add(1 if without else -1)

    def abandon(self, server: "Server", token: int) -> None:
        """The observer learns that nobody waits for answers up to `token` any more, from `server`."""
        self.abandoned = token
        for lease in self.leases:
            if lease.server is server:
                lease.leave()

    def wait(self, waiting: bool) -> None:
        if waiting != self.waiting:
            self.waiting = waiting
            self.client.world.waiting_users.add(1 if waiting else -1)


class Message:
    """From a client to a server. `token` tells its client which answer is which."""

    def __init__(self, kind: str, client: "Client", program=None, names=None):
        self.kind, self.client, self.program, self.names = kind, client, program, names
        self.token = client.token


# --- servers ------------------------------------------------------------------------------------------


class Server:
    """One worker, one queue, a pool for each product."""

    def __init__(self, world: "World", number: int):
        self.world, self.number = world, number
        self.pools: list[Pool] = []
        self.leases: dict[Client, dict[Program, Lease]] = {}
        self.reserved: dict[Program, int] = {}
        self.demand: Counter = Counter()
        self.arrivals: Counter = Counter()  # by whole second of the measured time
        self.queue: deque[tuple[float, Message]] = deque()
        self.requests_waiting = 0
        self.serving: Message | None = None
        self.busy = Level(world)
        self.stream = world.stream("service", number)

    def receive(self, message: Message) -> None:
        world = self.world
        if message.kind == RELEASE:
            if world.faults.refuses(self):
                world.lose((self.forsaken, message))
                return
            self.forsaken(message)
        self.arrivals[math.floor(world.now - world.warmup_s)] += 1
        if world.faults.refuses(self):
            self.answer(REFUSED, message)
            return
        if message.kind in {REQUEST, HEARTBEAT}:
            world.hear_of(message.client, self)
        if message.kind == REQUEST:
            if self.serving is not None and self.requests_waiting >= world.queue_limit:
                self.answer(OVERLOADED, message)
                return
            self.requests_waiting += 1
        self.queue.append((world.now, message))
        self.work()

    def released(self, message: Message) -> Lease | None:
        """The lease that a RELEASE means: its program's, unless asked for since."""
        lease = self.leases.get(message.client, {}).get(message.program)
        return lease if lease is not None and lease.token <= message.token else None

    def forsaken(self, message: Message) -> None:
        """The observer learns of a RELEASE: at its arrival, or when it is lost."""
        lease = self.released(message)
        if lease is not None:
            lease.leave()

    def work(self) -> None:
        while self.serving is None and self.queue:
            arrived, message = self.queue.popleft()
            if message.kind == REQUEST:
                self.requests_waiting -= 1
                self.world.queueing.append(self.world.now - arrived)
            time = self.service_time(message.kind)
            if time == 0:
                self.handle(message)
            else:
                self.serving = message
                self.busy.set(1)
                self.world.after(time, self.finish, message)

    def service_time(self, kind: str) -> float:
        settings = self.world.scenario["servers"]
        costs = {REQUEST: 1.0, HEARTBEAT: settings["heartbeat_cost"]}
        mean = settings["service_ms"] / 1000 * costs.get(kind, settings["release_cost"])
        return draw(settings["service"], mean, 1.0, self.stream) * self.world.faults.slowdown(self)

    def finish(self, message: Message) -> None:
        if self.serving is not message:
            return  # a crash has intervened
        self.serving = None
        self.busy.set(0)
        self.handle(message)
        self.work()

    def handle(self, message: Message) -> None:
        """Decisions are taken, and licenses change hands, when the service ends."""
        leases = self.leases.setdefault(message.client, {})
        if message.kind == REQUEST:
            self.decide(message, leases.get(message.program))
        elif message.kind == RELEASE:
            lease = self.released(message)
            if lease is not None:
                lease.end()
        else:
            named = set(message.names or ())  # of a slot's leases, the newest is meant
            for lease in reversed(list(leases.values())):
                asked_since = lease.token > message.token
                if message.names is None or lease.program.slot in named or asked_since:
                    lease.heard = self.world.now
                    named.discard(lease.program.slot)
                else:
                    lease.end()
            self.answer(ACK if message.kind == HEARTBEAT else KEPT_ACK, message)

    def decide(self, message: Message, lease: Lease | None) -> None:
        program = message.program
        pool = self.pools[program.product]
        if lease is None:
            self.demand[program.product] += 1  # CHOICE: a repeated request is no further demand
            if self.reserved.pop(program, None) is not None:
                pool.reserved -= 1
            elif pool.free <= 0:
                self.world.count_denial(program.product, message.client)
                if self.world.on_denial == "callback":
                    self.line_up(program)
                self.answer(DENY, message)
                return
            lease = Lease(self.world, self, program)
        lease.heard = self.world.now
        lease.token = max(lease.token, message.token)
        lease.left = lease.token <= program.abandoned
        lease.review()
        self.answer(GRANT, message, lease)

    def answer(self, kind: str, message: Message, lease: Lease | None = None) -> None:
        self.world.send(self, message.client, message.client.receive, kind, self, message, lease)

    def scan(self) -> None:
        settings = self.world.scenario["servers"]
        self.world.after(settings["scan_s"], self.scan)
        if "crash" not in self.world.faults.kinds(self):
            for lease in [lease for leases in self.leases.values() for lease in leases.values()]:
                if self.world.now - lease.heard >= settings["reclaim_after_s"]:
                    lease.end()

    def crash(self) -> None:
        self.queue.clear()
        self.requests_waiting = 0
        self.serving = None
        self.busy.set(0)
        if not self.world.scenario["servers"]["durable"]:
            for pool in self.pools:
                pool.callbacks = deque(pair for pair in pool.callbacks if pair[0] is not self)
            for program in self.reserved:
                self.pools[program.product].reserved -= 1
            self.reserved.clear()
            for lease in [lease for leases in self.leases.values() for lease in leases.values()]:
                lease.end()

    # Callbacks: a freed license is kept for the user first in line, who is told and asks as usual. Not
    # claimed within the grace time, it goes to the next in line, and the user is no longer in the line.

    def line_up(self, program: Program) -> None:
        """CHOICE: who asks again loses his place."""
        callbacks = self.pools[program.product].callbacks
        if (self, program) in callbacks:
            callbacks.remove((self, program))
        callbacks.append((self, program))

    def reserve(self, program: Program) -> None:
        self.reserved[program] = ticket = self.world.number()
        self.world.send(self, program.client, program.client.called, self, program)
        self.world.after(self.world.scenario["servers"]["callback_grace_s"], self.unreserve, program, ticket)

    def unreserve(self, program: Program, ticket: int) -> None:
        if self.reserved.get(program) == ticket:
            del self.reserved[program]
            pool = self.pools[program.product]
            pool.reserved -= 1
            pool.call_back()


# --- clients ------------------------------------------------------------------------------------------


class Item:
    """What a client says to its server when its turn comes: a request, or a heartbeat (no program)."""

    def __init__(self, order: int, program: Program | None = None):
        self.order, self.program = order, program
        self.rank = WAITING
        self.failures = 0

    @property
    def wanted(self) -> bool:
        return self.program is None or not self.program.ended


class Client:
    """A user's machine: slots that launch programs, and one link to one server at a time."""

    def __init__(self, world: "World", number: int, server: Server):
        self.world, self.number, self.server = world, number, server
        self.settings = world.scenario["clients"]
        self.slots: list[Program | None] = [None] * self.settings["programs"]
        self.waiting: list[Item] = []
        self.in_flight: Item | None = None
        self.token = 0  # of the latest message that is answered
        self.flight_token = 0  # of what is in flight
        self.tries_here = 0
        self.pausing = False  # before the same server is tried again
        self.offline = False
        self.online = True
        self.debts: set[Server] = set()  # servers to which a kept release is owed
        self.offering = False
        self.launch_streams = [world.stream("launch", number, slot) for slot in range(len(self.slots))]
        self.program_streams = [world.stream("program", number, slot) for slot in range(len(self.slots))]
        self.policy_stream = world.stream("policy", number)
        self.user_stream = world.stream("user", number)

    @property
    def programs(self) -> list[Program]:
        return sorted((p for p in self.slots if p is not None), key=lambda p: p.order)

    # Slots and programs

    def next_launch(self, slot: int, first: bool = False) -> None:
        """Closed: think, then launch. Open: the next arrival of this slot's own stream."""
        work = self.world.scenario["workload"]
        mean = work["launch_interval_s"] * (len(self.slots) if work["arrivals"] == "open" else 1)
        interval = draw(work["launch"], mean, work["launch_cv"], self.launch_streams[slot])
        if first and work["launch"] != "exponential":  # CHOICE: the others start at a random phase
            interval *= self.launch_streams[slot].random()
        self.world.at(self.world.profile.later(self.world.now, interval), self.launch, slot)

    def launch(self, slot: int) -> None:
        world, work = self.world, self.world.scenario["workload"]
        if work["arrivals"] == "open":
            self.next_launch(slot)
            if self.slots[slot] is not None:
                world.counts["suppressed"] += 1
                return
        world.counts["launches"] += 1
        stream = self.program_streams[slot]
        product = stream.choices(range(len(world.products)), [p["popularity"] for p in world.products])[0]
        run_time = draw(work["run_time"], work["run_time_s"], work["run_time_cv"], stream)
        program = self.slots[slot] = Program(self, slot, world.number(), product, run_time)
        self.ask(program)

    def ask(self, program: Program) -> None:
        """At the launch, and again after a denial."""
        if self.offline:
            self.without_answer(program)
            return
        # CHOICE: a run time of 0 ends at the grant, whatever the enforcement ("released as soon as granted")
        runs_at_once = self.settings["enforcement"] == "after-start"
        if runs_at_once and self.world.scenario["workload"]["run_time_s"] > 0:
            self.start(program)
        self.waiting.append(Item(program.order, program))
        self.turn()

    def start(self, program: Program) -> None:
        program.running = True
        program.review()
        self.world.after(program.run_time, self.run_out, program, program.runs)

    def run_out(self, program: Program, run: int) -> None:
        if program.running and program.runs == run:
            self.end(program)

    def end(self, program: Program) -> None:
        """Its request is taken back if it waits; one in flight is answered or fails all the same (CHOICE)."""
        program.ended, program.running = True, False
        program.wait(False)
        self.waiting = [item for item in self.waiting if item.program is not program]
        self.abandon(program)
        self.give_back(program)
        program.review()
        self.slots[program.slot] = None
        if self.world.scenario["workload"]["arrivals"] == "closed":
            self.next_launch(program.slot)

    def give_back(self, program: Program) -> None:
        """Its lease, by a release; kept for later if the lease's server seems to be away."""
        lease, program.lease = program.lease, None
        if lease is None:
            return
        if self.settings["release_old"] == "deferred" and not (self.online and lease.server is self.server):
            self.leave(lease)
        else:
            self.release(lease)

    def release(self, lease: Lease) -> None:
        """To the lease's server, wherever the client is now (CHOICE)."""
        message = Message(RELEASE, self, lease.program)
        lost = (self.world.notice, lease.server.forsaken, message)
        self.world.send(lease.server, self, lease.server.receive, message, lost=lost)

    def leave(self, lease: Lease) -> None:
        """The program has no more use for it, and its server is not told now."""
        self.world.notice(lease.leave)
        self.owe(lease.server)

    def abandon(self, program: Program) -> None:
        """No longer wait for the answer to what the program asked."""
        server, program.asked = program.asked, None
        if server is None:
            return
        if program.lease is None or program.lease.server is not server:
            self.world.notice(program.abandon, server, program.asked_token)
            if program.kept is not None:
                self.release(program.kept)
        program.kept = None
        if server is not self.server:
            self.owe(server)

    def owe(self, server: Server) -> None:
        """CHOICE: one timer for all debts of a client, so that a later debt waits less for its first offer."""
        if self.settings["release_old"] == "deferred":
            self.debts.add(server)
            if not self.offering:
                self.offering = True
                self.world.after(self.settings["deferred_retry_s"], self.offer)

    def offer(self) -> None:
        """Name to each server the slots that hold or await a lease there, so that it frees the rest."""
        self.offering = bool(self.debts)
        for server in sorted(self.debts, key=lambda server: server.number):
            self.token += 1
            message = Message(KEPT_RELEASE, self, names=self.held_at(server))
            self.world.send(server, self, server.receive, message)
        if self.offering:
            self.world.after(self.settings["deferred_retry_s"], self.offer)

    def held_at(self, server: Server) -> set[int]:
        """The slots that hold or await a lease there."""
        return {p.slot for p in self.programs if server in {p.asked, p.lease and p.lease.server}}

    def without_answer(self, program: Program) -> None:
        """The client is offline, so nobody is asked."""
        program.wait(False)
        if self.settings["offline"] == "deny":
            self.world.counts["gave_up"] += 1
            self.end(program)
            return
        if not program.unmetered:
            self.world.counts["unmetered_starts"] += 1
        program.unmetered = program.decided = True
        if not program.running:
            self.start(program)

    # The link

    def turn(self) -> None:
        """Send what is first in line, unless something is in flight or the link is at rest."""
        while self.in_flight is None and not self.pausing and not self.offline:
            if not self.waiting:
                self.online = True
                return
            item = min(self.waiting, key=lambda item: (item.rank, item.order))
            self.waiting.remove(item)
            if item.program is not None:
                self.attempt(item)
            elif self.holds_a_lease:
                names = self.held_at(self.server) if self.settings["heartbeat_names_leases"] else None
                self.transmit(item, Message(HEARTBEAT, self, names=names))

    @property
    def holds_a_lease(self) -> bool:
        return any(program.lease is not None for program in self.programs)

    def attempt(self, item: Item) -> None:
        world, program = self.world, item.program
        world.counts["attempts"] += 1
        sample_s = world.scenario["run"]["sample_s"]
        world.attempts_by_sample[math.floor((world.now - world.warmup_s) / sample_s)] += 1
        if program.asked is self.server:
            world.counts["retries"] += 1
        self.transmit(item, Message(REQUEST, self, program))
        program.asked, program.asked_token = self.server, self.token

    def transmit(self, item: Item, message: Message) -> None:
        self.in_flight = item
        self.token += 1
        message.token = self.flight_token = self.token
        self.world.send(self.server, self, self.server.receive, message)
        self.world.after(self.world.timeout_s, self.timed_out, self.token)

    def timed_out(self, token: int) -> None:
        if self.in_flight is not None and token == self.flight_token:
            self.failed("timeouts")

    def heartbeat(self) -> None:
        self.world.after(self.settings["heartbeat_s"], self.heartbeat)
        pending = [*self.waiting, self.in_flight] if self.in_flight else self.waiting
        if not self.offline and self.holds_a_lease and all(item.program is not None for item in pending):
            beat = Item(self.world.number())
            beat.rank = LAST
            self.waiting.append(beat)
            self.turn()

    def receive(self, kind: str, server: Server, message: Message, lease: Lease | None) -> None:
        if kind == KEPT_ACK:
            self.debts.discard(server)
        elif self.in_flight is None or message.token != self.flight_token:
            if kind == GRANT:
                self.late_grant(server, message.program, lease)
        elif kind in {REFUSED, OVERLOADED}:
            self.failed(kind)
        else:
            item, self.in_flight = self.in_flight, None
            self.tries_here = 0
            self.online = True
            if item.program is not None:
                item.program.asked = item.program.kept = None
            if kind == GRANT and item.wanted:
                self.take_up(item.program, lease)
            elif kind == GRANT:
                self.release(lease)
            elif kind == DENY and item.wanted:
                self.denied(item.program)
        self.turn()

    def late_grant(self, server: Server, program: Program, lease: Lease) -> None:
        """Released, unless the program holds or awaits a lease at that very server."""
        holds = program.lease is not None and program.lease.server is server
        if program.ended or not (holds or program.asked is server):
            self.release(lease)
        elif holds and lease.alive:
            program.lease = lease
            program.review()
        elif not holds:
            program.kept = lease

    def take_up(self, program: Program, lease: Lease) -> None:
        world = self.world
        world.counts["grants"] += 1
        if not program.decided:
            world.waits.append(world.now - program.launched)
        program.decided, program.unmetered = True, False
        program.wait(False)
        old, program.lease = program.lease, lease
        if old is not None and old.server is not lease.server:
            self.leave(old)
        if not program.running:
            self.start(program)
        program.review()

    def denied(self, program: Program) -> None:
        world = self.world
        if program.lease is not None:
            world.counts["evictions"] += 1
        if world.on_denial == "give-up":
            if not program.decided:
                world.waits.append(world.now - program.launched)
            self.end(program)
            return
        self.give_back(program)
        program.running = program.unmetered = False
        program.runs += 1
        program.review()
        program.wait(True)
        if world.on_denial == "retry":
            pause = self.user_stream.expovariate(1 / self.settings["retry_denied_s"])
            world.after(pause, self.ask, program)

        elif self.settings["callback_poll_s"]:
            world.after(self.settings["callback_poll_s"], self.poll, program, program.runs)

    def poll(self, program: Program, run: int) -> None:
        if program.waiting and program.runs == run and not self.is_asking(program):
            self.ask(program)

    def is_asking(self, program: Program) -> bool:
        items = [*self.waiting, self.in_flight] if self.in_flight else self.waiting
        return any(item.program is program for item in items)

    def called(self, server: Server, program: Program) -> None:
        """A callback: the user asks again, if the server that calls is his."""
        if program.waiting and not self.is_asking(program) and server is self.server and not self.offline:
            self.ask(program)

    def ask_anew(self) -> None:
        """At another server, or back from offline: who waits to be called back asks again."""
        if self.world.on_denial == "callback":
            for program in self.programs:
                if program.waiting and not self.is_asking(program):
                    self.ask(program)

    def failed(self, kind: str) -> None:
        item, self.in_flight = self.in_flight, None
        self.world.counts[kind] += 1
        self.tries_here += 1
        item.failures += 1
        if kind != OVERLOADED and self.tries_here == 1:
            self.owe(self.server)  # releases sent of late may not have arrived
        policies = self.world.scenario["policies"]
        action, seconds = on_failure(policies["failover"], self.tries_here, item.failures, self.policy_stream)
        self.online = False
        if action == RETRY:
            if item.wanted:
                item.rank = REPEATED
                self.waiting.append(item)
            self.pausing = True
            self.world.after(seconds, self.resume)
        elif action == FAIL_OVER:
            # a heartbeat that failed is not repeated
            if item.program is not None and item.wanted:
                self.waiting.append(item)
            self.fail_over()
        elif action == OFFLINE:
            self.go_offline(item, seconds)
        else:
            self.online = True
            if item.program is not None and item.wanted:
                self.give_up(item.program)
        self.turn()

    def give_up(self, program: Program) -> None:
        """A program that runs by right runs on (CHOICE)."""
        self.abandon(program)
        if program.lease is None and not program.unmetered:
            self.world.counts["gave_up"] += 1
            self.end(program)

    def resume(self) -> None:
        self.pausing = False
        self.turn()

    def fail_over(self) -> None:
        world = self.world
        selection, count = world.scenario["policies"]["selection"], len(world.servers)
        server = world.servers[next_server(selection, self.server.number, count, self.policy_stream)]
        if server is self.server:
            return  # CHOICE: the only server there is; not a change of server, and tries_here goes on
        world.counts["failovers"] += 1
        self.server = server
        self.tries_here = 0
        # CHOICE: a heartbeat that waits is dropped like one that failed
        items = {item.program: item for item in self.waiting if item.program is not None}
        for item in self.waiting:
            item.rank = WAITING
        for program in self.programs:
            self.abandon(program)
            if program.lease is None or not self.settings["rerequest"]:
                continue
            if program.lease.server is server:  # back where it came from
                items.pop(program, None)
            else:
                items.setdefault(program, Item(program.order, program)).rank = ELSEWHERE
        self.waiting = list(items.values())
        self.ask_anew()

    def go_offline(self, failed: Item, seconds: float) -> None:
        self.world.counts["offline_spells"] += 1
        self.offline = True
        items, self.waiting = sorted([*self.waiting, failed], key=lambda item: item.order), []
        for program in self.programs:
            self.abandon(program)
        for item in items:
            if item.program is not None and item.wanted and item.program.lease is None:
                self.without_answer(item.program)
        self.world.after(seconds, self.come_back)

    def come_back(self) -> None:
        """CHOICE: tries_here is as it was: only a good answer resets it."""
        self.offline = False
        self.waiting = [Item(program.order, program) for program in self.programs if program.running]
        for item in self.waiting:
            item.rank = WAITING if item.program.lease is None else ELSEWHERE
        self.ask_anew()
        self.turn()


# --- the world ----------------------------------------------------------------------------------------


class World:
    """One site: the event queue, the network, everybody on it, and what is measured."""

    def __init__(self, scenario: dict, seed: int):
        self.scenario, self.seed = scenario, seed
        self.now = 0.0
        self.events: list[tuple] = []
        self.serial = 0
        self.warmup_s = float(scenario["run"]["warmup_s"])
        self.timeout_s = scenario["clients"]["request_timeout_s"]
        self.on_denial = scenario["clients"]["on_denial"]
        self.products = scenario["products"]
        self.profile = Profile(scenario["workload"]["profile"], self.warmup_s)
        self.network_stream = self.stream("network")
        self.build_measures()
        self.build_servers()
        self.faults = Faults(self, scenario["faults"])
        self.at(self.warmup_s, self.start_measuring)
        self.build_clients()
        if scenario["policies"]["balancing"]["name"] == "periodic-demand":
            PeriodicDemand(self, scenario["policies"]["balancing"]["interval_s"])

    def build_measures(self) -> None:
        self.counts: Counter = Counter()
        self.attempts_by_sample: Counter = Counter()
        self.waits: list[float] = []
        self.queueing: list[float] = []
        self.in_use = Level(self)
        self.waiting_users = Level(self)
        self.unmetered = Level(self)
        self.ghosts = [Level(self) for _ in self.products]
        self.imbalance = [Level(self) for _ in self.products]

    def build_servers(self) -> None:
        settings, policies = self.scenario["servers"], self.scenario["policies"]
        self.servers = [Server(self, number) for number in range(settings["count"])]
        self.shared = policies["balancing"]["name"] == "shared-pool"
        weights = [1.0] * len(self.servers) if settings["split"] == "even" else settings["split"]
        for product, owned in enumerate(p["licenses"] for p in self.products):
            pool = Pool(self, product, owned)
            for server, part in zip(self.servers, shares(owned, weights), strict=True):
                server.pools.append(pool if self.shared else Pool(self, product, part))
        self.queue_limit = settings["queue_limit"] or math.inf
        if policies["admission"]["name"] == "bounded":
            self.queue_limit = min(self.queue_limit, policies["admission"]["limit"])
        if settings["reclaim_after_s"] and settings["scan_s"]:
            for server in self.servers:
                self.after(settings["scan_s"], server.scan)

    def build_clients(self) -> None:
        settings, stream = self.scenario["clients"], self.stream("assignment")
        assert self.scenario["workload"]["arrivals"] in {"closed", "open"}, "traces are not in the reference"
        clients, count, assignment = settings["count"], len(self.servers), settings["assignment"]
        homes = [number % count for number in range(clients)]
        if assignment == "random":
            homes = [stream.randrange(count) for _ in range(clients)]
        elif assignment != "round-robin":
            homes = [home for home, part in enumerate(shares(clients, assignment)) for _ in range(part)]
        self.clients = [Client(self, number, self.servers[home]) for number, home in enumerate(homes)]
        self.homes = {client: client.server for client in self.clients}
        self.clients_at = Counter(self.homes.values())
        self.measure_imbalance()
        for client in self.clients:
            for slot in range(settings["programs"]):
                client.next_launch(slot, first=True)
            if settings["heartbeat_s"]:
                phase = self.stream("heartbeat", client.number).random()
                self.after(settings["heartbeat_s"] * phase, client.heartbeat)

    def stream(self, *name) -> Random:
        """A stream of its own for each purpose and owner."""
        return Random("/".join(map(str, (self.seed, *name))))

    # Events and messages

    def number(self) -> int:
        self.serial += 1
        return self.serial

    def at(self, time: float, action, *args) -> None:
        if time < math.inf:
            heapq.heappush(self.events, (time, self.number(), action, args))

    def after(self, delay: float, action, *args) -> None:
        self.at(self.now + delay, action, *args)

    def run(self) -> None:
        end = self.warmup_s + self.scenario["run"]["duration_s"]
        while self.events and self.events[0][0] < end:
            self.now, _, action, args = heapq.heappop(self.events)
            action(*args)
        self.now = end

    def send(self, server: Server, other: Client | None, deliver, *args, lost: tuple | None = None) -> None:
        """One message between a server and a client or the site; `deliver(*args)` happens at its arrival."""
        network = self.scenario["network"]
        self.counts["messages"] += 1
        delay = network["latency_ms"] / 1000
        if network["jitter_ms"]:
            delay += self.network_stream.expovariate(1000 / network["jitter_ms"])
        chance = 1.0 if other is SITE else (1 - network["loss"]) * self.faults.delivered(server)
        if self.faults.separated(server, other) or (chance < 1 and self.network_stream.random() >= chance):
            self.lose(lost)
        else:
            self.after(delay, self.arrive, server, other, deliver, args, lost)

    def arrive(self, server: Server, other: Client | None, deliver, args: tuple, lost: tuple | None) -> None:
        if self.faults.separated(server, other):
            self.lose(lost)
        else:
            deliver(*args)

    def notice(self, action, *args) -> None:
        """The observer at the servers learns of a client one latency later."""
        self.after(self.scenario["network"]["latency_ms"] / 1000, action, *args)

    def lose(self, lost: tuple | None) -> None:
        self.counts["messages_lost"] += 1
        if lost is not None:
            lost[0](*lost[1:])

    # What is measured

    def start_measuring(self) -> None:
        self.counts.clear()
        self.attempts_by_sample.clear()
        self.waits.clear()
        self.queueing.clear()
        for server in self.servers:
            server.busy.restart()
        for level in [self.in_use, self.waiting_users, self.unmetered, *self.ghosts, *self.imbalance]:
            level.restart()

    def count_denial(self, product: int, client: Client) -> None:
        """The cause as an observer of all servers and all programs sees it at this instant."""
        with_free = [server for server in self.servers if server.pools[product].free > 0]
        if any(self.faults.reachable(server, client) for server in with_free):
            cause = "misplaced"
        elif with_free:
            cause = "stranded"
        else:
            cause = "ghost" if self.ghosts[product].value else "exhausted"
        self.counts["denials"] += 1
        self.counts[f"denials_{cause}"] += 1

    def hear_of(self, client: Client, server: Server) -> None:
        if self.homes[client] is not server:
            self.clients_at[self.homes[client]] -= 1
            self.clients_at[server] += 1
            self.homes[client] = server
            self.measure_imbalance()

    def measure_imbalance(self) -> None:
        if self.shared:
            return
        for product in range(len(self.products)):
            allocated = sum(server.pools[product].allocated for server in self.servers)
            licenses = [server.pools[product].allocated / max(1, allocated) for server in self.servers]
            demand = [self.clients_at[server] / len(self.clients) for server in self.servers]
            gaps = (abs(a - b) for a, b in zip(licenses, demand, strict=True))
            self.imbalance[product].set(sum(gaps) / 2 if allocated else 0.0)

    def storm_peak_ratio(self) -> float | None:
        """Of whole seconds, the highest at any server, over the mean before at that same server.

        CHOICE: before is the measured time before the first fault; the warm-up when there is none.
        """
        if self.faults.first == math.inf:
            return None
        first = self.faults.first - self.warmup_s

        def peak_of(server: Server) -> int:
            return max((n for second, n in server.arrivals.items() if second >= first), default=0)

        server = max(self.servers, key=peak_of)
        since = 0 if first > 0 else -self.warmup_s
        before = sum(n for second, n in server.arrivals.items() if since <= second < first)
        return peak_of(server) * (first - since) / before if before else None

    def metrics(self) -> dict[str, float | None]:
        duration, clients = self.scenario["run"]["duration_s"], len(self.clients)
        counts = {name: float(self.counts[name]) for name in COUNTS}
        decided = counts["grants"] + counts["denials"]
        abnormal = counts["denials"] - counts["denials_exhausted"]
        for level in [self.in_use, self.waiting_users, self.unmetered, *self.ghosts, *self.imbalance]:
            level.set(level.value)
        for server in self.servers:
            server.busy.set(server.busy.value)
        busy = [server.busy.area / duration for server in self.servers]
        width = self.scenario["run"]["sample_s"]
        rates = [n / clients / min(width, duration - k * width) for k, n in self.attempts_by_sample.items()]
        worst = max(rates, default=0.0)  # attempts per second of client time, in the worst bucket
        return {
            **counts,
            "denial_fraction": counts["denials"] / decided if decided else None,
            "abnormal_denial_fraction": abnormal / decided if decided else None,
            "unmetered_license_hours": self.unmetered.area / 3600,
            "amplification": counts["attempts"] / counts["launches"] if counts["launches"] else None,
            "goodput_per_s": counts["grants"] / duration,
            "storm_peak_ratio": self.storm_peak_ratio(),
            "imbalance_mean": max(level.area for level in self.imbalance) / duration,
            "imbalance_max": max(level.peak for level in self.imbalance),
            "ghost_license_hours": sum(level.area for level in self.ghosts) / 3600,
            "overissued": 0.0,  # each pool asserts it: no lease without a license
            "licenses_in_use_mean": self.in_use.area / duration,
            "waiting_users_mean": self.waiting_users.area / duration,
            **summary("wait_s", self.waits),
            **summary("queue_s", self.queueing),
            "server_utilization_mean": sum(busy) / len(busy),
            "server_utilization_max": max(busy),
            "client_busy_fraction": worst * self.scenario["clients"]["attempt_cpu_ms"] / 1000,
            "attempts_per_client_hour_peak": worst * 3600,
            "time_to_recover_s": None,
        }


def summary(name: str, values: list[float]) -> dict[str, float | None]:
    """Mean, percentiles (nearest rank) and maximum; null when there is nothing to sum up."""
    ranked = sorted(values)
    result: dict[str, float | None] = {f"{name}_mean": sum(ranked) / len(ranked) if ranked else None}
    for percent in (50, 95, 99):
        result[f"{name}_p{percent}"] = ranked[math.ceil(len(ranked) * percent / 100) - 1] if ranked else None
    result[f"{name}_max"] = ranked[-1] if ranked else None
    return result
