"""A helper process of `connection.py` that ends what a Ray of one's own leaves when its driver is killed.

Started as a script: standard input is a pipe from the driver, the arguments are the folder of the shards'
sockets, the id of the raylet and those of its children so far. It imports nothing of this package, so that it
starts at once.

Ray's agents see within two seconds that the raylet is gone, but then try for 60 s to tell the head, which is gone,
too (ray 2.60, ray/_private/process_watcher.py: `report_raylet_error_logs`). A busy worker sees it later still.
"""

import os
import select
import shutil
import signal
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

LOOK_MS = 250  # how often it looks for new children of the raylet


def main() -> None:
    """Wait until the driver or the raylet ends, however that happens; then kill the children that are left.

    Processes are held by descriptors, so that no other one is hit that has been given the same id.
    """
    folder, raylet, *known = sys.argv[1], *map(int, sys.argv[2:])
    poll = select.poll()
    poll.register(sys.stdin, 0)  # that it is closed is told unasked
    poll.register(os.pidfd_open(raylet))
    children: dict[int, int] = {}
    _hold(children, known)
    while not poll.poll(LOOK_MS):
        _hold(children, _children(raylet))
    for descriptor in children.values():
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)


def _hold(held: dict[int, int], pids: Iterable[int]) -> None:
    """Open descriptors of processes that are not held yet."""
    for pid in pids:
        if pid not in held:
            with suppress(ProcessLookupError):
                held[pid] = os.pidfd_open(pid)


def _children(pid: int) -> set[int]:
    """Return the ids of a process's children; none once it has ended."""
    found: set[int] = set()
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            found |= {int(word) for word in path.read_text().split()}
    return found


if __name__ == "__main__":
    main()
