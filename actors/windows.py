"""How several shards advance as one world: conservative windows.

A shard goes as far as the earliest event that any other shard has, or may get, plus one latency: nothing can
reach it sooner. Then all exchange what they sent, with the time of the next event that each knows of. Stretches
in which nothing happens are skipped, and the exchange is the only barrier.
"""

import time

from .shard import Shard
from .transport import Mesh

# The leader (shard 0) asks all to return to the driver after this exchange.
PAUSE = 1


class Windows:
    """One shard's place in a world of several."""

    def __init__(self, shard: Shard, mesh: Mesh, window: int) -> None:
        self.shard = shard
        self.mesh = mesh
        self.window = window  # number of the next exchange; the mesh counts on through all worlds
        self.others_next = 0
        self.done = False
        self._exchange(0)

    def run(self, seconds: float) -> int:
        """Advance for about so long; return the time that has been reached, ns. `done` tells if it is the end."""
        leads = self.mesh.shard == 0
        deadline = time.monotonic() + seconds
        pause = False
        while not (self.done or pause):
            self.shard.run(min(self.others_next + self.shard.latency, self.shard.end))
            pause = self._exchange(PAUSE if leads and time.monotonic() > deadline else 0)
        return min(self.reached, self.shard.end)

    def _exchange(self, flags: int) -> bool:
        outgoing, first_sent = self.shard.take_outgoing()
        mine = min(self.shard.next_time, first_sent)
        frames = self.mesh.exchange(self.window, mine, flags, outgoing)
        self.window += 1
        for frame in frames:
            if frame.messages:
                self.shard.deliver(frame.messages)
        theirs = min(frame.next_event_ns for frame in frames)
        # What was just sent to another shard is an event there that its own frame could not yet tell of.
        self.others_next = min(theirs, first_sent)
        self.reached = min(mine, theirs)
        self.done = self.reached >= self.shard.end
        return any(flags | frame.flags for frame in frames)
