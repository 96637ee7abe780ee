"""Servers whose service is made up, and goes just when that is hardest."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from meterstorm.actors.shards.transport.frames import PeerLost
from meterstorm.actors.wall.backed import BackedSlice
from meterstorm.actors.wall.backends import etcd
from meterstorm.actors.wall.backends.backend import ALWAYS, NOTHING, Backend, Gone, Leases, Service, Step

from support.walled import world

S = 10**9
TWICE = [
    {"kind": "crash", "servers": [0], "start_s": 2.0, "duration_s": 0.2},
    {"kind": "crash", "servers": [0], "start_s": 2.4, "duration_s": 0.6},
]


class MadeUp(Service):
    """One that has no leases; `gone` says what it does not answer."""

    gone: set[str]

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.gone = set()

    def _answer(self, what: str) -> None:
        if what in self.gone:
            raise Gone(what)

    def begin(self, free: Sequence[int]) -> None:
        self._answer("begin")

    def is_another(self) -> bool:
        return True

    def ping(self) -> None: ...

    def fill(self, free: Sequence[int]) -> None: ...

    def carry_out(self, steps: Sequence[Step]) -> list[int]:
        self._answer("carry_out")
        return [1 for _ in steps]

    def done(self) -> int:
        self._answer("done")
        return 0

    def leases(self) -> Leases:
        self._answer("leases")
        return {}

    def cpu_s(self) -> float:
        return 0.0

    def close(self) -> None: ...


def slice_of(tmp_path: Path, faults: list[dict[str, Any]]) -> tuple[BackedSlice, MadeUp]:
    made: list[MadeUp] = []

    def connect(folder: Path) -> MadeUp:
        made.append(MadeUp(folder))
        return made[-1]

    backend = Backend("stub", (NOTHING, ALWAYS), lambda: "stub", lambda *_: [], connect)
    scenario = world({"run": {"warmup_s": 0.0, "duration_s": 6.0}, "servers": {"count": 1}, "faults": faults})
    part = BackedSlice(scenario, 0, 0, 1, backend, tmp_path)
    part.meet()
    part.advance(2 * S)
    return part, made[0]


@pytest.mark.parametrize("what", ["begin", "done", "carry_out", "leases"])
def test_a_crash_that_begins_as_a_service_comes_back_is_one_with_the_crash_before(what: str, tmp_path: Path):
    """It answers just before the second crash, which then meets what is asked of it."""
    part, service = slice_of(tmp_path, TWICE)
    assert not part.serves(round(2.1 * S))
    service.gone = {what}
    assert not part.serves(round(2.399 * S))
    service.gone = set()
    assert not part.serves(round(2.7 * S))
    assert part.serves(round(3.1 * S))
    assert part.is_there


def test_a_service_that_goes_without_a_crash_to_come_is_lost(tmp_path: Path):
    part, service = slice_of(tmp_path, TWICE[:1])
    assert not part.serves(round(2.1 * S))
    service.gone = {"begin"}
    with pytest.raises(PeerLost, match="the stub of server 0 is lost: begin"):
        part.serves(round(2.3 * S))


def test_one_that_goes_in_the_last_turn_is_lost_or_was_killed(tmp_path: Path):
    """With a crash that has begun by the end it is not asked any more; else it is lost."""
    part, service = slice_of(tmp_path, [TWICE[0] | {"start_s": 5.9}])
    service.gone = {"leases"}
    part.advance(6 * S)
    part.tally()
    part, service = slice_of(tmp_path, [])
    service.gone = {"leases"}
    part.advance(6 * S)
    with pytest.raises(PeerLost, match="the stub of server 0 is lost: leases"):
        part.tally()


class LateEtcd(etcd.EtcdService):
    """Keys of its own, and one write that it says it has not carried out in time, though it may have."""

    def __init__(self, has_written: bool) -> None:
        super().__init__(Path("nowhere"))
        self.keys: dict[str, str] = {}
        self.revision, self.has_written, self.is_late = 0, has_written, False

    def _read(self, ranges: list[dict[str, str]]) -> tuple[dict[str, str], int]:
        return dict(self.keys), self.revision

    def _write(
        self, revision: int, puts: Sequence[tuple[str, str]], deletes: Sequence[str] | set[str] = ()
    ) -> bool:
        if revision != self.revision:
            return False
        is_late, self.is_late = self.is_late, False
        if not is_late or self.has_written:
            self.keys = {key: value for key, value in self.keys.items() if key not in deletes} | dict(puts)
            self.revision += 1
        if is_late:
            raise etcd.Late("503: etcdserver: request timed out")
        return True


@pytest.mark.parametrize("has_written", [True, False])
def test_an_etcd_that_is_late_in_saying_so_has_carried_each_step_out_once(has_written: bool):
    """One license for two who ask: the second is denied, whether the first was granted late or not."""
    service = LateEtcd(has_written)
    service.fill([1])
    service.is_late = True
    asked = [Step("request", client, 0, 1, 1, 5, 0, 0) for client in (1, 2)]
    assert service.carry_out(asked) == [1, 0]
    assert service.done() == 2
    assert service.leases() == {(1, 0, 1): (0, 1)}
