"""One server behind an admission policy, in plain Python; no engine."""

from typing import Any

import numpy as np
from meterstorm.policies import ARRIVED, DEQUEUED, Arrival
from meterstorm.policies.admission import ask, asks_at_dequeue
from meterstorm.policies.registry import resolve


class Server:
    """It has one worker, and requests take a time each."""

    def __init__(self, name: str, service_s: float, **parameters: float):
        self.policy, self.service_s = resolve("admission", name, parameters), service_s
        self.memory, self.free_at_s = np.zeros(int(self.policy.memory_size)), 0.0
        self.queue: list[float] = []
        self.waits: list[float] = []
        self.turned_away, self.numbers = 0, np.random.default_rng(1)

    def asks(self, kind: int, now_s: float, waited_s: float = 0.0) -> bool:
        busy = int(now_s < self.free_at_s)
        view = Arrival(now_s, len(self.queue), busy, 9, kind, waited_s, self.service_s)
        is_admitted = ask(self.policy, view, self.memory, self.numbers.random()).admitted == 1
        self.turned_away += not is_admitted
        return is_admitted

    def serve_until(self, now_s: float) -> None:
        while self.queue and self.free_at_s <= now_s:
            arrived_s = self.queue.pop(0)
            begins_s = max(arrived_s, self.free_at_s)
            if not asks_at_dequeue(type(self.policy)) or self.asks(DEQUEUED, begins_s, begins_s - arrived_s):
                self.waits.append(begins_s - arrived_s)
                self.free_at_s = begins_s + self.service_s

    def gets(self, times: Any) -> None:
        for now_s in times:
            self.serve_until(now_s)
            if self.asks(ARRIVED, now_s):
                self.queue.append(now_s)
                self.serve_until(now_s)
        self.serve_until(np.inf)
