"""A pool of worker processes on this machine: it loses no chunk when one of them dies, and blames the right world.

On one machine it takes the place of Ray's tasks, since Ray would take seconds to start.
"""

import os
import signal
import subprocess
import sys
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, Pipe, wait
from typing import NamedTuple, Self

from .chunks import Chunk, Common, Done, WorldKey

AHEAD = 2  # chunks that a worker has, so that it never waits for the next one
TRIES = 2  # that a world gets whose process died
STANDARD_ERROR = 2  # where what policies print goes: standard output is the command's own
EXIT_S = 30.0  # in which a process is gone that has closed its connection


class Lost(NamedTuple):
    """Why a chunk of one world has no answer: its process died each time it was tried."""

    reason: str


class _Worker:
    """A process, and the chunks that it has been given and not answered."""

    def __init__(self, common: Common) -> None:
        self.connection, theirs = Pipe()
        command = [sys.executable, "-P", "-m", f"{__package__}.worker", str(theirs.fileno())]
        # Modules come from where they come from here, and from the current folder only if they do so here.
        places = os.environ | {"PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}
        with _deaf_to_interrupts():
            self.process = subprocess.Popen(
                command,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=STANDARD_ERROR,
                env=places,
            )
        theirs.close()
        self.chunks: deque[Chunk] = deque()
        self._send(common)

    def give(self, chunk: Chunk) -> None:
        """Have a chunk run; it is kept until it is answered, whether the process lives or not."""
        self.chunks.append(chunk)
        self._send(chunk)

    def _send(self, value: Common | Chunk) -> None:
        with suppress(OSError):  # it has died, which its connection will tell
            self.connection.send(value)

    def end(self) -> int:
        """End the process, if it has not ended; return its status, below 0 for a signal."""
        self.connection.close()
        self.process.kill()
        return self.process.wait()


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Have processes started here not hear a terminal's Ctrl-C, not even while they start: it is the parent's."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class PoolError(Exception):
    """A worker has ended by itself; it catches what a world does wrong, so this is no world's doing."""


class Pool:
    """Workers, and the chunks that still have to be given to one; used as a context."""

    def __init__(self, count: int, common: Common) -> None:
        self._common, self._count = common, count
        self._workers: dict[Connection, _Worker] = {}
        self._waiting: deque[Chunk] = deque()  # given back by workers that died
        self._tried: Counter[tuple[WorldKey, ...]] = Counter()

    def run(self, chunks: Iterator[Chunk]) -> "Iterator[tuple[Chunk, Done | Lost]]":
        """Run chunks; yield each with its answer, in any order; one that killed its process is tried by worlds.

        Raises PoolError.
        """
        while True:
            self._fill(chunks)
            if not self._workers:
                return
            for connection in wait(list(self._workers)):
                worker = self._workers[connection]  # type: ignore[index]
                try:
                    answer = worker.connection.recv()
                except (EOFError, OSError):
                    yield from self._bury(worker)
                    continue
                yield worker.chunks.popleft(), answer

    def _fill(self, chunks: Iterator[Chunk]) -> None:
        """Give every worker AHEAD chunks, start workers while there is work, and end those that have none."""
        for _ in range(AHEAD):
            for worker in list(self._workers.values()):
                if len(worker.chunks) < AHEAD and (chunk := self._next(chunks)) is not None:
                    worker.give(chunk)
            while len(self._workers) < self._count and (chunk := self._next(chunks)) is not None:
                worker = _Worker(self._common)
                self._workers[worker.connection] = worker
                worker.give(chunk)
        for connection, worker in list(self._workers.items()):
            if not worker.chunks:
                del self._workers[connection]
                worker.end()

    def _next(self, chunks: Iterator[Chunk]) -> Chunk | None:
        return self._waiting.popleft() if self._waiting else next(chunks, None)

    def _bury(self, worker: _Worker) -> "Iterator[tuple[Chunk, Lost]]":
        """Take the chunks of a dead worker back; the first of them was running."""
        del self._workers[worker.connection]
        status = worker.process.wait(EXIT_S)
        worker.end()
        if status > 0:
            raise PoolError(f"a worker process has ended with status {status}; its own words are above")
        culprit, *others = worker.chunks
        self._waiting.extend(others)
        self._tried[culprit.worlds] += 1
        if len(culprit.worlds) > 1:
            self._waiting.extend(_by_worlds(culprit))
        elif self._tried[culprit.worlds] < TRIES:
            self._waiting.append(culprit)
        else:
            yield culprit, Lost(f"its process was ended by signal {-status}, {TRIES} times")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        for worker in self._workers.values():
            worker.end()


def _by_worlds(chunk: Chunk) -> Iterator[Chunk]:
    for world in chunk.worlds:
        yield Chunk((world,), {world.point: chunk.settings[world.point]})
