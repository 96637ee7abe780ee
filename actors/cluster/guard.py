"""A helper process, started by `connection.py`, that ends what Ray leaves behind when its driver is killed.

Started as a script: standard input is a pipe from the driver, the arguments are the ids of the raylet and of its
children. It imports nothing of this package, so that it starts at once.

Ray's agents see within two seconds that the raylet is gone, but then try for 60 s to tell the head, which is gone,
too (ray 2.60, ray/_private/process_watcher.py: `report_raylet_error_logs`).
"""

import os
import select
import signal
import sys
from contextlib import suppress


def main() -> None:
    """Wait until the driver or the raylet ends, however that happens; then kill the children that are left.

    Processes are held by descriptors, so that no other one is hit that has been given the same id.
    """
    raylet, *children = (os.pidfd_open(int(argument)) for argument in sys.argv[1:])
    poll = select.poll()
    poll.register(sys.stdin, 0)  # that it is closed is told unasked
    poll.register(raylet)
    poll.poll()
    for child in children:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(child, signal.SIGKILL)


if __name__ == "__main__":
    main()
