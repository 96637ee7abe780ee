"""The model in SimPy's usual style: messages to a server's inbox, an answer that races with a time-out."""

import random
from collections.abc import Iterator

import simpy

from . import HOLD_S, LATENCY_S, SERVERS, THINK_S, TIMEOUT_S, Sample, licenses, timed

RELEASE = None  # the message that is not a request


def simulate(clients: int, seconds: float, seed: int) -> Sample:
    """Simulate for `seconds`."""
    env = simpy.Environment()
    exponential = random.Random(seed).expovariate
    events = grants = denials = 0

    def send(inbox: simpy.Store, message: simpy.Event | None) -> None:
        env.timeout(LATENCY_S).callbacks.append(lambda _: inbox.put(message))

    def answer(reply: simpy.Event, granted: bool) -> None:
        env.timeout(LATENCY_S).callbacks.append(lambda _: reply.succeed(granted))

    def server(inbox: simpy.Store) -> Iterator[simpy.Event]:
        nonlocal events, denials
        free = licenses(clients)
        while True:
            reply = yield inbox.get()
            events += 1
            if reply is RELEASE:
                free += 1
            elif free:
                free -= 1
                answer(reply, True)
            else:
                denials += 1
                answer(reply, False)

    def client(inbox: simpy.Store) -> Iterator[simpy.Event]:
        nonlocal events, grants
        while True:
            yield env.timeout(exponential(1 / THINK_S))
            events += 1
            reply = env.event()
            send(inbox, reply)
            yield reply | env.timeout(TIMEOUT_S)
            events += 1
            if reply.value:
                grants += 1
                yield env.timeout(exponential(1 / HOLD_S))
                events += 1
                send(inbox, RELEASE)

    inboxes = [simpy.Store(env) for _ in range(SERVERS)]
    for inbox in inboxes:
        env.process(server(inbox))
    for c in range(clients):
        env.process(client(inboxes[c % SERVERS]))
    env.run(until=1e-9)  # every client sets its first timer
    return Sample(timed(lambda: env.run(until=seconds)), events, grants, denials)
