"""Checkpoints: a world goes on from any of them to the same end, and a damaged one is refused by name."""

import random
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import strategies as st
from meterstorm.actors.cluster.host import ShardHost
from meterstorm.actors.shards.checkpoints import Checkpoints, load, look_at, save, whole
from meterstorm.actors.shards.sealed import CheckpointError, read, write
from meterstorm.actors.shards.shard import Shard
from meterstorm.actors.shards.simulate import simulate
from meterstorm.actors.shards.tally import Tally, merge
from meterstorm.actors.state.world import TABLES
from meterstorm.experiments.metrics.metrics import metrics
from meterstorm.experiments.scenario import Scenario, validate

from support import drawn
from support.processes import PATIENCE_S

DRAWS = drawn.scenarios(
    latencies_ms=st.floats(50.0, 300.0), clients_min=3, clients_max=60, duration_s=1500.0
)  # a latency, for shards; a long one, for few exchanges

SMALL = validate(
    {
        "title": "small",
        "run": {"duration_s": 900, "warmup_s": 100},
        "clients": {"count": 10, "release_old": "deferred"},
        "policies": {"denial": {"name": "retry"}},
        "products": [{"name": "editor", "licenses": 6}],
        "workload": {"launch_interval_s": 100, "run_time_s": 60},
        "faults": [{"kind": "unreachable", "servers": [0], "start_s": 200, "duration_s": 100}],
    }
)

HALF_NS = 500_000_000_000


class Interrupted(Exception):
    """Stands for the death of a process, right after a checkpoint."""


class Deadly(Checkpoints):
    """Checkpoints that are due after every `skip` slices; the process ends with each."""

    skip = 0
    slices = 0

    def is_due(self) -> bool:
        self.slices += 1
        return self.slices > self.skip

    def save(self, write_parts: Callable[[Path], list[bytes]]) -> None:
        super().save(write_parts)
        raise Interrupted


def known(tally: Tally, scenario: Scenario) -> dict[str, Any]:
    """Digest, events and all metrics."""
    return {"digest": tally.digest, "events": tally.events, **metrics(scenario, tally)}


def new(folder: Path, kind: type[Checkpoints] = Checkpoints, **identity: Any) -> Checkpoints:
    return kind(folder, 0.0, identity, time.time())


def explore(check: Callable[[Scenario, random.Random], object], examples: int, number: int) -> None:
    numbers = random.Random(number)
    drawn.explore(DRAWS, lambda scenario: check(scenario, numbers), examples, number)


# The same end, from everywhere


def test_one_shard_goes_on_from_anywhere(tmp_path):
    """Killed about ten times on its way, and begun again, a world gives the same digest and numbers."""
    deaths = []

    def check(scenario: Scenario, numbers: random.Random) -> None:
        folder = tmp_path / str(len(deaths))
        deaths.append(0)
        while True:
            world = new(folder, Deadly)
            world.skip = numbers.randrange(30)
            try:
                tally = simulate(scenario, keep_journal=True, checkpoints=world)
                break
            except Interrupted:
                deaths[-1] += 1
                assert deaths[-1] < 1000, "it does not get on"
        alone = simulate(scenario, keep_journal=True)
        assert known(tally, scenario) == known(alone, scenario)
        assert (tally.journal == alone.journal).all()

    explore(check, 10, 21)
    assert sum(deaths) > 60


def all_of(hosts: list[ShardHost], method: Callable[..., Any], *arguments: Any) -> list[Any]:
    with ThreadPoolExecutor(len(hosts)) as threads:
        calls = [threads.submit(method, host, *arguments) for host in hosts]
        return [call.result(timeout=PATIENCE_S) for call in calls]


def advance(host: ShardHost, exchanges: int) -> bool:
    """Go on by so many exchanges; whether that was the end."""
    return any(host.run(-1.0)[1] for _ in range(exchanges))  # so short a time is one exchange


