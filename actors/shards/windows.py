"""How several shards advance as one world: conservative windows. `lookahead.py` argues why they are safe.

Each shard runs to its bound, then all exchange what they sent; the exchange is the only barrier. Clients may run
far ahead of servers that have nobody to answer: they go a stretch at a time, so that the servers can follow.
"""

import time

from .shard import Shard
from .timing import ShardTiming, sum_of
from .transport.frames import Frame, TransportError
from .transport.mesh import Mesh

# Flags of a frame: the leader (shard 0) asks all to return to the driver after this exchange; messages were sent.
PAUSE, SENT = 1, 2
LEADER = 0

STRETCH_S = 0.005  # CPU time of a stretch: long against an exchange, short against a chunk of work


class Windows:
    """One shard's place in a world of several."""

    def __init__(self, shard: Shard, mesh: Mesh, window: int, bound: int | None = None) -> None:
        self.shard = shard
        self.mesh = mesh
        self.window = window  # number of the next exchange; the mesh counts on through all worlds
        self.done = False
        self.timing = ShardTiming(0, 0.0, 0.0, 0.0)
        self._stretch = shard.latency  # ns
        self._computing_s = 0.0
        self.bound = 0  # before this time nothing can reach this shard, ns
        if bound is None:
            self._exchange(0)
        else:  # the shard is that of a checkpoint, taken after an exchange
            self.bound = bound

    def run(self, seconds: float) -> int:
        """Advance for about `seconds` of wall time; return the time reached, ns. `done` tells if it is the end."""
        leads = self.mesh.shard == LEADER
        began_s, waited_s, window = time.perf_counter(), self.mesh.waiting_s, self.window
        self._computing_s = 0.0
        pause = False
        while not (self.done or pause):
            self._advance()
            pause = self._exchange(PAUSE if leads and time.perf_counter() > began_s + seconds else 0)
        waiting_s = self.mesh.waiting_s - waited_s
        exchanging_s = time.perf_counter() - began_s - self._computing_s - waiting_s
        self.timing = sum_of(
            [self.timing, ShardTiming(self.window - window, self._computing_s, exchanging_s, waiting_s)]
        )
        return min(self.reached, self.shard.end)

    def _advance(self) -> None:
        shard = self.shard
        horizon = min(self.bound, shard.end)
        nearer = shard.next_time + self._stretch
        began_s, began_cpu_s = time.perf_counter(), time.thread_time()
        shard.run(min(horizon, nearer))
        self._computing_s += time.perf_counter() - began_s
        if horizon > nearer and shard.next_time >= nearer:  # not cut short by a message that may be answered
            self._learn(time.thread_time() - began_cpu_s)

    def _learn(self, cpu_s: float) -> None:
        """Take the last stretch as a measure of the next.

        Of CPU time: where shards outnumber cores, one that waits for its turn would take its stretch for too long,
        and halve it again and again. It is no shorter than a latency, which no window needs to be.
        """
        factor = min(2.0, STRETCH_S / cpu_s) if cpu_s > 0 else 2.0
        self._stretch = max(int(self._stretch * max(0.5, factor)) + 1, self.shard.latency)

    def _exchange(self, flags: int) -> bool:
        shard, lookahead = self.shard, self.shard.lookahead
        outgoing, within, across = shard.take_outgoing()
        if any(outgoing):
            flags |= SENT
        mine = shard.next_influence
        if self.mesh.shards > 2:  # third shards do not see what was sent, only that it may be answered
            mine = min(mine, within - lookahead.sooner_within, across - lookahead.sooner_across)
        frames = self.mesh.exchange(self.window, mine, flags, outgoing)
        self.window += 1
        for frame in frames:
            self._take(frame)
            flags |= frame.flags
        # What was just sent to another shard is an event there that its own frame could not yet tell of.
        self.bound = min(
            within + lookahead.back_within,
            across + lookahead.back_across,
            *(frame.next_event_ns + lookahead.from_shards[frame.source] for frame in frames),
        )
        self.reached = min(mine, *(frame.next_event_ns for frame in frames))
        self.done = self.reached >= shard.end and not flags & SENT
        if self.done:  # nothing can reach another shard now
            began_s = time.perf_counter()
            shard.run(shard.end)
            self._computing_s += time.perf_counter() - began_s
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
