"""A shard whose peers are gone ends itself; the others stay."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from meterstorm.actors.cluster import host as module
from meterstorm.actors.cluster.host import ShardHost

from support.processes import PATIENCE_S

KEY = b"a key of thirty-two bytes, or so"


@pytest.fixture
def hosts(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[ShardHost]]:
    """Two connected shards, as if they were actors, that would end soon."""
    monkeypatch.setattr(module, "ORPHAN_S", 0.2)
    monkeypatch.setattr(module, "LOOK_S", 0.02)
    made = [ShardHost(shard, 2, KEY) for shard in range(2)]
    for host in made:
        host.is_actor = True
    addresses = [host.listen() for host in made]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda host: host.connect(addresses), made))
    yield made
    for host in made:
        host.mesh.close()


def test_a_shard_alone_ends_itself(hosts, monkeypatch):
    ended = threading.Event()
    monkeypatch.setattr(module.os, "_exit", lambda status: ended.set())
    assert not ended.wait(0.5)  # many looks, at which both are there
    hosts[1].mesh.close()
    assert ended.wait(PATIENCE_S)
