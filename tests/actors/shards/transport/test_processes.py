"""A mesh between processes."""

import multiprocessing
import os
import time
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

import pytest
from meterstorm.actors.shards.transport.frames import TransportError
from meterstorm.actors.shards.transport.mesh import Mesh

from support.wires import KEY, TIMEOUT_S


def shard_process(shard: int, shards: int, work: Callable[[Mesh], Any], pipe: Connection) -> None:
    """Join a mesh, and tell what the work returns, or the error."""
    with Mesh(shard, shards, KEY, TIMEOUT_S) as mesh:
        pipe.send(mesh.listen())
        mesh.connect(pipe.recv())
        try:
            pipe.send(work(mesh))
        except TransportError as error:
            pipe.send(str(error))


def last_messages(mesh: Mesh, dies_at: int = -1) -> list[bytes]:
    """Run 50 windows and return what the last brought; shard 1 dies at a given window."""
    for window in range(50):
        if mesh.shard == 1 and window == dies_at:
            os._exit(9)
        frames = mesh.exchange(window, window, 0, [bytes([mesh.shard])] * mesh.shards)
    return [frame.messages for frame in frames]


def cpu_s_on_one_core(mesh: Mesh, windows: int) -> float:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    began_s = time.process_time()
    for window in range(windows):
        mesh.exchange(window, 0, 0, [b""] * mesh.shards)
    return time.process_time() - began_s


def run_processes(shards: int, work: Callable[[Mesh], Any], survivors: int) -> list[Any]:
    """What the first shards return that live to tell."""
    context = multiprocessing.get_context("spawn")
    pipes = [context.Pipe() for _ in range(shards)]
    processes = [context.Process(target=shard_process, args=(j, shards, work, pipes[j][1])) for j in range(shards)]
    try:
        for process, (_, theirs) in zip(processes, pipes, strict=True):
            process.start()
            theirs.close()
        addresses = [ours.recv() for ours, _ in pipes]
        for ours, _ in pipes:
            ours.send(addresses)
        return [ours.recv() for ours, _ in pipes[:survivors]]
    finally:
        for process in processes:
            process.join(TIMEOUT_S)
            process.kill()


def test_shards_in_processes_of_their_own() -> None:
    assert run_processes(3, last_messages, 3) == [[b"\1", b"\2"], [b"\0", b"\2"], [b"\0", b"\1"]]


def test_a_killed_process_is_named_at_once() -> None:
    (survivor,) = run_processes(2, partial(last_messages, dies_at=30), 1)
    assert survivor.startswith("shard 1 (127.0.0.1:")


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system does not bind processes to cores")
def test_shards_on_one_core_leave_it_to_each_other_while_they_wait() -> None:
    windows = 500
    assert sum(run_processes(2, partial(cpu_s_on_one_core, windows=windows), 2)) < windows * 1e-3
