"""A third-party server that we run ourselves: started in a folder, killed or stopped with all its processes.

It listens only on Unix sockets in its folder. On Linux it ends with the thread that started it, however that
thread ends (prctl(2), PR_SET_PDEATHSIG).
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ...shards.transport.frames import PeerLost
from .backend import PID, Backend, Missing
from .family import children, has_ended

LOOK_S = 0.005
STARTS_IN_S = 60.0  # it must take steps by then
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def folder_of(folder: str | Path, server: int) -> Path:
    """Return the folder of a server's service in a run's folder."""
    return Path(folder) / f"service-{server}"


def version(backend: Backend) -> str:
    """Return what its program says of itself, one line; "unknown" where it is gone, or says nothing."""
    with suppress(Missing, OSError, subprocess.SubprocessError):
        command = [backend.find(), "--version"]
        told = subprocess.run(command, capture_output=True, text=True, timeout=STARTS_IN_S, check=True)
        return (told.stdout.splitlines() or ["unknown"])[0]
    return "unknown"


class ServiceProcess:
    """That of one server of a run."""

    def __init__(self, backend: Backend, folder: str | Path, server: int, keeps: str) -> None:
        """`keeps` is one of the backend's modes; raises Missing."""
        self.folder = folder_of(folder, server)
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self._backend, self._keeps, self._program = backend, keeps, backend.find()
        self._process: subprocess.Popen[bytes] | None = None
        self._family: list[int] = []  # processes that it had started when it had a signal

    @property
    def pid(self) -> int:
        """Its number; it has been started."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> int:
        """Start it, also again, and return its number; it may take a while until it answers."""
        self.close()
        command = self._backend.ready(self._program, self.folder, self._keeps)
        with (self.folder / "log").open("ab") as log:
            # In a group of its own: an interrupt of the run is not its own.
            self._process = subprocess.Popen(
                command,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
                preexec_fn=_die_with_parent,
            )
        (self.folder / PID).write_text(str(self.pid))
        return self.pid

    def wait(self) -> None:
        """Return when it takes steps; raises PeerLost where it has ended, or does not in STARTS_IN_S."""
        assert self._process is not None
        until_s = time.monotonic() + STARTS_IN_S
        service = self._backend.connect(self.folder)
        while not service.answers():
            if self._process.poll() is not None or time.monotonic() > until_s:
                said = (self.folder / "log").read_text(errors="replace").strip().rpartition("\n")[2].strip()
                raise PeerLost(f"{self._backend.name} does not answer: {said or self._process.poll()}")
            time.sleep(LOOK_S)
        service.close()

    def send(self, number: signal.Signals) -> None:
        """Send a signal to it and to all that it has started; raises ProcessLookupError where it is not there."""
        if children(self.pid):
            os.kill(self.pid, signal.SIGSTOP)  # it must neither start others nor see that they are killed
        self._family = children(self.pid)
        for child in self._family:
            with suppress(ProcessLookupError):
                os.kill(child, number)
        os.kill(self.pid, number)

    def close(self) -> None:
        """Kill it, if it is there, and wait until it has ended."""
        if self._process is not None and self._process.poll() is None:
            self.send(signal.SIGKILL)
            self._process.wait()
        while not all(map(has_ended, self._family)):  # they would still have its files
            time.sleep(LOOK_S)


def start_all(processes: Sequence[ServiceProcess]) -> None:
    """Start them side by side, and return when all take steps; raises PeerLost."""
    for one in processes:
        one.start()
    for one in processes:
        one.wait()


def _die_with_parent() -> None:
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