@pytest.fixture(params=[2, 3])
def hosts(request) -> Iterator[list[ShardHost]]:
    """Shards in threads of this process."""
    made = [ShardHost(shard, request.param, b"a key of thirty-two bytes, or so") for shard in range(request.param)]
    all_of(made, ShardHost.connect, all_of(made, ShardHost.listen))
    yield made
    for host in made:
        host.mesh.close()


def test_shards_go_on_from_any_exchange(hosts, tmp_path):
    cuts = []

    def check(scenario: Scenario, numbers: random.Random) -> None:
        saved = new(tmp_path / str(len(cuts)))
        cuts.append(0)
        world = (scenario, 0, False)
        all_of(hosts, ShardHost.begin, *world)
        while not all_of(hosts, advance, numbers.randrange(1, 60))[0]:
            saved.save(lambda folder: all_of(hosts, ShardHost.save, folder))
            all_of(hosts, advance, 5)  # what the dead have done since
            saved.restore(lambda *part: all_of(hosts, ShardHost.begin, *world, None, part))
            cuts[-1] += 1
        tally = merge(all_of(hosts, ShardHost.tally))
        assert known(tally, scenario) == known(simulate(scenario), scenario)

    explore(check, 4, 22)
    assert sum(cuts) > 20


def number_of(checkpoint: Path) -> int:
    return int(checkpoint.name.partition("-")[0])


def test_only_whole_checkpoints_count_and_two_are_kept(tmp_path, caplog):
    shard = Shard(SMALL)
    world = new(tmp_path)

    def die(folder: Path) -> list[bytes]:
        save(folder, 0, shard.world, {})
        raise Interrupted

    assert world.restore(lambda folder, seals: number_of(folder)) is None
    for number in range(1, 5):
        world.save(lambda folder: [save(folder, 0, shard.world, {})])
        with pytest.raises(Interrupted):
            world.save(die)
        assert world.restore(lambda folder, seals: number_of(folder)) == number
    assert [number_of(tmp_path / name) for name in whole(tmp_path)] == [3, 4]
    assert sorted(map(number_of, tmp_path.iterdir())) == [3, 4, 5]  # and what the last to die has left
    assert world.written == 4
    assert caplog.messages == []  # what is not whole is not there, which is no damage


def test_a_shard_that_was_given_up_cannot_write_into_another_checkpoint(tmp_path):
    shard = Shard(SMALL)
    world, folders = new(tmp_path), []

    def lost(folder: Path) -> list[bytes]:
        folders.append(folder)
        raise Interrupted

    with pytest.raises(Interrupted):
        world.save(lost)
    world.save(lambda folder: [save(folder, 0, shard.world, {"part": 1})])
    with pytest.raises(CheckpointError, match="shard 0 does not see it"):
        save(folders[0], 0, shard.world, {"part": 2})
    assert world.restore(lambda folder, seals: load(folder, 0, seals))[0] == {"part": 1}


def test_every_table_comes_back_as_it_was(tmp_path):
    shard = Shard(SMALL)
    shard.run(HALF_NS)
    seals = [save(tmp_path, 0, shard.world, {})]
    _, tables = load(tmp_path, 0, seals)
    assert set(tables) == set(TABLES)
    fresh = Shard(SMALL)
    fresh.restore(tables)
    for name in TABLES:
        assert getattr(fresh.world, name).tobytes() == getattr(shard.world, name).tobytes(), name


# Damage


def save_alone(shard: Shard, part: int, folder: Path) -> list[bytes]:
    return [save(folder, 0, shard.world, {"part": part})]


