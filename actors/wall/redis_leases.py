"""What a server's process asks of its redis-server: steps of the script (leases.lua), and what leases it has."""

from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

SCRIPT = Path(__file__).with_name("leases.lua").read_text()


class Gone(Exception):
    """It has ended, or does not answer; what was under way may have been carried out or not."""


class Step(NamedTuple):
    """One call of the script: its arguments."""

    what: str  # request, release, renew, reclaim or probe
    client: int
    slot: int
    program: int
    attempt: int
    now: int  # ns
    value: int
    more: int


class RedisLeases:
    """A connection to a redis-server; all methods raise Gone."""

    def __init__(self, socket: str) -> None:
        """Call nobody yet."""
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        # Never again by itself: a step that was carried out, and whose answer was lost, would be done twice.
        # Nor is there a time-out: a process that is stopped answers when it is continued.
        self._redis = redis.Redis(unix_socket_path=socket, socket_timeout=None, retry=Retry(NoBackoff(), 0))
        self._errors = redis.ConnectionError, redis.TimeoutError
        self._script = ""
        self._life = ""  # of the process, a name that Redis draws

    def begin(self, free: Sequence[int]) -> None:
        """Have the script there, and free licenses of each product unless it has kept what it had."""
        with self._answered():
            for product, licenses in enumerate(free):
                self._redis.set(f"free:{product}", licenses, nx=True)
            self._script = str(self._redis.script_load(SCRIPT))
            self._life = self._name()

    def is_another(self) -> bool:
        """Whether a process answers, and it is not the one that `begin` was told of."""
        try:
            with self._answered():
                self._redis.ping()  # refused while it still reads what it has kept
                return self._name() != self._life
        except Gone:
            return False

    def carry_out(self, steps: Sequence[Step]) -> list[int]:
        """Carry steps out, in order, sent all at once; return what each one gave."""
        if not steps:
            return []
        with self._answered():
            pipeline = self._redis.pipeline(transaction=False)
            for step in steps:
                pipeline.evalsha(self._script, 0, *step)
            return [int(one) for one in pipeline.execute()]

    def done(self) -> int:
        """Return how many steps have been carried out, of those that it knows of."""
        with self._answered():
            found: Any = self._redis.get("done")
            return int(found or 0)

    def leases(self) -> dict[tuple[int, int, int], tuple[int, int]]:
        """Return product and number of licenses of each lease, by client, slot and program."""
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
        """Return the CPU time that the process has used."""
        with self._answered():
            found: Any = self._redis.info("cpu")
            return float(found["used_cpu_user"] + found["used_cpu_sys"])

    def close(self) -> None:
        """End the connection."""
        self._redis.close()

    def _name(self) -> str:
        found: Any = self._redis.info("server")
        return str(found["run_id"])

    @contextmanager
    def _answered(self) -> Any:
        try:
            yield
        except self._errors as error:
            raise Gone(str(error)) from error
