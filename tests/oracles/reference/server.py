"""A server: one worker and its queue."""

import math
from collections import Counter, deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from oracles.reference.callbacks import Callbacks
from oracles.reference.draws import draw
from oracles.reference.granting import Granting
from oracles.reference.level import Level
from oracles.reference.messages import (
    CONNECT,
    CONNECTED,
    HEARTBEAT,
    OVERLOADED,
    PROBE,
    REFUSED,
    RELEASE,
    REQUEST,
    Message,
)
from oracles.reference.peers import Peers
from oracles.reference.sharing import Shares
from oracles.reference.terms import Tenure

if TYPE_CHECKING:
    from oracles.reference.client import Client
    from oracles.reference.licenses import Lease, Pool
    from oracles.reference.program import Program
    from oracles.reference.world import World


class Server:
    """One worker, one queue, a pool for each product."""

    def __init__(self, world: "World", number: int):
        self.world, self.number = world, number
        self.pools: list[Pool] = []
        self.leases: dict[Client, dict[Program, Lease]] = {}
        self.demand: Counter = Counter()
        self.granting, self.callbacks, self.shares = Granting(self), Callbacks(self), Shares(self)
        self.peers, self.tenure = Peers(self), Tenure(self)
        self.arrivals: Counter = Counter()  # by whole second of the measured time
        self.early: list[float] = []  # arrivals before the first fault
        self.back_at = -math.inf  # when its latest crash was over
        self.peak = 0  # most in a second, of those that have some from the first fault on
        self.queue: deque[tuple[float, Message]] = deque()
        self.requests_waiting = 0
        self.standing = 0.0  # since when something has waited
        self.connected: list[Message] = []  # whose connections a crash resets
        self.serving: Message | None = None
        self.over, self.left = math.inf, 0.0  # when its service ends; infinite in a stall, with so much work left
        self.overdue: list[tuple] = []  # timers that have gone off in a stall
        self.busy = Level(world)
        self.stream = world.stream("service", number)

    def receive(self, message: Message) -> None:
        world, refuses = self.world, self.world.faults.refuses(self)
        if message.kind == RELEASE:
            if refuses:
                world.network.lose((self.granting.forsaken, message))
                return
            self.granting.forsaken(message)
        self.count_arrival()
        if refuses:
            self.answer(REFUSED, message)
            return
        if message.kind == CONNECT and not self.connects(message):
            return
        if message.kind in {REQUEST, HEARTBEAT, PROBE, CONNECT}:
            world.balance.hear_of(message.client, self)
        if self.is_full and message.kind == REQUEST and not world.faults.stalls(self):
            self.answer(OVERLOADED, message)
        else:
            self.line_up(message)

    def count_arrival(self) -> None:
        now, second = self.world.now, math.floor(self.world.now - self.world.warmup_s)
        self.arrivals[second] += 1
        if now < self.world.faults.first:
            self.early.append(now)
        else:
            self.peak = max(self.peak, self.arrivals[second])

    def connects(self, message: Message) -> bool:
        """Whether there is room for a connection to wait; if so, its client is told at once."""
        backlog = self.world.scenario["servers"]["backlog"]
        if backlog and sum(waiting.kind == CONNECT for _, waiting in self.queue) >= backlog:
            self.world.measures.counts["connects_dropped"] += 1
            return False
        self.connected.append(message)
        if self.answer(CONNECTED, message):
            self.peers.opened(message.client, message.token)
        return True

    @property
    def is_full(self) -> bool:
        return self.serving is not None and self.requests_waiting >= self.world.queue_limit

    def line_up(self, message: Message) -> None:
        self.requests_waiting += message.kind == REQUEST
        entry = self.world.now, message
        if not self.queue:
            self.standing = self.world.now
        if self.world.now - self.standing >= self.world.lifo_after_s:
            self.queue.appendleft(entry)
        else:
            self.queue.append(entry)
        self.work()

    def work(self) -> None:
        while self.serving is None and self.queue and not self.world.faults.stalls(self):
            arrived, message = self.queue.popleft()
            if message.kind == REQUEST:
                self.requests_waiting -= 1
                self.world.measures.queueing.append(self.world.now - arrived)
            self.serve(message, self.service_time(message.kind))

    def service_time(self, kind: str) -> float:
        settings = self.world.scenario["servers"]
        small_talk = settings["heartbeat_cost"]
        costs = {REQUEST: 1.0, HEARTBEAT: small_talk, PROBE: small_talk, CONNECT: settings["connect_cost"]}
        mean = settings["service_ms"] / 1000 * costs.get(kind, settings["release_cost"])
        return draw(settings["service"], mean, 1.0, self.stream) * self.world.faults.slowdown(self)

    def serve(self, message: Message, time: float) -> None:
        if time == 0:
            self.serve_now(message)
        else:
            self.serving = message
            self.busy.set(1)
            self.carry_on(time)

    def carry_on(self, time: float) -> None:
        """So much work is left of what is in service."""
        self.over = self.world.now + time
        self.world.after(time, self.finish, self.serving, self.over)

    def pause(self) -> None:
        """A stall begins; while another one holds, nothing is over any more."""
        if self.serving is not None and self.over < math.inf:
            self.left, self.over = self.over - self.world.now, math.inf

    def resume(self) -> None:
        """A stall ends: what was in service goes on, and the queue moves again."""
        if self.serving is not None and self.over == math.inf:
            self.carry_on(self.left)
        self.work()
        overdue, self.overdue = self.overdue, []
        for action, *arguments in overdue:
            action(*arguments)

    def puts_off(self, action: Callable[..., None], *arguments: object) -> bool:
        """Whether a timer's action has to wait until a stall ends."""
        is_stalled = self.world.faults.stalls(self)
        if is_stalled:
            self.overdue.append((action, *arguments))
        return is_stalled

    def finish(self, message: Message, time: float) -> None:
        if self.serving is not message or self.over != time:
            return  # a crash or a stall has intervened
        self.serving = None
        self.busy.set(0)
        self.serve_now(message)
        self.work()

    def serve_now(self, message: Message) -> None:
        if message.kind != CONNECT:
            self.granting.handle(message)
            self.peers.free(message.client)

    def answer(self, kind: str, message: Message, lease: "Lease | None" = None) -> bool:
        client = message.client
        return self.world.network.send(self, client, client.link.receive, kind, self, message, lease)

    def crash(self) -> None:
        connected, self.connected = self.connected, []
        for message in connected:
            self.world.network.notice(message.client.link.connection.reset, self, message.token)
        self.queue.clear()
        self.requests_waiting = 0
        self.serving = None
        self.busy.set(0)
        if self.world.scenario["servers"]["durable"]:
            self.peers.crash()
        else:
            self.callbacks.forget()
            self.granting.forget()
