"""How several shards advance as one world: conservative windows.

A shard goes as far as the earliest moment at which any other shard may send it something, plus one latency:
nothing can reach it sooner. Then all exchange what they sent, each with the earliest time at which it may send
again as far as it knows. Stretches in which nothing happens are skipped, and the exchange is the only barrier.

Servers only answer: those that owe nobody an answer let clients of other shards run far ahead of them. These go a
stretch at a time, so that the servers can follow.
"""

import time

from .shard import Shard
from .transport import Frame, Mesh, TransportError

# Flags of a frame: the leader (shard 0) asks all to return to the driver after this exchange; messages were sent.
PAUSE, SENT = 1, 2
LEADER = 0

# A stretch takes about so much wall time: long against an exchange, short against a chunk of work (cluster.py).
STRETCH_S = 0.005


class Windows:
    """One shard's place in a world of several."""

    def __init__(self, shard: Shard, mesh: Mesh, window: int, others_next: int | None = None) -> None:
        self.shard = shard
        self.mesh = mesh
        self.window = window  # number of the next exchange; the mesh counts on through all worlds
        self.done = False
        self._stretch = shard.latency  # ns
        if others_next is None:
            self._exchange(0)
        else:  # the shard is that of a checkpoint, taken after an exchange
            self.others_next = others_next

    def run(self, seconds: float) -> int:
        """Advance for about so long; return the time that has been reached, ns. `done` tells if it is the end."""
        leads = self.mesh.shard == LEADER
        deadline = time.monotonic() + seconds
        pause = False
        while not (self.done or pause):
            self._advance()
            pause = self._exchange(PAUSE if leads and time.monotonic() > deadline else 0)
        return min(self.reached, self.shard.end)

    def _advance(self) -> None:
        shard = self.shard
        horizon = min(self.others_next + shard.latency, shard.end)
        nearer = shard.next_time + self._stretch
        if horizon <= nearer:
            shard.run(horizon)
            return
        begun_s = time.perf_counter()
        shard.run(nearer)
        if shard.next_time >= nearer:  # no message that may be answered has cut it short
            took_s = time.perf_counter() - begun_s
            self._stretch = int(self._stretch * min(2.0, max(0.5, STRETCH_S / took_s))) + 1

    def _exchange(self, flags: int) -> bool:
        outgoing, first_sent = self.shard.take_outgoing()
        if any(outgoing):
            flags |= SENT
        mine = self.shard.next_influence
        if self.mesh.shards > 2:  # third shards do not see what was sent, only that it may be answered
            mine = min(mine, first_sent)
        frames = self.mesh.exchange(self.window, mine, flags, outgoing)
        self.window += 1
        for frame in frames:
            self._take(frame)
        theirs = min(frame.next_event_ns for frame in frames)
        # What was just sent to another shard is an event there that its own frame could not yet tell of.
        self.others_next = min(theirs, first_sent)
        self.reached = min(mine, theirs)
        for frame in frames:
            flags |= frame.flags
        self.done = self.reached >= self.shard.end and not flags & SENT
        if self.done:  # nobody can reach anybody any more
            self.shard.run(self.shard.end)
        return bool(flags & PAUSE)

    def _take(self, frame: Frame) -> None:
        """Check what a peer tells, and file its messages; raises TransportError with its name."""
        if frame.flags & ~(PAUSE | SENT if frame.source == LEADER else SENT):
            raise TransportError(f"{self.mesh.name(frame.source)}: sent flags {frame.flags}, which it must not")
        if frame.messages:
            try:
                self.shard.deliver(frame.messages, frame.source)
            except ValueError as error:
                raise TransportError(f"{self.mesh.name(frame.source)}: sent {error}") from error
