"""The arrivals at a server, on disk before they are handled: they determine its whole state.

The engine is deterministic, so a process that replaces a killed one rebuilds its leases, queue and counters from
its arrivals. They are in SQLite, with a write-ahead log: those of one turn of the node's loop are one transaction,
committed before any answer to them leaves. With `synchronous = OFF` they survive when the process is killed, but
may not survive a power failure (https://sqlite.org/pragma.html#pragma_synchronous).
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from ..shards.sealed import CheckpointError


class Arrived(NamedTuple):
    """A frame that has come."""

    reached: int  # the time up to which the server had handled its events then, ns
    source: int  # node
    kind: int  # of frame
    payload: bytes


class Account(NamedTuple):
    """What a server's processes, one after the other, have spent and counted by a commit."""

    reached: int = 0  # as of an arrival
    cpu_s: float = 0.0
    messages: int = 0  # this and what follows as in measures.NodeMeasures
    late_messages: int = 0
    late_ns: int = 0
    unsent: int = 0
    back_late_s: float = 0.0


class Arrivals:
    """The arrivals at one server, in order; all methods raise CheckpointError where the file cannot be used."""

    def __init__(self, file: Path) -> None:
        self._file = file
        with self._usable():
            self._db = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = OFF")
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS arrivals (n INTEGER PRIMARY KEY, reached INTEGER, source INTEGER,"
                " kind INTEGER, payload BLOB)"
            )
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS accounts (n INTEGER PRIMARY KEY, reached INTEGER, cpu_s REAL,"
                " messages INTEGER, late_messages INTEGER, late_ns INTEGER, unsent INTEGER, back_late_s REAL)"
            )

    def keep(self, arrivals: list[Arrived], account: Account) -> None:
        """Commit some, and with them what has been spent and counted so far."""
        with self._usable():
            self._db.execute("BEGIN")
            self._db.executemany(
                "INSERT INTO arrivals (reached, source, kind, payload) VALUES (?, ?, ?, ?)", arrivals
            )
            self._db.execute(
                f"INSERT INTO accounts ({', '.join(Account._fields)}) VALUES (?, ?, ?, ?, ?, ?, ?)", account
            )
            self._db.execute("COMMIT")

    def __iter__(self) -> Iterator[Arrived]:
        with self._usable():
            rows = self._db.execute("SELECT reached, source, kind, payload FROM arrivals ORDER BY n")
            while row := rows.fetchone():
                yield Arrived(*row)

    def accounts(self) -> list[Account]:
        """Return those of all commits, in order."""
        with self._usable():
            rows = self._db.execute(f"SELECT {', '.join(Account._fields)} FROM accounts ORDER BY n")
            return [Account(*row) for row in rows]

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def _usable(self) -> Iterator[None]:
        """Name the file where SQLite fails, as on a full disk."""
        try:
            yield
        except sqlite3.Error as error:
            raise CheckpointError(f"{self._file}: {error}") from error
