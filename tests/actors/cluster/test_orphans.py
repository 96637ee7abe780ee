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
def ended(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set when a shard would have ended this process."""
    event = threading.Event()
    monkeypatch.setattr(module.os, "_exit", lambda status: event.set())
    return event


@pytest.fixture
def hosts(ended: threading.Event, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[ShardHost]]:
    """Two connected shards, as if they were actors, that would end soon; none does so after the test."""
    monkeypatch.setattr(module, "ORPHAN_S", 0.2)
    monkeypatch.setattr(module, "LOOK_S", 0.02)
    made = [ShardHost(shard, 2, KEY) for shard in range(2)]
    addresses = [host.listen() for host in made]
    for host in made:
        host.is_actor = True
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda host: host.connect(addresses), made))
    yield made
    for host in made:
        host.mesh.close()
        host.watch.join(PATIENCE_S)
        assert not host.watch.is_alive()


def test_a_shard_alone_ends_itself(hosts, ended):
    assert not ended.wait(0.5)  # many looks, at which both are there
    hosts[1].mesh.close()
    assert ended.wait(PATIENCE_S)


def test_a_shard_that_is_no_actor_ends_nobody():
    """As in tests and in threads: this process is not its own."""
    host = ShardHost(0, 1, KEY)
    host.connect([host.listen()])
    assert not host.is_actor and not host.watch.is_alive()
    host.mesh.close()
