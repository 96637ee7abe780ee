"""What the engine needs at its limits: memory for a client, and speed and memory in a storm that never ends."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from .engine import OWN, BenchError, Program, worker

CALM, STORM = OWN[0], Program("meterstorm_storm", "Meterstorm, every server away", "meterstorm")

# The smallest world that the programs accept: the memory of a process without clients.
FEW_CLIENTS = 40

# Two mean think times: most clients have launched and are either back or retrying.
SECONDS = 120.0
LONGER = 4.0


@dataclass(frozen=True)
class Storm:
    """Events per CPU second in the calm and in the storm, and peak memory (bytes) of a storm and a longer one."""

    clients: int
    calm_rate: float
    storm_rate: float
    memory: int
    memory_longer: int


def bytes_per_client(clients: int, seconds: float = SECONDS) -> float:
    """Return the growth of the peak resident set per client, bytes, between few clients and `clients`."""
    empty, full = _peak(CALM, FEW_CLIENTS, seconds), _peak(CALM, clients, seconds)
    return (full - empty) / (clients - FEW_CLIENTS)


def storm(
    clients: int,
    repetitions: int,
    seconds: float = SECONDS,
    on_progress: Callable[[float], None] = lambda done: None,
) -> Storm:
    """Measure the calm and the storm in turns, then the memory that storms of two lengths take.

    `on_progress` is told how many of the `repetitions` turns are done.
    """
    with worker(CALM, clients) as calm, worker(STORM, clients) as wild:
        rates: Sequence[list[float]] = ([], [])
        for repetition in range(repetitions):
            for found, started in zip(rates, (calm, wild), strict=True):
                sample = started.ask(seconds, repetition)
                found.append(sample.events / sample.cpu_s)
            on_progress(repetition + 1)
    peaks = _peak(STORM, clients, seconds), _peak(STORM, clients, seconds * LONGER)
    return Storm(clients, median(rates[0]), median(rates[1]), *peaks)


def _peak(program: Program, clients: int, seconds: float) -> int:
    with worker(program, clients) as started:
        started.ask(seconds, 0)
        found = started.peak_memory_bytes()
    if found is None:
        raise BenchError("the peak memory of a process is known only where there is /proc (Linux)")
    return found