@pytest.fixture
def saved(tmp_path) -> Path:
    """The file of a shard half-way, in the third checkpoint of a folder."""
    shard = Shard(SMALL)
    world = new(tmp_path, run="this")
    for part in (1, 2, 3):
        shard.run(HALF_NS * part // 3)
        world.save(partial(save_alone, shard, part))
    return at(tmp_path, 3) / "shard-0"


def at(folder: Path, number: int) -> Path:
    """The checkpoint of a number."""
    (found,) = folder.glob(f"{number:06}-*")
    return found


def facts_of(path: Path) -> dict[str, Any]:
    return read(path, TABLES)[0]


def regions(path: Path) -> dict[str, range]:
    """Where the parts of a file lie, as its format says: magic, length, head, seal, tables."""
    content = path.read_bytes()
    head = int.from_bytes(content[8:16], "little")
    found = {"magic": range(8), "length": range(8, 16), "head": range(16, 16 + head)}
    found["seal"] = range(found["head"].stop, found["head"].stop + 32)
    end = found["seal"].stop
    for name, _, shape, _ in msgpack.unpackb(content[16 : 16 + head])["arrays"]:
        found[name] = range(end, end + TABLES[name].itemsize * shape[0])
        end = found[name].stop
    assert end == len(content) and set(TABLES) < set(found)
    return found


def test_a_file_that_is_cut_off_anywhere_is_refused_by_name(saved):
    whole = saved.read_bytes()
    sizes = {size for part in regions(saved).values() for size in (part.start, (part.start + part.stop) // 2)}
    for size in sorted({*sizes, len(whole) - 1} - {len(whole)}):
        saved.write_bytes(whole[:size])
        with pytest.raises(CheckpointError, match=f"{saved}: is cut off: it ends after {size} bytes"):
            facts_of(saved)
    saved.write_bytes(whole + b"\0")
    with pytest.raises(CheckpointError, match=f"{saved}: is altered: it goes on after its end"):
        facts_of(saved)
    saved.write_bytes(whole)
    assert facts_of(saved) == {"part": 3}


def test_one_flipped_bit_anywhere_is_refused_by_name(saved):
    whole = saved.read_bytes()
    numbers = random.Random(3)
    for name, part in regions(saved).items():
        for place in {part.start, part.stop - 1, *numbers.choices(part, k=6)} if part else ():
            damaged = bytearray(whole)
            damaged[place] ^= 1 << numbers.randrange(8)
            saved.write_bytes(damaged)
            with pytest.raises(CheckpointError) as raised:
                facts_of(saved)
            assert str(raised.value).startswith(f"{saved}: is ")
            if name in TABLES or name in ("head", "seal"):
                what = name if name in TABLES else "its head"
                assert str(raised.value) == f"{saved}: is altered: the checksum of {what} differs"


@pytest.mark.parametrize("damage", ["cut off", "altered", "gone", "of before", "of another run"])
def test_the_checkpoint_before_a_damaged_one_is_used(damage, saved, caplog):
    folder = saved.parent.parent
    damaged = saved.with_name("head") if damage == "of another run" else saved
    if damage == "gone":
        damaged.unlink()
    elif damage == "of before":  # whole, but not the one that belongs here
        shutil.copy(at(folder, 2) / "shard-0", saved)
    elif damage == "of another run":
        facts, _ = read(damaged, {})
        write(damaged, facts | {"run": "that"}, {})
    else:
        content = bytearray(damaged.read_bytes())
        content[-7] ^= 1
        damaged.write_bytes(content[:-100] if damage == "cut off" else content)
    numbers, _ = new(folder, run="this").restore(lambda folder, seals: load(folder, 0, seals))
    assert numbers == {"part": 2}
    first, second = caplog.messages
    assert first.startswith(f"checkpoint refused: {damaged}: ")
    assert second == f"using the checkpoint before it, {at(folder, 2)}"
    caplog.clear()
    assert new(folder, run="this").restore(lambda folder, seals: number_of(folder)) == 2
    assert caplog.messages == []  # it is not tried again, but kept
    assert first.endswith((saved.parent / "refused").read_text())


def test_without_a_good_checkpoint_the_world_begins_anew(saved, caplog):
    folder = saved.parent.parent
    for path in folder.glob("0*/shard-0"):
        path.write_bytes(path.read_bytes()[:-1])
    whole = simulate(SMALL)
    again = simulate(SMALL, checkpoints=new(folder, run="this"))
    assert again.digest == whole.digest
    assert caplog.messages[-1] == f"no checkpoint is left in {folder}: this world begins anew"


def changed(name: str, dtype: Any) -> dict[str, Any]:
    return {**TABLES, name: np.dtype(dtype)}


CLIENT: Any = TABLES["clients"]


@pytest.mark.parametrize(
    ("here", "reason"),
    [
        (changed("memory", "f4"), "the rows of memory are laid out otherwise (<f8 there, <f4 here)"),
        (
            changed("clients", [(name, "<f8" if name == "wants" else CLIENT[name]) for name in CLIENT.names]),
            "the rows of clients are laid out otherwise",
        ),
        (
            {name: dtype for name, dtype in TABLES.items() if name != "pending_releases"},
            "it has pending_releases, which is not known",
        ),
        ({**TABLES, "visits": np.dtype("i8")}, "it lacks visits"),
    ],
)
def test_a_file_of_another_version_is_refused(here, reason, saved):
    with pytest.raises(CheckpointError) as raised:
        read(saved, here)
    assert str(raised.value).startswith(f"{saved}: is of another version: {reason}")


def test_a_folder_that_a_shard_does_not_see_is_named(tmp_path):
    folder = tmp_path / "elsewhere"
    with pytest.raises(CheckpointError, match=f"{folder}: shard 3 does not see it: all nodes must share"):
        save(folder, 3, Shard(SMALL).world, {})


def test_cpu_time_is_that_of_all_processes_that_led_to_the_result(tmp_path):
    started_s = time.process_time()
    deaths = 0
    while True:
        world = new(tmp_path, Deadly)
        world.skip = 10
        try:
            tally = simulate(SMALL, checkpoints=world)
            break
        except Interrupted:
            deaths += 1
    spent_s = time.process_time() - started_s
    assert deaths >= 10
    # Each of them builds its world; nothing of that is left out, and nothing counts twice.
    assert spent_s / 4 < tally.cpu_s < spent_s


def test_a_write_that_fails_once_does_not_end_a_run(tmp_path, caplog):
    """The next checkpoint is as good as any; two failures in a row are one too many."""
    checkpoints = new(tmp_path)
    outcomes = iter("-+-+--")

    def write_parts(folder: Path) -> list[bytes]:
        if next(outcomes) == "-":
            raise CheckpointError(f"{folder}: cannot be written: Input/output error")
        return []

    for written in (0, 1, 1, 2, 2):
        checkpoints.save(write_parts)
        assert checkpoints.written == written
    assert caplog.text.count("checkpoint not written: ") == 3
    with pytest.raises(CheckpointError, match="Input/output error"):
        checkpoints.save(write_parts)
    assert checkpoints.exist() and checkpoints.restore(lambda folder, seals: number_of(folder)) == 2


def test_who_does_not_see_the_folder_says_so_before_anything_runs(tmp_path):
    checkpoints = new(tmp_path / "world-0-0")
    with checkpoints.probe() as file:
        look_at(file, "shard 1")
        assert [path.name for path in file.parent.iterdir()] == [file.name]  # nothing else stays
        elsewhere = tmp_path / "another file system" / file.name
        with pytest.raises(CheckpointError, match=r"file system: shard 1 does not see it: all nodes must share"):
            look_at(elsewhere, "shard 1")
    assert not file.exists()


def test_a_full_disk_is_told_as_one(tmp_path):
    (tmp_path / "full.part").symlink_to("/dev/full")
    with pytest.raises(CheckpointError, match=r"/full: cannot be written: No space left on device$"):
        write(tmp_path / "full", {}, {"rows": np.zeros(1 << 20)})
