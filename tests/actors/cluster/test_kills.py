"""Processes killed at random moments: the run ends with the same results, by itself or by `meterstorm resume`."""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from meterstorm.actors.cluster import shard_set
from meterstorm.actors.cluster.connection import start_ray
from meterstorm.actors.cluster.failures import ShardLost
from meterstorm.actors.cluster.shard_set import ShardSet
from meterstorm.actors.shards.checkpoints import Checkpoints
from meterstorm.experiments.cli import main as cli
from meterstorm.experiments.reports import columns
from meterstorm.experiments.runs import run
from meterstorm.experiments.runs.options import Options
from meterstorm.experiments.runs.unfinished import UnfinishedRun
from meterstorm.experiments.scenario import Scenario, to_toml, validate
from pyarrow import parquet
from typer.testing import CliRunner

from support.processes import ENDING_S, PATIENCE_S, alive, command, descendants, eventually, shards

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.xdist_group("kills")]

EVERY_S = 0.1
END = 1.5  # worlds of two: no kill comes later, as progress is told in steps


def scenario(duration_s: float) -> Scenario:
    """Two versions of a world with faults, jitter and loss, where much is under way at any moment."""
    return validate(
        {
            "title": "a world to be killed",
            "run": {"duration_s": duration_s, "warmup_s": 300},
            "network": {"latency_ms": 200, "jitter_ms": 100, "loss": 0.01},
            "clients": {"count": 2000, "programs": 2, "release_old": "deferred"},
            "products": [{"name": "editor", "licenses": 900}],
            "servers": {"count": 3, "service_ms": 2},
            "workload": {"launch_interval_s": 100, "run_time_s": 60},
            "policies": {
                "denial": {"name": "callback"},
                "balancing": {"name": "periodic-demand", "interval_s": 400},
            },
            "faults": [{"kind": "unreachable", "servers": [0], "start_s": 300, "duration_s": duration_s / 2}],
            "arms": [{"name": "a"}, {"name": "b", "set": {"policies.failover": {"name": "immediate"}}}],
        }
    )


@pytest.fixture(scope="module")
def ray(temporary: str) -> Iterator[Any]:
    """Ray for this file."""
    module = start_ray(2)
    yield module
    module.shutdown()


class Killer(threading.Thread):
    """Kills so many shards below this process, at random moments: one at a time, or all, as when a node dies.

    The run's progress is cut in as many parts as there are kills; one comes in each, or while the shards start
    again after the last one.
    """

    def __init__(self, kills: int, seed: int) -> None:
        super().__init__(daemon=True)
        self.progress = 0.0  # worlds, as the run reports them
        self.killed = 0
        self._kills = kills
        self._numbers = random.Random(seed)
        self._over = threading.Event()

    def run(self) -> None:
        while self.killed < self._kills:
            moment = END * (self.killed + self._numbers.random()) / self._kills
            at_start = self._numbers.random() < 0.2
            while not at_start and self.progress < moment and not self._over.wait(0.002):
                pass
            self._over.wait(self._numbers.random() * EVERY_S)
            while not (living := shards()) and not self._over.wait(0.02):
                pass
            if self._over.is_set():
                return
            for pid in living if self._numbers.random() < 0.5 else self._numbers.sample(living, 1):
                self._kill(pid)

    def _kill(self, pid: int) -> None:
        try:
            os.kill(pid, signal.SIGKILL)
            self.killed += 1
        except ProcessLookupError:
            pass

    def report(self, done: float) -> None:
        """Take the run's progress, and hold it up at the end of a part until its kill has come."""
        self.progress = done
        if self.killed < self._kills and done >= END * (self.killed + 1) / self._kills:
            before = self.killed
            eventually(lambda: self.killed > before)

    def __enter__(self) -> "Killer":
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        self.join(PATIENCE_S)
        assert not self.is_alive()


def check_same(there: run.Results, here: run.Results) -> None:
    for mine, theirs in zip(here.versions, there.versions, strict=True):
        for a, b in zip(mine.replications, theirs.replications, strict=True):
            assert (a.number, a.digest, a.metrics, a.events) == (b.number, b.digest, b.metrics, b.events)
            np.testing.assert_array_equal(a.series, b.series)
            for name in columns.SERVERS:  # others number rows of a shard's tables
                np.testing.assert_array_equal(a.servers[name], b.servers[name])
            assert b.cpu_s > 0


