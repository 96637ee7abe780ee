"""Connecting to Ray: one that this process starts for itself, or a cluster that it joins.

A process has one Ray at a time. Its own listens on loopback only and nobody else's is joined, whatever RAY_ADDRESS
says, unless an address is given.
"""

import logging
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ..shards.transport.sockets import place_for_sockets
from .addresses import ANSWER_S, answers, host_and_port, is_loopback
from .guard import sessions
from .interrupts import interrupts_later

# For any Ray: no statistics are sent, no worker is started through `uv run`, and it says only what is wrong.
ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "RAY_DEDUP_LOGS": "0",
    "RAY_IGNORE_UNHANDLED_ERRORS": "1",  # of calls that are given up with the shards that they were made to
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    # Seconds until Ray ends a process that has lost its head (60, if not said): time to write what is finished.
    "RAY_gcs_rpc_server_reconnect_timeout_s": "300",
}
TOKEN = "RAY_AUTH_TOKEN"
AUTH_MODE = os.environ.get("RAY_AUTH_MODE")  # as the user has set it
OBJECT_STORE_BYTES = 80 << 20  # Ray asks for at least 75 MiB; results are small
# Ray gives up a node that has missed five health checks, as one may on a busy machine. Whether the processes of
# one's own Ray live is watched here (`lost_process`), so that it needs no such check.
SYSTEM_CONFIG = {"health_check_failure_threshold": 1000}
# How many times Ray tries to join a cluster, each of 41 s (its default is 20), and how many seconds it waits for
# the first process of one of its own (30), whose program may have to come from a cold disk.
PATIENCE = "RAY_gcs_server_port_wait_time_s"
ATTEMPTS_TO_JOIN, START_S = 1, 120
STARTED_S = 240.0  # by when our own Ray has fully started: some of its waits count attempts, not seconds
STEP_MS = 200  # of that wait

LOOKS, LOOK_S = 3, 1.0  # at a cluster's address, how far apart: if nobody answers at so many in a row, it is lost

# What opens HTTP/2, on which gRPC speaks: the preface and the client's settings (RFC 9113, section 3.4). The other
# side's settings come back: three bytes of length, then their type.
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
_SETTINGS = 4

OWN = "local"
NEEDED = ("gcs_server", "raylet")  # the processes of our own Ray that nothing restarts
_connected_to: str | None = None  # by `start_ray`: OWN, or host:port
_given_up: str | None = None  # why, where the cluster that this process has joined is lost, or its own Ray is late
_guard: subprocess.Popen[bytes] | None = None  # of a Ray of our own; its standard input is open while we live
_node: Any = None  # Ray's object for a Ray of our own, with its processes
_sockets: str | None = None  # folder of the shards' sockets on a Ray of our own, which the guard removes


class ClusterError(Exception):
    """Ray cannot do what is asked: no answer, not enough room, or a node that differs or is lost."""


def start_ray(cpus: int, address: str | None = None) -> Any:
    """Return the module `ray`, connected: to a Ray of this process's own, or to the cluster at `address`.

    `address` is host:port, or "auto" for what RAY_ADDRESS or else the last `ray start` on this machine says. The
    connection is kept until another one is asked for. A program that has called `ray.init` itself is served where
    it is connected, and may not give an address. Raises ClusterError, and ValueError for what is no address.
    """
    global _connected_to, _node, _given_up
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    import ray

    where = OWN if address is None else _resolved(address)
    if _given_up:
        raise ClusterError(_given_up)
    if ray.is_initialized():
        if where in (_connected_to, OWN) and _connected_to in (where, None):
            return ray
        if _connected_to is None:
            raise ClusterError(f"{where}: this process has called ray.init itself, and can have one Ray only")
        ray.shutdown()
    _connected_to = None
    if where == OWN:
        with interrupts_later():
            _node, _connected_to = None, OWN  # from now on its processes may be lost
            try:
                _start(ray, cpus)
            except BaseException as error:
                lost = lost_process()
                _kill_processes()
                _dismiss_guard()
                _connected_to = None
                if not isinstance(error, Exception):
                    raise
                said = str(error).strip().partition("\n")[0]
                why = _given_up or (loss_of(lost) if lost else f"Ray cannot be started: {said}")
                _given_up = None  # its processes are gone: the next one may be in time
                raise ClusterError(why) from error
    else:
        _join(ray, where)
        _connected_to = where
        threading.Thread(target=_watch, args=(ray, where), daemon=True).start()
    return ray


def end_ray() -> None:
    """End a Ray of this process's own and remove its folders, or leave the cluster that it has joined.

    One that is lost is not asked: it would end this process, with status 1.
    """
    global _connected_to
    if lost_process() is not None:
        _kill_processes()
    elif _connected_to is not None and _given_up is None:
        sys.modules["ray"].shutdown()
    _connected_to = None
    _dismiss_guard()


