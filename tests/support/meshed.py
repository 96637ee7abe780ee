"""Shards of one world in threads of this process, on a real mesh of sockets and without Ray."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from typing import Any

from meterstorm.actors.shards.shard import Shard
from meterstorm.actors.shards.tally import Tally, conserved, merge
from meterstorm.actors.shards.transport.mesh import Mesh
from meterstorm.actors.shards.windows import Windows

from support.processes import PATIENCE_S


def simulate_on_shards(scenario: Any, shards: int) -> Tally:
    """What the shards have counted together; raises what the first of them raises."""
    with ExitStack() as stack, ThreadPoolExecutor(shards) as pool:
        meshes = [stack.enter_context(Mesh(k, shards, b"key", PATIENCE_S)) for k in range(shards)]
        addresses = [mesh.listen() for mesh in meshes]

        def run(mesh: Mesh) -> Tally:
            mesh.connect(addresses)
            windows = Windows(Shard(scenario, 0, mesh.shard, shards), mesh, 0)
            while not windows.done:
                windows.run(PATIENCE_S)
            tally = windows.shard.tally()
            tally.timing = windows.timing
            return tally

        futures = [pool.submit(partial(run, mesh)) for mesh in meshes]
        return conserved(scenario, merge([future.result(2 * PATIENCE_S) for future in futures]))