@pytest.mark.parametrize(("count", "kills", "seed"), [(2, 12, 1), (3, 8, 2)])
def test_a_run_whose_shards_are_killed_ends_as_if_they_had_not(ray, tmp_path, monkeypatch, count, kills, seed):
    restored, restore = [], Checkpoints.restore

    def noted(self: Checkpoints, load_parts: Any) -> Any:
        result = restore(self, load_parts)
        restored.append(result is not None)
        return result

    monkeypatch.setattr(Checkpoints, "restore", noted)
    monkeypatch.setattr(shard_set, "RESTARTS", kills)  # on a fast machine some parts pass without a checkpoint
    world = scenario(8000)
    expected = run.run(world, workers=0)
    unfinished = UnfinishedRun.begin(tmp_path, world, Options("killed", count, 0, False, EVERY_S))
    with Killer(kills, seed) as killer:
        results = run.run(world, shards=count, on_progress=killer.report, unfinished=unfinished)
    assert killer.killed >= kills
    assert sum(restored) >= kills // 4  # most did not begin anew
    check_same(results, expected)
    assert eventually(lambda: not shards())


def test_without_checkpoints_a_killed_shard_ends_the_run_at_once(ray, monkeypatch):
    """Nothing is started again."""
    starts, start = [], ShardSet._start
    monkeypatch.setattr(ShardSet, "_start", lambda shard_set: starts.append(1) or start(shard_set))
    with Killer(1, 3) as killer, pytest.raises(ShardLost, match=r"^shard \d \(.*\) (is lost|has lost another): "):
        run.run(scenario(5000), shards=2, on_progress=killer.report)
    assert len(starts) == 1
    assert eventually(lambda: not shards())


def test_shards_lost_while_they_start_again_cost_a_restart_and_not_the_run(ray, tmp_path, monkeypatch):
    starts, start = [], ShardSet._start

    def fails_sometimes(self: ShardSet) -> None:
        starts.append(len(starts))
        if len(starts) in (2, 3):  # when the first kill is to be made good, and again
            raise ShardLost("shard 0 is lost: killed while it started")
        start(self)

    monkeypatch.setattr(ShardSet, "_start", fails_sometimes)
    world = scenario(1000)
    unfinished = UnfinishedRun.begin(tmp_path, world, Options("killed", 2, 0, False, EVERY_S))
    with Killer(1, 5) as killer:
        results = run.run(world, shards=2, on_progress=killer.report, unfinished=unfinished)
    assert len(starts) >= 4
    check_same(results, run.run(world, workers=0))


def test_a_run_without_progress_gives_up(ray, tmp_path, monkeypatch):
    monkeypatch.setattr(shard_set, "RESTARTS", 1)
    world = scenario(20000)
    unfinished = UnfinishedRun.begin(tmp_path, world, Options("killed", 2, 0, False, 3600.0))
    message = "gave up after 1 restarts without a new checkpoint in between"
    with Killer(20, 4) as killer, pytest.raises(ShardLost, match=message):
        run.run(world, shards=2, on_progress=killer.report, unfinished=unfinished)
    assert killer.killed >= 2


# The driver


def start(*arguments: object) -> subprocess.Popen[str]:
    code = "from meterstorm.experiments.cli.main import main; main()"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def count_checkpoints(folder: Path) -> int:
    """How many checkpoints and finished worlds a run has written."""
    kept = folder / "checkpoints"
    numbers = [int(path.parent.name.partition("-")[0]) for path in kept.glob("world-*/*/head")]
    return sum(1 for _ in kept.glob("done-*")) * 1000 + max(numbers, default=0)


def wait_for_checkpoint(driver: subprocess.Popen[str], folder: Path, before: int) -> None:
    """Wait until a driver has written one more."""

    def is_written() -> bool:
        assert driver.poll() is None, driver.communicate()
        return count_checkpoints(folder) > before

    assert eventually(is_written, PATIENCE_S, every_s=0.005)


