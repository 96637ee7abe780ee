"""The model in the fastest style of SimPy: a generator a client, which changes its server's pool itself."""

import random
from collections.abc import Iterator

import simpy

from . import HOLD_S, LATENCY_S, SERVERS, THINK_S, Sample, licenses, timed


def simulate(clients: int, seconds: float, seed: int) -> Sample:
    """Simulate for `seconds`."""
    env = simpy.Environment()
    timeout = env.timeout
    exponential = random.Random(seed).expovariate
    free = [licenses(clients)] * SERVERS
    events = grants = denials = 0

    def client(server: int) -> Iterator[simpy.Event]:
        nonlocal events, grants, denials

        def released(_: simpy.Event) -> None:
            nonlocal events
            events += 1
            free[server] += 1

        while True:
            yield timeout(exponential(1 / THINK_S))
            events += 1
            yield timeout(LATENCY_S)
            events += 1
            granted = free[server] > 0
            if granted:
                free[server] -= 1
            else:
                denials += 1
            yield timeout(LATENCY_S)
            events += 1
            if granted:
                grants += 1
                yield timeout(exponential(1 / HOLD_S))
                events += 1
                timeout(LATENCY_S).callbacks.append(released)

    for c in range(clients):
        env.process(client(c % SERVERS))
    env.run(until=1e-9)  # every client sets its first timer
    return Sample(timed(lambda: env.run(until=seconds)), events, grants, denials)
