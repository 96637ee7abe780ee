"""Shards of one world in threads of this process, on a real mesh of sockets and without Ray."""

from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack
from functools import partial
from typing import Any

from meterstorm.actors.shards.shard import Shard
from meterstorm.actors.shards.tally import Tally, conserved, merge
from meterstorm.actors.shards.transport.frames import PeerLost
from meterstorm.actors.shards.transport.mesh import Mesh
from meterstorm.actors.shards.windows import Windows

from support.processes import PATIENCE_S


def simulate_on_shards(scenario: Any, shards: int) -> Tally:
    """What the shards have counted together; raises what the first of them raises."""
    with ExitStack() as stack, ThreadPoolExecutor(shards) as pool:
        meshes = [stack.enter_context(Mesh(k, shards, b"key", PATIENCE_S)) for k in range(shards)]
        addresses = [mesh.listen() for mesh in meshes]

        def run(mesh: Mesh) -> Tally:
            with mesh:  # else the others would wait for one that has failed
                return run_in(mesh)

        def run_in(mesh: Mesh) -> Tally:
            mesh.connect(addresses)
            windows = Windows(Shard(scenario, 0, mesh.shard, shards), mesh, 0)
            while not windows.done:
                windows.run(PATIENCE_S)
            tally = windows.shard.tally()
            tally.timing = windows.timing
            return tally

        futures = [pool.submit(partial(run, mesh)) for mesh in meshes]
        wait(futures, 2 * PATIENCE_S)
        failed = [error for future in futures if (error := future.exception(0))]
        for error in sorted(failed, key=lambda error: isinstance(error, PeerLost)):  # whose peers have lost it
            raise error
        return conserved(scenario, merge([future.result(0) for future in futures]))
