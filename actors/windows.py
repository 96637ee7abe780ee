"""How several shards advance as one world: conservative windows.

A shard goes as far as the earliest moment at which any other shard may send it something, plus one latency:
nothing can reach it sooner. Then all exchange what they sent, each with the earliest time at which it may send
again as far as it knows. Stretches in which nothing happens are skipped, and the exchange is the only barrier.
"""

import time

from .shard import Shard
from .transport import Mesh
from .world import NEVER

# Flags of a frame: the leader (shard 0) asks all to return to the driver after this exchange; messages were sent.
PAUSE, SENT = 1, 2


class Windows:
    """One shard's place in a world of several."""

    def __init__(self, shard: Shard, mesh: Mesh, window: int, others_next: int | None = None) -> None:
        self.shard = shard
        self.mesh = mesh
        self.window = window  # number of the next exchange; the mesh counts on through all worlds
        self.done = False
        if others_next is None:
            self._exchange(0)
        else:  # the shard is that of a checkpoint, taken after an exchange
            self.others_next = others_next

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
        outgoing, near, far = self.shard.take_outgoing()
        if min(near, far) != NEVER:
            flags |= SENT
        mine = self.shard.next_influence
        if self.mesh.shards > 2:  # third shards do not see what was sent, only that it may be answered
            mine = min(mine, near, far - self.shard.detour)
        frames = self.mesh.exchange(self.window, mine, flags, outgoing)
        self.window += 1
        for frame in frames:
            if frame.messages:
                self.shard.deliver(frame.messages)
        # As if all were one `latency` away.
        theirs = min(frame.next_event_ns + self.shard.farther[frame.source] for frame in frames)
        # What was just sent to another shard is an event there that its own frame could not yet tell of.
        self.others_next = min(theirs, near, far + self.shard.farthest)
        self.reached = min(mine, *(frame.next_event_ns for frame in frames))
        for frame in frames:
            flags |= frame.flags
        self.done = self.reached >= self.shard.end and not flags & SENT
        if self.done:  # nobody can reach anybody any more
            self.shard.run(self.shard.end)
        return bool(flags & PAUSE)