def lost_process() -> str | None:
    """Return the name of a process that this process's own Ray has lost, without which it waits forever."""
    if _connected_to != OWN:
        return None
    started = getattr(_node, "all_processes", {})  # while it starts, some are not there yet
    return next(
        (name for name in NEEDED if any(p.process.poll() is not None for p in started.get(name, ()))), None
    )


def loss_of(name: str) -> str:
    """Return in words that this process's own Ray has lost a process."""
    return f"this run's Ray is lost: its process {name} has ended"


def joined_cluster() -> str | None:
    """Return the address of the cluster that this process uses, whose room is shared; None: not one of others."""
    return None if _connected_to == OWN else _connected_to


def _watch(ray: Any, cluster: str) -> None:
    """Take a cluster for lost when nobody answers at its address any more; return when it is left."""
    silent = 0
    while silent < LOOKS:
        time.sleep(LOOK_S)
        silent = 0 if answers(cluster) else silent + 1
        if _connected_to != cluster or not ray.is_initialized():
            return
    give_up(f"the Ray cluster at {cluster} is lost: nobody answers there any more")


def give_up(reason: str) -> None:
    """Take Ray for lost: nothing more is asked of it. Minutes later Ray ends this process (ENVIRONMENT)."""
    global _given_up
    _given_up = reason


def loss() -> str | None:
    """Return in words what of Ray is lost, without which this process would wait forever; None: nothing."""
    name = lost_process()
    return _given_up or (loss_of(name) if name else None)


def _kill_processes() -> None:
    """Kill the processes of this process's own Ray, which may be half started."""
    if _node is not None:
        with suppress(Exception):
            _node.kill_all_processes(check_alive=False, allow_graceful=False)


@contextmanager
def _start_watched(ray: Any) -> Iterator[None]:
    """Have `_node` name Ray's node from its first process on; Ray itself tells only once all have started.

    And have Ray wait for its head in steps, which end when that is lost: it would not see it for START_S, nor let
    other threads or handlers of signals see anything.
    """
    module = ray._private.node
    found, wait = module.Node, module.wait_for_persisted_port

    class _Node(found):  # type: ignore[misc, valid-type]
        def __init__(self, *arguments: Any, **options: Any) -> None:
            global _node
            _node = self
            super().__init__(*arguments, **options)

    def wait_in_steps(*of: Any, timeout_ms: int) -> Any:
        end_s = time.monotonic() + timeout_ms / 1000
        while True:
            try:
                return wait(*of, timeout_ms=min(timeout_ms, STEP_MS))
            except RuntimeError:
                if lost_process() or time.monotonic() >= end_s:
                    raise

    module.Node, module.wait_for_persisted_port = _Node, wait_in_steps
    try:
        yield
    finally:
        module.Node, module.wait_for_persisted_port = found, wait


def sockets_folder() -> str | None:
    """Return where shards put their sockets; None: each in a folder that it removes itself."""
    return _sockets if _connected_to == OWN else None


def _start(ray: Any, cpus: int) -> None:
    _stay_on_loopback(ray, True)
    _set_auth_mode(ray, AUTH_MODE or "token")  # Ray makes a token if there is none
    options: dict[str, Any] = {"num_cpus": cpus, "include_dashboard": False}
    options |= {"object_store_memory": OBJECT_STORE_BYTES, "_system_config": SYSTEM_CONFIG}
    if hasattr(os, "pidfd_open"):  # on Linux; elsewhere Ray's agents may outlive a killed driver by minutes
        _post_guard(ray._common.utils.get_default_ray_temp_dir())
    with _start_watched(ray), _own_token(ray), _ended_if_late():
        _init(ray, OWN, os.environ.get(PATIENCE, str(START_S)), **options)


@contextmanager
def _own_token(ray: Any) -> Iterator[None]:
    """Have Ray use a token of this run's, where the user has none: one that it made would stay in ~/.ray.

    There it would change what a later `ray start` does.
    """
    loader = ray._raylet.AuthenticationTokenLoader.instance()
    if loader.has_token(ignore_auth_mode=True):
        yield
        return
    os.environ[TOKEN] = secrets.token_hex(32)
    loader.reset_cache()
    try:
        yield
    finally:
        del os.environ[TOKEN]  # Ray's processes have it by now


@contextmanager
def _ended_if_late() -> Iterator[None]:
    """Consider Ray lost, and kill what has started, if the block that starts it takes longer than STARTED_S."""
    started = threading.Event()

    def end() -> None:
        if not started.wait(STARTED_S):
            give_up(f"Ray has not started in {STARTED_S:g} s; its processes must reach each other at 127.0.0.1")
            _kill_processes()

    (watching := threading.Thread(target=end, daemon=True)).start()
    try:
        yield
    finally:
        started.set()
        watching.join()  # it ends this Ray, and not the next


