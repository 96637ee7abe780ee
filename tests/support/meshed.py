"""Shards of one world in threads of this process, on a real mesh of sockets and without Ray."""

from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from functools import partial
from typing import Any, TypeVar

from meterstorm.actors.shards.shard import Shard
from meterstorm.actors.shards.tally import Tally, conserved, merge
from meterstorm.actors.shards.transport.frames import PeerLost
from meterstorm.actors.shards.transport.mesh import Mesh
from meterstorm.actors.shards.windows import Windows

from support.processes import PATIENCE_S

Result = TypeVar("Result")


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

        return conserved(scenario, merge(results([pool.submit(partial(run, mesh)) for mesh in meshes])))


def results(shards: list[Future[Result]]) -> list[Result]:
    """What all shards return; raises what one of them raises, if possible not that it has lost another one."""
    wait(shards, 2 * PATIENCE_S)
    failed = [error for shard in shards if (error := shard.exception(0))]
    for error in sorted(failed, key=lambda error: isinstance(error, PeerLost)):
        raise error
    return [shard.result(0) for shard in shards]
