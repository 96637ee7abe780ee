"""The arrivals at a server, on disk before they are handled: what it is is a function of them.

The engine is deterministic, so a process that takes a killed one's place has its leases, its queue and its
counters from its arrivals. They are in SQLite, with a write-ahead log: those of one turn of the node's loop are
one transaction, committed before any answer to them leaves. With `synchronous = OFF` the system has them when the
process is killed; a machine that loses its power may not (https://sqlite.org/pragma.html#pragma_synchronous).
"""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple


class Arrival(NamedTuple):
    """A frame that has come."""

    reached: int  # the time up to which the server had handled its events then, ns
    source: int  # node
    kind: int  # of frame
    payload: bytes


class Arrivals:
    """The arrivals at one server, in order."""

    def __init__(self, file: Path) -> None:
        self._db = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS arrivals (n INTEGER PRIMARY KEY, reached INTEGER, source INTEGER,"
            " kind INTEGER, payload BLOB, cpu_s REAL)"
        )

    def keep(self, arrivals: list[Arrival], cpu_s: float) -> None:
        """Commit some; `cpu_s` is what the process has spent so far."""
        self._db.execute("BEGIN")
        self._db.executemany(
            "INSERT INTO arrivals (reached, source, kind, payload, cpu_s) VALUES (?, ?, ?, ?, ?)",
            [(*arrival, cpu_s) for arrival in arrivals],
        )
        self._db.execute("COMMIT")

    def __iter__(self) -> Iterator[Arrival]:
        for row in self._db.execute("SELECT reached, source, kind, payload FROM arrivals ORDER BY n"):
            yield Arrival(*row)

    def cpu_s(self) -> float:
        """Return what the processes before this one had spent at the last commit."""
        (spent,) = self._db.execute("SELECT max(cpu_s) FROM arrivals").fetchone()
        return float(spent or 0.0)

    def close(self) -> None:
        """Close the file."""
        self._db.close()
