"""One closed-loop model of license clients, as eight programs that measure the same thing (bench/engine.py).

N clients, client c at server c mod 4. A client thinks for 60 s (exponential), asks its server for a license, holds
a granted one for 30 s (exponential) and releases it; a message takes 5 ms; a server has N / 40 licenses. The
events are the ends of thinking and holding and the arrivals of requests, answers and releases: five a granted
cycle, three a denied one. Denials are counted at the servers, grants at the clients. All clients begin thinking.

Every program's process reads lines "seconds seed" and answers each with a line "cpu_s events grants denials". The
CPU time is that of the simulation alone: imports, compiling, construction, every client's first timer, and what
comes after the last event do not count.
"""

import gc
import time
from collections.abc import Callable
from typing import NamedTuple

THINK_S, HOLD_S, LATENCY_S = 60.0, 30.0, 0.005
SERVERS = 4
CLIENTS_PER_LICENSE = 10
TIMEOUT_S = 1.0  # of a request, in the programs that set one; it never expires


class Sample(NamedTuple):
    """What one simulation took and counted."""

    cpu_s: float
    events: int
    grants: int
    denials: int


def licenses(clients: int) -> int:
    """Return how many licenses each server has."""
    return clients // (CLIENTS_PER_LICENSE * SERVERS)


def timed(run: Callable[[], object]) -> float:
    """Return the CPU seconds that `run` takes; the garbage collector leaves alone what was built before."""
    gc.collect()
    gc.freeze()
    started = time.process_time()
    run()
    spent = time.process_time() - started
    gc.unfreeze()
    return spent
