"""The model in plain Python: one loop, one heap of tuples."""

import random
from heapq import heapify, heappop, heappush

from . import HOLD_S, LATENCY_S, SERVERS, THINK_S, Sample, licenses, timed

LAUNCH, REQUEST, GRANT, DENY, END, RELEASE = range(6)


def simulate(clients: int, seconds: float, seed: int) -> Sample:
    """Simulate for `seconds`."""
    exponential = random.Random(seed).expovariate
    free = [licenses(clients)] * SERVERS
    heap = [(exponential(1 / THINK_S), c, c, LAUNCH) for c in range(clients)]
    heapify(heap)
    events = grants = denials = 0

    def run() -> None:
        nonlocal events, grants, denials
        serial = clients
        while True:
            now, _, client, kind = heappop(heap)
            if now >= seconds:
                return
            events += 1
            serial += 1
            if kind == LAUNCH:
                heappush(heap, (now + LATENCY_S, serial, client, REQUEST))
            elif kind == REQUEST:
                if free[client % SERVERS]:
                    free[client % SERVERS] -= 1
                    heappush(heap, (now + LATENCY_S, serial, client, GRANT))
                else:
                    denials += 1
                    heappush(heap, (now + LATENCY_S, serial, client, DENY))
            elif kind == DENY:
                heappush(heap, (now + exponential(1 / THINK_S), serial, client, LAUNCH))
            elif kind == GRANT:
                grants += 1
                heappush(heap, (now + exponential(1 / HOLD_S), serial, client, END))
            elif kind == END:
                heappush(heap, (now + LATENCY_S, serial, client, RELEASE))
                serial += 1
                heappush(heap, (now + exponential(1 / THINK_S), serial, client, LAUNCH))
            else:
                free[client % SERVERS] += 1

    return Sample(timed(run), events, grants, denials)
