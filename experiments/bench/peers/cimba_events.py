"""The model in cimba's fastest form: a spawned record a client, and scheduled events.

A coroutine for each client (cimba's process form) is slower, and fails near 32,000 of them (vm.max_map_count).
"""

import ctypes

import cimba as cb
from cimba import random

from . import HOLD_S, LATENCY_S, SERVERS, THINK_S, Sample, licenses

# CPU time of this process in microseconds (C11 7.27.2.1 with POSIX's CLOCKS_PER_SEC). The compiled model reads it
# itself, since cimba spawns the clients and simulates in one call.
clock = ctypes.CDLL(None).clock
clock.restype = ctypes.c_long
clock.argtypes = []


class Site(cb.Model):
    """The servers, and the counts."""

    clients: int
    seconds: float
    free: cb.Array[int]
    started: int = 0
    events: cb.Output[int]
    grants: cb.Output[int]
    denials: cb.Output[int]
    cpu_us: cb.Output[int]

    @cb.on_start
    def start(self) -> None:
        """Set every client's first timer."""
        for c in range(self.clients):
            client = cb.spawn(Client, site=self, server=c % SERVERS)
            cb.schedule(client.launch, random.exponential(THINK_S))
        cb.schedule(self.stop, self.seconds)
        self.started = clock()

    @cb.event
    def stop(self) -> None:
        """End the simulation."""
        self.cpu_us = clock() - self.started
        cb.end_trial()


class Client(cb.Model):
    """A client, and what happens to its messages."""

    site: cb.Ref[Site]
    server: int

    @cb.event
    def launch(self) -> None:
        """The user has thought enough."""
        self.site.events += 1
        cb.schedule(self.request, LATENCY_S)

    @cb.event
    def request(self) -> None:
        """The request is at the server."""
        self.site.events += 1
        if self.site.free[self.server] > 0:
            self.site.free[self.server] -= 1
            cb.schedule(self.grant, LATENCY_S)
        else:
            self.site.denials += 1
            cb.schedule(self.deny, LATENCY_S)

    @cb.event
    def grant(self) -> None:
        """The grant is here."""
        self.site.events += 1
        self.site.grants += 1
        cb.schedule(self.end, random.exponential(HOLD_S))

    @cb.event
    def deny(self) -> None:
        """The denial is here."""
        self.site.events += 1
        cb.schedule(self.launch, random.exponential(THINK_S))

    @cb.event
    def end(self) -> None:
        """The program ends."""
        self.site.events += 1
        cb.schedule(self.give_back, LATENCY_S)
        cb.schedule(self.launch, random.exponential(THINK_S))

    @cb.event
    def give_back(self) -> None:
        """The release is at the server."""
        self.site.events += 1
        self.site.free[self.server] += 1


def simulate(clients: int, seconds: float, seed: int) -> Sample:
    """Simulate for `seconds`."""
    site = Site()
    site.clients = clients
    site.seconds = seconds
    site.free = cb.Array([licenses(clients)] * SERVERS)
    result = cb.Experiment(site, seed=seed).run(workers=1, on_failure="raise")[site]
    cpu_us, *counts = (
        int(getattr(result, name).values[0, 0]) for name in ("cpu_us", "events", "grants", "denials")
    )
    return Sample(cpu_us / 1e6, *counts)
