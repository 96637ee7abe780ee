"""What a run needs of a backend: how its server is started, what it is asked, and what it answers.

A backend is one file in this room that provides a `Backend`, and an entry in registry.py.
"""

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from .family import cpu_s

# What a service still has when it is killed; each backend has these two, and maybe others.
NOTHING, ALWAYS = "nothing", "fsync always"
STEPS_MAX = 1000  # that are carried out or not as one: a stall may leave a turn with very many
PID = "pid"  # file of a service's folder: the process that was started last

Leases = dict[tuple[int, int, int], tuple[int, int]]  # client, slot, program: product, number of licenses


class Missing(Exception):
    """There is no such server on this machine, no Python client of it, or it cannot be run here."""


class Gone(Exception):
    """It has ended, or does not answer; what was under way may have been carried out or not."""


def missing(what: str) -> Missing:
    """Return the error for what the extra would install."""
    return Missing(f"there is no {what}; pip install 'meterstorm[real]' installs one")


def need_linux(name: str) -> None:
    """Raise Missing elsewhere: a service's CPU time is that of its processes in /proc."""
    if sys.platform != "linux":
        raise Missing(f"{name} is run on Linux only; this is {sys.platform}")


class Step(NamedTuple):
    """What is asked: one message of a client, or a scan."""

    what: str  # request, release, renew, reclaim or probe
    client: int
    slot: int
    program: int
    attempt: int
    now: int  # ns
    value: int
    more: int


def parts(steps: Sequence[Step]) -> Iterator[Sequence[Step]]:
    """Yield steps in order, at most STEPS_MAX at a time."""
    for begin in range(0, len(steps), STEPS_MAX):
        yield steps[begin : begin + STEPS_MAX]


class Service(ABC):
    """A connection to a service; all methods raise Gone."""

    def __init__(self, folder: Path) -> None:
        """Connect to nothing yet; the folder is that of the service's process."""
        self.folder = folder
        self._known = ""

    def begin(self, free: Sequence[int]) -> None:
        """Have free licenses of each product, unless it has kept what it had."""
        self.fill(free)
        self._known = self._pid()

    def is_another(self) -> bool:
        """Whether a process answers, and it is not the one that `begin` was told of."""
        return self._pid() != self._known and self.answers()

    def answers(self) -> bool:
        """Whether it takes steps."""
        try:
            self.ping()
        except Gone:
            return False
        return True

    def cpu_s(self) -> float:
        """Return the CPU time that its processes have used."""
        try:
            return cpu_s(int(self._pid()))
        except OSError as error:
            raise Gone(str(error)) from error

    @abstractmethod
    def ping(self) -> None:
        """Return when it takes steps."""

    @abstractmethod
    def fill(self, free: Sequence[int]) -> None:
        """Do what `begin` says."""

    @abstractmethod
    def carry_out(self, steps: Sequence[Step]) -> list[int]:
        """Carry steps out, in order, and return what each one gave; if it is killed, the first few may be done."""

    @abstractmethod
    def done(self) -> int:
        """Return how many steps have been carried out, of those that it knows of."""

    @abstractmethod
    def leases(self) -> Leases:
        """Return all leases."""

    @abstractmethod
    def close(self) -> None:
        """End the connection."""

    def _pid(self) -> str:
        return (self.folder / PID).read_text()


class Backend(NamedTuple):
    """A kind of server that can decide in place of the model's."""

    name: str  # of its program, for messages
    modes: tuple[str, ...]  # what it may keep; NOTHING and ALWAYS are among them
    find: Callable[[], str]  # return the path of its program; raises Missing
    ready: Callable[
        [str, Path, str], list[str]
    ]  # make a folder ready for a mode; return the command to start it there
    connect: Callable[[Path], Service]
