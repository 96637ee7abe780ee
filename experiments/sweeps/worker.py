"""A worker: a process that runs the chunks it is sent, until no more come.

It is started fresh, not forked, so that a script, a notebook or a Ray job can start one from anywhere.
"""

import os
import sys
from contextlib import suppress
from multiprocessing.connection import Connection
from queue import SimpleQueue
from threading import Thread

from .chunks import Chunk, Common, run_chunk


def main(descriptor: int) -> None:
    """Answer chunks that arrive over a connection; exit when the process at the other end does."""
    connection = Connection(descriptor)
    try:
        common: Common = connection.recv()
    except (EOFError, OSError):
        return
    chunks: SimpleQueue[Chunk] = SimpleQueue()
    Thread(target=_receive, args=(connection, chunks), daemon=True).start()
    while True:
        done = run_chunk(common, chunks.get())
        with suppress(OSError):  # nobody hears it any more, which the thread is about to notice
            connection.send(done)


def _receive(connection: Connection, chunks: "SimpleQueue[Chunk]") -> None:
    """Take in chunks as they come; the parent's end is this process's end, even in the middle of a world."""
    try:
        while True:
            chunks.put(connection.recv())
    except (EOFError, OSError):
        os._exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]))
