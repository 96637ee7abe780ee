"""A helper process of `connection.py` that cleans up after our own Ray when its driver is killed.

It starts as a script, before Ray: standard input is a pipe from the driver, the arguments are the folder of the
shards' sockets, the driver's process id, Ray's folder, and the sessions there that an earlier process of the same
id has left. It imports nothing from this package, so that it starts at once.

Ray's agents notice within two seconds that the raylet is gone, but then try for 60 s to tell the head, which is
gone too (ray 2.60, ray/_private/process_watcher.py: `report_raylet_error_logs`). A busy worker notices even later.
"""

import os
import re
import select
import shutil
import signal
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

PROCESSES = Path("/proc")
LAST_LOOKS = 30  # without a find, after a driver's death
DEATH_MS = 1000  # Linux ends a raylet as its driver dies, before the driver's files are closed
LOOK_MS = 100  # how often it looks for the raylet, and for new children of it; they rename themselves later


def main() -> None:
    """Wait until the driver or the raylet ends, however that happens; then kill the raylet's children.

    Processes are held by descriptors, so that another one that reuses the id is not hit.
    """
    folder, driver, place, others = sys.argv[1], int(sys.argv[2]), sys.argv[3], set(sys.argv[4:])
    ours: set[str] = set()  # once its Ray has ended, the driver may start another one that we are not to touch
    poll = select.poll()
    poll.register(sys.stdin, 0)  # that it is closed is told unasked
    raylet: int | None = None
    children: dict[int, int] = {}
    ended: list[tuple[int, int]] = []
    while not ended:
        ended = poll.poll(LOOK_MS)
        if raylet is None and (found := _raylet(driver)):
            with suppress(OSError):
                poll.register(os.pidfd_open(found))
                raylet = found
        if raylet is not None:
            _hold(children, _children(raylet))
        if not ended:
            ours |= sessions(place, driver) - others
    for descriptor in children.values():
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    if _is_let_go(DEATH_MS):
        _kill_newborn(driver)
        ours |= sessions(place, driver) - others
    shutil.rmtree(folder, ignore_errors=True)
    for session in ours:
        _remove_session(Path(place), session)


def sessions(folder: str, driver: int) -> set[str]:
    """Return the names of the sessions in Ray's folder of a driver of this id."""
    return {path.name for path in _entries(Path(folder)) if _session_of(driver).fullmatch(path.name.encode())}


def _remove_session(folder: Path, name: str) -> None:
    """Remove a session's folder and the link to it; again, if a process that is just ending writes there."""
    latest = folder / "session_latest"
    with suppress(OSError):
        if Path(os.readlink(latest)).name == name:
            latest.unlink()
    for _ in range(LAST_LOOKS):
        shutil.rmtree(folder / name, ignore_errors=True)
        if not (folder / name).exists():
            break
        time.sleep(LOOK_MS / 1000)


def _session_of(driver: int) -> re.Pattern[bytes]:
    return re.compile(rb"\bsession_[0-9_-]+_%d\b" % driver)


def _is_let_go(within_ms: int) -> bool:
    """Whether the driver closes the pipe in time, by ending or on purpose."""
    poll = select.poll()
    poll.register(sys.stdin, 0)
    return bool(poll.poll(within_ms))


def _raylet(driver: int) -> int | None:
    return next((pid for pid in _children(driver) if _content(PROCESSES / str(pid) / "comm") == b"raylet\n"), None)


def _kill_newborn(driver: int) -> None:
    """Kill what has started too late to be held: a process of Ray's that names the driver's session.

    Its command line names it, or, once it has taken a title instead, a log that it has opened. In between neither
    does, so that one look is not enough where the driver was killed while it started Ray.
    """
    session = _session_of(driver)
    quiet = 0
    while quiet < (LAST_LOOKS if _has_ended(driver) else 1):
        found = [pid for pid in _all() if _is_rays(pid) and session.search(_names(pid))]
        for pid in found:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        quiet = 0 if found else quiet + 1
        time.sleep(LOOK_MS / 1000)


def _has_ended(pid: int) -> bool:
    """Whether a process is gone, or waits to be buried."""
    return _content(PROCESSES / str(pid) / "stat").rpartition(b") ")[2][:1] in (b"", b"Z")


def _hold(held: dict[int, int], pids: Iterable[int]) -> None:
    """Open descriptors of processes that are not held yet; one that is just ending may have none."""
    for pid in pids:
        if pid not in held:
            with suppress(OSError):
                held[pid] = os.pidfd_open(pid)


def _children(pid: int) -> set[int]:
    """Return the ids of a process's children; none once it has ended."""
    threads = _entries(PROCESSES / str(pid) / "task")
    return {int(child) for thread in threads for child in _content(thread / "children").split()}


def _all() -> list[int]:
    """Return the ids of this user's processes, except this one."""
    pids = [int(path.name) for path in _entries(PROCESSES) if path.name.isdigit()]
    return [pid for pid in pids if pid != os.getpid() and _is_ours(pid)]


def _is_ours(pid: int) -> bool:
    with suppress(OSError):
        return (PROCESSES / str(pid)).stat().st_uid == os.getuid()
    return False


def _is_rays(pid: int) -> bool:
    return bool(re.search(rb"^ray::|/ray/(core|dashboard|_private)/", _content(PROCESSES / str(pid) / "cmdline")))


def _names(pid: int) -> bytes:
    """Return a process's command line and the paths of its open files."""
    paths = [_content(PROCESSES / str(pid) / "cmdline")]
    for link in _entries(PROCESSES / str(pid) / "fd"):
        with suppress(OSError):
            paths.append(os.fsencode(os.readlink(link)))
    return b"\n".join(paths)


def _entries(folder: Path) -> list[Path]:
    """Return what is in a folder; nothing once its process has ended, which may be while it is read."""
    with suppress(OSError):
        return [folder / name for name in os.listdir(folder)]
    return []


def _content(file: Path) -> bytes:
    with suppress(OSError):
        return file.read_bytes()
    return b""


if __name__ == "__main__":
    main()
