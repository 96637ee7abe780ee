"""Ray clusters of several nodes on loopback, one of which may have other code."""

import importlib.util
import os
import secrets
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from meterstorm.actors.cluster.connection import ENVIRONMENT, PATIENCE, START_S, TOKEN, _set_auth_mode

from support.processes import shards

NODE = {
    "num_cpus": 2,
    "memory": 4 * 10**9,  # else as much as happens to be free
    "object_store_memory": 80 << 20,
    "node_ip_address": "127.0.0.1",
    "include_dashboard": False,
}


@contextmanager
def cluster(nodes: int, **options: Any) -> Iterator[Any]:
    """A Ray cluster of nodes of two CPUs each, if not of other options, on loopback; `auto` finds it as well."""
    import ray
    from ray.cluster_utils import Cluster

    with (
        tempfile.TemporaryDirectory(prefix="ms-", dir="/tmp", ignore_cleanup_errors=True) as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("RAY_TMPDIR", folder)
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        patch.setenv(PATIENCE, str(START_S))
        patch.setenv(TOKEN, secrets.token_hex(32))  # not one that some other Ray has left in ~/.ray
        patch.setattr(ray._private.ray_constants, "ENABLE_RAY_CLUSTER", False)
        ray.shutdown()
        _set_auth_mode(ray, "token")
        made = Cluster()
        try:
            for _ in range(nodes):
                made.add_node(wait=False, **NODE | options)
            made.wait_for_nodes()
            yield made
        finally:
            ray.shutdown()
            made.shutdown()
            patch.delenv(TOKEN)
            _set_auth_mode(ray, "token")  # which also forgets the token


def kill_a_node(nodes: Any) -> None:
    """Kill a node that has shards, which is not the head, and these: else they might outlive it for a while."""
    host = next(node for node in nodes.worker_nodes if shards(_raylet(node)))  # "spread" promises nothing
    lost = shards(_raylet(host))
    nodes.remove_node(host, allow_graceful=False)
    for pid in lost:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _raylet(node: Any) -> int:
    (started,) = node.all_processes["raylet"]
    return int(started.process.pid)


def other_code(folder: Path, module: str) -> dict[str, str]:
    """Copy this package into a folder, with a comment more in one module; return what has a node use it."""
    home = Path(next(iter(importlib.util.find_spec("meterstorm.actors").submodule_search_locations))).parent
    for room in ("actors", "policies", "experiments"):
        shutil.copytree(home / room, folder / "meterstorm" / room, ignore=shutil.ignore_patterns("__pycache__"))
    with (folder / "meterstorm" / module).open("a") as file:
        file.write("# another version\n")
    return {"PYTHONPATH": str(folder)}
