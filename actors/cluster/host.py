"""What runs inside a Ray actor: a shard."""

import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..setup.origin import Origin
from ..setup.scenario import Scenario
from ..shards.checkpoints import load, look_at, save
from ..shards.shard import Shard
from ..shards.tally import Tally
from ..shards.transport.mesh import Mesh
from ..shards.windows import Windows
from .gauges import Gauges

SILENCE_S = 3600.0  # for a frame of a shard that lives: its balancing policy may compute for long
ORPHAN_S = 10.0  # how long an actor lives on without its peers: its driver, if it is there, ends it sooner
LOOK_S = 1.0


class ShardHost:
    """One shard of one world after another, on one mesh of sockets."""

    def __init__(self, shard: int, shards: int, key: bytes) -> None:
        self.mesh = Mesh(shard, shards, key, silence_s=SILENCE_S)
        self.window = 0
        self.cpu_started = 0.0
        self.begun: tuple[Shard, int | None] | None = None
        self.windows: Windows | None = None
        self.gauges = Gauges(None)
        self.is_actor = False  # else this process is a shard's alone
        self.watch = threading.Thread(target=self._end_as_orphan, daemon=True)

    def listen(self, folder: str | None = None) -> dict[str, Any]:
        """Open the sockets, where shards on other nodes can reach them, and return their address."""
        import ray

        self.is_actor = ray.is_initialized() and ray.get_runtime_context().get_actor_id() is not None
        if not self.is_actor:
            return dict(self.mesh.listen(folder=folder))
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
        saved: tuple[Path, list[bytes]] | None = None,
    ) -> Origin:
        """Build this shard of a new world, or of a checkpoint's: its folder and seals; `tags` are its gauges'.

        Return the code and files that it comes from. Nobody waits for a frame of it yet: on a node where nothing
        is compiled that takes half a minute.
        """
        self.cpu_started = time.process_time()
        shard = Shard(scenario, replication, self.mesh.shard, self.mesh.shards, keep_journal)
        self.begun = shard, None if saved is None else self._restore(shard, *saved)
        self.gauges = Gauges(tags, shard.shard)
        return shard.origin

    def _restore(self, shard: Shard, folder: Path, seals: list[bytes]) -> int:
        numbers, tables = load(folder, self.mesh.shard, seals)
        shard.restore(tables)
        self.cpu_started -= numbers["cpu_s"]
        return int(numbers["bound"])

    def look_at(self, probe: Path) -> None:
        """Raise CheckpointError unless this shard sees a file of the driver's, and can write beside it."""
        look_at(probe, f"shard {self.mesh.shard}")

    def save(self, folder: Path) -> bytes:
        """Write this shard's file of a checkpoint, after an exchange; return its seal."""
        assert self.windows is not None
        numbers = {
            "bound": self.windows.bound,
            "cpu_s": time.process_time() - self.cpu_started,
        }
        return save(folder, self.mesh.shard, self.windows.shard.world, numbers)

    def run(self, seconds: float) -> tuple[int, bool]:
        """Advance for about `seconds` of wall time; return the time reached, ns, and whether it is the end."""
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
        return reached, self.windows.done

    def tally(self) -> Tally:
        """Return what this shard has counted."""
        assert self.windows is not None
        tally = self.windows.shard.tally()
        tally.timing = self.windows.timing
        self.windows = None
        tally.cpu_s = time.process_time() - self.cpu_started
        return tally