def _post_guard(place: str) -> None:
    """Have Ray's processes, and their folder in `place`, go with this one, even if it is killed as they start."""
    global _guard, _sockets
    _dismiss_guard()  # after a Ray before
    _sockets = tempfile.mkdtemp(prefix="meterstorm-", dir=place_for_sockets())  # mode 0700
    _guard = subprocess.Popen(
        [sys.executable, "-I", "-S", Path(__file__).with_name("guard.py"), _sockets, *_named(place)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        process_group=0,  # Ctrl-C is not for it
    )


def _named(place: str) -> list[str]:
    """Return what the guard is told of this process, and of Ray's folder, in which its session's will be."""
    return [str(os.getpid()), place, *sessions(place, os.getpid())]


def _dismiss_guard() -> None:
    """Let the guard end what is left of its Ray, remove its folders, and end."""
    global _guard
    if _guard is not None and _guard.stdin is not None:
        _guard.stdin.close()
        _guard.wait()
    _guard = None


def _join(ray: Any, where: str) -> None:
    """Join a cluster. Whether it asks for a token is found out: in the wrong mode its actors just die."""
    host, port = host_and_port(where)
    _check_answer(where, host, port)
    _stay_on_loopback(ray, is_loopback(host))
    before = os.environ.get("RAY_AUTH_MODE")
    if AUTH_MODE:
        _try_to_join(ray, where, AUTH_MODE)
    elif not _try_to_join(ray, where, "disabled"):
        _try_to_join(ray, where, "token")
    elif before == "token":
        ray.shutdown()
        raise ClusterError(
            f"the Ray cluster at {where} has no token; this process has used one, and cannot go back"
        )


def _try_to_join(ray: Any, where: str, mode: str) -> bool:
    """Return whether it works; False: the cluster asks for a token. Raises ClusterError for everything else."""
    _set_auth_mode(ray, mode)
    try:
        _init(ray, where, str(ATTEMPTS_TO_JOIN))
        return True
    except Exception as error:  # of many types: Ray says neither which nor when
        reason = str(error.__cause__ or error).strip()
        if mode == "disabled" and not AUTH_MODE and "InvalidAuthToken" in reason:
            return False
        said = " ".join(reason.split())  # of several lines, where versions differ
        raise ClusterError(f"the Ray cluster at {where} cannot be joined: {said}") from error


def _init(ray: Any, address: str, patience: str, **options: Any) -> None:
    """Connect Ray, but leave SIGTERM to the program where it is handled: Ray would take it over at once."""
    utils = ray._private.utils
    set_handler = utils.set_sigterm_handler
    if callable(signal.getsignal(signal.SIGTERM)):
        utils.set_sigterm_handler = lambda handler: None
    before = os.environ.get(PATIENCE)
    os.environ[PATIENCE] = patience
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **options)
    finally:
        if before is None:
            del os.environ[PATIENCE]
        else:
            os.environ[PATIENCE] = before
        utils.set_sigterm_handler = set_handler


def _stay_on_loopback(ray: Any, wanted: bool) -> None:
    """Keep Ray from putting the network's address in the place of 127.0.0.1, as it does on Linux.

    It reads RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER for that, but only when it is imported (ray-project/ray#26293).
    """
    ray._private.ray_constants.ENABLE_RAY_CLUSTER = not wanted


def _resolved(address: str) -> str:
    """Return host:port. Unlike Ray, "auto" does not look for just any Ray that runs on this machine."""
    from ray._private.utils import read_ray_address

    if address == "auto":
        address = os.environ.get("RAY_ADDRESS") or read_ray_address() or ""
        if not address:
            raise ClusterError("no Ray cluster runs here: RAY_ADDRESS is not set, nor was `ray start` used")
    host_and_port(address)
    return address


def _check_answer(where: str, host: str, port: int) -> None:
    """Fail soon where Ray would try for minutes; raises ClusterError."""
    try:
        with socket.create_connection((host, port), ANSWER_S) as sock:
            if os.environ.get("RAY_USE_TLS", "0") != "0":
                return
            sock.sendall(_PREFACE)
            answer = sock.recv(4)
    except OSError as error:
        raise ClusterError(f"no Ray cluster answers at {where}: {error}") from error
    if answer[3:] != bytes([_SETTINGS]):
        raise ClusterError(f"no Ray cluster answers at {where}: what does is something else")


def _set_auth_mode(ray: Any, mode: str) -> None:
    """Say whether processes of Ray prove themselves to each other by a token; Ray has read variables before."""
    os.environ["RAY_AUTH_MODE"] = mode
    ray._raylet.Config.initialize("")
    ray._raylet.AuthenticationTokenLoader.instance().reset_cache()
