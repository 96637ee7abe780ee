"""What runs inside a Ray actor: a shard."""

import os
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..setup.origin import Origin
from ..setup.scenario import Scenario
from ..shards.checkpoints import load, look_at, save
from ..shards.shard import Shard
from ..shards.storage import Location
from ..shards.tally import Tally
from ..shards.transport.mesh import Mesh
from ..shards.windows import Windows
from .gauges import Gauges
from .said import Collector, Line

SILENCE_S = 3600.0  # for a frame of a shard that lives: its balancing policy may compute for long
ORPHAN_S = 10.0  # how long an actor lives on without its peers: its driver, if it is there, ends it sooner
LOOK_S = 1.0

# Rows of a journal that travel at once, 0.7 MB: Ray keeps them in memory that is small, and that all shards share.
PIECE_ROWS = 1 << 14


class ShardHost:
    """One shard of one world after another, on one mesh of sockets."""

    def __init__(self, shard: int, shards: int, key: bytes) -> None:
        self.mesh = Mesh(shard, shards, key, silence_s=SILENCE_S)
        self.window = 0
        self.cpu_started = 0.0
        self.begun: tuple[Shard, int | None] | None = None
        self.windows: Windows | None = None
        self.counted: Tally | None = None  # when the world is at its end
        self.gauges = Gauges(None)
        self.is_actor = False  # else this process is a shard's alone
        self.said = Collector()
        self.watch = threading.Thread(target=self._end_as_orphan, daemon=True)

    def listen(self, folder: str | None = None) -> dict[str, Any]:
        """Open the sockets, where shards on other nodes can reach them, and return their address."""
        import ray

        self.is_actor = ray.is_initialized() and ray.get_runtime_context().get_actor_id() is not None
        if not self.is_actor:
            return dict(self.mesh.listen(folder=folder))
        self.said.begin()
        node = ray.get_runtime_context().get_node_id()
        return dict(self.mesh.listen(host=ray.util.get_node_ip_address(), node=node, folder=folder))

    def connect(self, addresses: list[Any]) -> None:
        """Join the mesh."""
        self.mesh.connect(addresses)
        if self.is_actor:
            self.watch.start()

    def _end_as_orphan(self) -> None:
        """End this process when a peer has been gone for a while: then so is the world, and maybe the driver."""
        gone_s = 0.0
        while gone_s < ORPHAN_S:
            time.sleep(LOOK_S)
            gone_s = gone_s + LOOK_S if self.mesh.has_lost_peer() else 0.0
        os._exit(1)

    def leave(self) -> None:
        """Close the sockets and remove their files, if the mesh has not been joined."""
        self.mesh.close()

    def begin(
        self,
        scenario: Scenario,
        replication: int,
        keep_journal: bool,
        tags: Mapping[str, str] | None = None,
        saved: tuple[Location, list[bytes]] | None = None,
    ) -> Origin:
        """Build this shard of a new world, or of a checkpoint's: its folder and seals; `tags` are its gauges'.

        Return the code and files that it comes from. Nobody waits for a frame of it yet: on a node where nothing
        is compiled that takes half a minute.
        """
        self.counted = None
        self.cpu_started = time.process_time()
        shard = Shard(scenario, replication, self.mesh.shard, self.mesh.shards, keep_journal)
        self.begun = shard, None if saved is None else self._restore(shard, *saved)
        self.gauges = Gauges(tags, shard.shard)
        return shard.origin

    def _restore(self, shard: Shard, folder: Location, seals: list[bytes]) -> int:
        numbers, tables = load(folder, self.mesh.shard, seals)
        shard.restore(tables)
        self.cpu_started -= numbers["cpu_s"]
        return int(numbers["bound"])

    def look_at(self, probe: Location) -> None:
        """Raise CheckpointError unless this shard sees a file of the driver's, and can write beside it."""
        look_at(probe, f"shard {self.mesh.shard}")

    def save(self, folder: Location) -> bytes:
        """Write this shard's file of a checkpoint, after an exchange; return its seal."""
        assert self.windows is not None
        numbers = {
            "bound": self.windows.bound,
            "cpu_s": time.process_time() - self.cpu_started,
        }
        return save(folder, self.mesh.shard, self.windows.shard.world, numbers)

    def run(self, seconds: float) -> tuple[int, bool, list[Line]]:
        """Advance for about `seconds` of wall time; return how far, ns, whether it is the end, and warnings."""
        try:
            if self.begun is not None:
                shard, bound = self.begun
                self.begun, self.windows = None, Windows(shard, self.mesh, self.window, bound)
            assert self.windows is not None
            reached = self.windows.run(seconds)
        except BaseException:
            self.mesh.close()  # lets the peers fail at once instead of waiting for a frame
            raise
        self.window = self.windows.window
        self.gauges.watch(self.windows.shard)
        done = self.windows.done
        if done:
            self._close_books(self.windows)
        return reached, done, self.said.take()

    def _close_books(self, windows: Windows) -> None:
        self.windows = None
        self.counted = windows.shard.tally()
        self.counted.timing = windows.timing
        self.counted.cpu_s = time.process_time() - self.cpu_started

    def tally(self) -> Tally:
        """Return what this shard has counted by the end of a world, without its journal."""
        assert self.counted is not None
        return replace(self.counted, journal=None)

    def journal(self, first: int) -> Any:
        """Return up to PIECE_ROWS rows of the journal that this shard kept of it, from that one on."""
        assert self.counted is not None
        return self.counted.journal[first : first + PIECE_ROWS]