def kill_on_the_way(driver: subprocess.Popen[str], folder: Path, numbers: random.Random) -> None:
    """Kill a driver at a random moment after one more checkpoint, and see that nothing is left of it."""
    wait_for_checkpoint(driver, folder, count_checkpoints(folder))
    time.sleep(numbers.random() * EVERY_S)
    processes = descendants(driver.pid)
    driver.kill()
    driver.communicate(timeout=PATIENCE_S)
    assert eventually(lambda: not alive(processes), ENDING_S)


@pytest.mark.parametrize(("shards_count", "kills"), [(1, 4), (2, 1)])
def test_a_run_whose_driver_is_killed_is_resumed_to_the_same_folder(tmp_path, monkeypatch, shards_count, kills):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    if len(str(tmp_path)) > 40:  # Ray's sockets have names of 107 bytes at most, of which it takes 65
        monkeypatch.setenv("RAY_TMPDIR", tempfile.gettempdir())
    file, out, whole = tmp_path / "killed.toml", tmp_path / "out", tmp_path / "whole"
    file.write_text(to_toml(scenario(4000 if shards_count > 1 else 200_000)))
    options = ["--shards", shards_count, "--workers", 0, "--json"]
    numbers = random.Random(shards_count)
    for kill in range(kills):
        first = ["run", file, *options, "--checkpoint-every", f"{EVERY_S}s", "--out", out]
        driver = start(*(["resume", out, "--json"] if kill else first))
        kill_on_the_way(driver, out, numbers)
        assert (out / "scenario.toml").exists() and not (out / "summary.json").exists()
    last = start("resume", out, "--json")
    stdout, stderr = last.communicate(timeout=PATIENCE_S)
    assert last.returncode == 0, stderr
    results = CliRunner().invoke(cli.app, ["run", str(file), "--workers", "0", "--json", "--out", str(whole)])
    content, expected = json.loads(stdout), json.loads(results.stdout)
    assert content["digest"] == expected["digest"]
    for mine, theirs in zip(content["arms"], expected["arms"], strict=True):
        assert mine == theirs
    assert sorted(path.name for path in out.iterdir()) == sorted(path.name for path in whole.iterdir())
    for name in ("timeseries.parquet", "servers.parquet", "servers_timeseries.parquet", "faults.parquet"):
        assert parquet.read_table(out / name) == parquet.read_table(whole / name)


@pytest.mark.parametrize(("options", "name"), [(("--shards", 2), "raylet"), (("--workers", 2), "gcs_server")])
def test_a_run_whose_ray_is_killed_says_so_and_is_resumed(tmp_path, monkeypatch, options, name):
    """Ray has processes that nothing starts again: without them it waits for ever, or ends its driver unheard."""
    monkeypatch.setenv("RAY_TMPDIR", tempfile.gettempdir())
    file, out, whole = tmp_path / "lost.toml", tmp_path / "out", tmp_path / "whole"
    file.write_text(to_toml(scenario(8000 if "--shards" in options else 400_000)))
    driver = start("run", file, *options, "--checkpoint-every", f"{EVERY_S}s", "--out", out)
    wait_for_checkpoint(driver, out, 0)
    processes = descendants(driver.pid)
    (lost,) = (pid for pid in processes if Path(command(pid).split()[0]).name == name)
    os.kill(lost, signal.SIGKILL)
    _, stderr = driver.communicate(timeout=PATIENCE_S)
    assert driver.returncode == 4, stderr
    assert f"meterstorm: this run's Ray is lost: its process {name} has ended\n" in stderr
    assert f"meterstorm resume {out} goes on" in stderr
    assert eventually(lambda: not alive(processes), ENDING_S)
    last = start("resume", out, "--json")
    stdout, stderr = last.communicate(timeout=PATIENCE_S)
    assert last.returncode == 0, stderr
    results = CliRunner().invoke(cli.app, ["run", str(file), "--workers", "0", "--json", "--out", str(whole)])
    assert json.loads(stdout)["digest"] == json.loads(results.stdout)["digest"]
