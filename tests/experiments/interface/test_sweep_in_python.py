"""Sweeps in Python: what they plan and give, their folders, and the places that they run in."""

import fcntl
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from meterstorm import Sweep, SweepResults, load, run, write_report
from meterstorm.actors.shards.sealed import CheckpointError
from meterstorm.experiments.runs.table import COLUMNS
from meterstorm.experiments.scenario import ScenarioError

from support.command_line import POLICIES, SHORT, invoke

COUNT = "clients.count"
VARY = {COUNT: [10, 20, 30], "servers.count": [2, 4]}
ARMS = """
[[arms]]
name = "at once"
set = { "policies.failover" = { name = "immediate" } }
[[arms]]
name = "never"
set = { "policies.failover" = { name = "never" } }
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test works in a folder of its own, and so does what is temporary."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "short.toml").write_text(SHORT + ARMS)
    return tmp_path


def sweep(**more: Any) -> Sweep:
    return Sweep("short.toml", VARY, **{"replications": 2, **more})


def stopped_after(count: int) -> Callable[[float], None]:
    def interrupt(done: float) -> None:
        if done >= count:
            raise KeyboardInterrupt

    return interrupt


def content(folder: Path) -> dict[str, bytes]:
    """The files that are the same whoever ran a sweep."""
    return {name: (folder / name).read_bytes() for name in ("metrics.parquet", "scenario.toml")}


def test_worlds_are_those_of_runs_with_the_same_settings():
    found = sweep()
    table = found.run(workers=0).to_arrow()
    assert table.column_names == ["point", *VARY, *list(COLUMNS)[1:]]
    rows = table.to_pylist()
    assert len(rows) == 6 * 2 * 2
    for number, point in enumerate(found.points):
        alone = run(load("short.toml", {**point, "run.replications": 2}), workers=0).to_arrow()
        mine = table.filter(np.array([row["point"] == number for row in rows]))
        assert mine.select(list(COLUMNS)[1:]).equals(alone.select(list(COLUMNS)[1:]))


def test_its_folder_is_that_of_the_command(here: Path):
    results = sweep().run(workers=0, out="mine")
    options = [
        "--vary",
        f"{COUNT}=10,20,30",
        "--vary",
        "servers.count=2,4",
        "--replications",
        2,
        "--workers",
        0,
        "--no-report",
    ]
    assert invoke("sweep", "short.toml", *options, "--out", "theirs").exit_code == 0
    assert sorted(path.name for path in (here / "mine").iterdir()) == sorted(
        path.name for path in (here / "theirs").iterdir()
    )
    assert content(here / "mine") == content(here / "theirs")
    for folder in ("mine", "theirs"):
        read = SweepResults.read(folder)
        assert read.to_arrow().equals(results.to_arrow())
        assert (read.digest, read.points, read.failures, read.interrupted) == (
            results.digest,
            sweep().points,
            [],
            False,
        )
    assert invoke("results", "mine").exit_code == 0


def test_without_a_folder_nothing_is_left(here: Path):
    before = sorted(here.rglob("*"))
    inside: list[int] = []
    results = sweep().run(workers=0, on_progress=lambda done: inside.append(len(list(here.rglob("*")))))
    assert max(inside) > len(before)  # rows were kept as they came
    assert sorted(here.rglob("*")) == before
    assert results.to_arrow().num_rows == 24


def test_a_sweep_of_a_value_is_that_of_its_file():
    given = Sweep(load("short.toml"), VARY, replications=2, overrides={"run.duration_s": 300})
    assert given.run(workers=0).digest == sweep(overrides={"run.duration_s": 300}).run(workers=0).digest


def test_paths_in_a_sweep_of_a_value_start_here(here: Path):
    (here / "mine.py").write_text(POLICIES)
    for source in ("short.toml", load("short.toml")):
        given = Sweep(source, {"policies.failover.name": ["never", "./mine.py:MyPolicy"]}, arms=[])
        assert given.scenario.sweep.vary["policies.failover.name"][1] == str(here / "mine.py:MyPolicy")


@pytest.mark.parametrize(
    "takes", [(10, 20, 30), range(10, 31, 10), np.array([10, 20, 30]), "10:30:3", iter([10, 20, 30])]
)
def test_values_come_in_any_form(takes: Any):
    assert Sweep("short.toml", {COUNT: takes}).points == [{COUNT: 10}, {COUNT: 20}, {COUNT: 30}]


def test_numbers_of_numpy_are_numbers():
    points = Sweep("short.toml", {"servers.service_ms": np.linspace(0, 1, 3)}).points
    assert [type(point["servers.service_ms"]) for point in points] == [float] * 3


def test_a_design_draws_its_points_from_the_seed():
    def drawn(seed: int) -> list[dict[str, Any]]:
        return Sweep("short.toml", {"servers.service_ms": "0:500"}, design="sobol", samples=8, seed=seed).points

    assert len(drawn(1)) == 8
    assert drawn(1) == drawn(1) != drawn(2)


def test_the_scenarios_own_axes_are_varied_where_none_are_given(here: Path):
    (here / "own.toml").write_text(SHORT + '[sweep.vary]\n"clients.count" = [5, 6]\n')
    assert Sweep("own.toml").points == [{COUNT: 5}, {COUNT: 6}]
    assert Sweep("own.toml", {COUNT: [7, 8]}).points == [{COUNT: 7}, {COUNT: 8}]


def test_differences_of_arms_and_of_axes():
    results = sweep().run(workers=0)
    metrics = ["launches", "messages"]
    assert results.differences(metrics=metrics).num_rows == 6 * 2
    found = results.differences(by=COUNT, baseline=30, metrics=["launches"])
    assert found.column_names[:2] == [COUNT, "baseline"]
    assert found.num_rows == 2 * 2 * 2
    assert max(found["mean_difference"].to_pylist()) < 0  # fewer clients launch less


def test_workers_give_what_this_process_gives():
    told: list[float] = []
    assert sweep().run(workers=2, on_progress=told.append).to_arrow().equals(sweep().run(workers=0).to_arrow())
    assert (told[0], told[-1]) == (0, 24)


def test_an_interrupted_sweep_goes_on(here: Path):
    first = sweep().run(workers=0, out="out", on_progress=stopped_after(5))
    assert first.interrupted
    assert 0 < first.to_arrow().num_rows < 24
    assert SweepResults.read("out").interrupted

    told: list[float] = []
    second = sweep().run(workers=0, out="out", on_progress=told.append)
    assert told[0] == first.to_arrow().num_rows
    assert not second.interrupted
    whole = sweep().run(workers=0, out="whole")
    assert second.to_arrow().equals(whole.to_arrow())
    assert content(here / "out") == content(here / "whole")
    assert not (here / "out" / "checkpoints").exists()


def test_the_command_goes_on_with_it_and_it_with_the_command(here: Path):
    sweep().run(workers=0, out="out", on_progress=stopped_after(5))
    assert invoke("resume", "out").exit_code == 0
    assert SweepResults.read("out").to_arrow().equals(sweep().run(workers=0).to_arrow())


@pytest.mark.parametrize("other", [{"seed": 2}, {"replications": 3}, {"overrides": {"run.duration_s": 100}}])
def test_another_sweep_does_not_go_on(other: dict[str, Any], here: Path):
    sweep().run(workers=0, out="out", on_progress=stopped_after(5))
    kept = {path: path.read_bytes() for path in (here / "out").rglob("*") if path.is_file()}
    with pytest.raises(ValueError, match="out: has another sweep, unfinished") as caught:
        sweep(**other).run(workers=0, out="out")
    assert {path: path.read_bytes() for path in (here / "out").rglob("*") if path.is_file()} == kept
    assert not sweep().run(workers=0, out="out").interrupted  # nobody holds it
    assert caught.tb is not None  # though the error, and what it saw, is still there


def test_a_folder_of_something_else_is_left_alone(here: Path):
    sweep().run(workers=0, out="finished")
    assert invoke("run", "short.toml", "--workers", 0, "--out", "run").exit_code == 0
    (here / "papers").mkdir()
    (here / "papers" / "thesis.txt").write_text("mine")
    for folder in ("finished", "run", "papers"):
        with pytest.raises(ValueError, match=f"{folder}: not empty, and without an unfinished sweep"):
            sweep().run(workers=0, out=folder)
    assert (here / "papers" / "thesis.txt").exists()
    with pytest.raises(ValueError, match="run: not the folder of a sweep"):
        SweepResults.read("run")


def test_a_folder_has_one_process_at_a_time(here: Path):
    sweep().run(workers=0, out="out", on_progress=stopped_after(5))
    with (here / "out" / "checkpoints" / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(CheckpointError, match="another process"):
            sweep().run(workers=0, out="out")


def test_worlds_that_fail_are_named_and_tried_again(here: Path):
    """Three servers cannot be dealt to two sites: each value is right, the combination is not."""
    vary = {"servers.sites": [1, 2], "servers.count": [2, 3]}
    results = Sweep("short.toml", vary, arms=["never"]).run(workers=0, out="out")
    (failure,) = results.failures
    assert results.points[failure["point"]] == {"servers.sites": 2, "servers.count": 3}
    assert "servers.count" in failure["error"]
    assert not results.interrupted
    told: list[float] = []
    Sweep("short.toml", vary, arms=["never"]).run(workers=0, out="out", on_progress=told.append)
    assert told == [3, 4]
    missing = results.differences(by="servers.count", metrics=["launches"])["missing"].to_pylist()
    assert missing == [0, 1]


def test_a_file_that_is_not_there_leaves_no_folder(here: Path):
    (here / "traced.toml").write_text(SHORT + '[workload]\narrivals = "trace"\ntrace = "no.csv"\n')
    with pytest.raises(ValueError, match=r"no\.csv"):
        Sweep("traced.toml", {"servers.count": [2, 4]}).run(out="out")
    assert not (here / "out").exists()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"vary": {}}, "sweep.vary: empty"),
        ({"vary": {COUNT: 5}}, "sweep.vary.clients.count"),
        ({"vary": {COUNT: [5, "x"]}}, 'clients.count: "x" is not allowed'),
        ({"vary": VARY, "overrides": {COUNT: 5}}, "clients.count: set to one value, and clients.count is varied"),
        ({"vary": VARY, "overrides": {"run.seed": 5}, "seed": 6}, "run.seed: given 2 times"),
        ({"vary": VARY, "arms": ["nevre"]}, "did you mean"),
        ({"vary": VARY, "samples": 5}, "sweep.samples: 5"),
        ({"vary": VARY, "design": "gird"}, "sweep.design"),
    ],
)
def test_what_cannot_be_planned_is_refused_at_once(given: dict[str, Any], words: str):
    with pytest.raises(ScenarioError, match=words):
        Sweep("short.toml", **given)


def test_threads_run_sweeps_of_their_own():
    """Where no signal is heard, and two at a time."""
    seeds = [1, 2, 3]
    with ThreadPoolExecutor(2) as threads:
        found = list(threads.map(lambda seed: sweep(seed=seed).run(workers=1).digest, seeds))
    assert found == [sweep(seed=seed).run(workers=0).digest for seed in seeds]


SCRIPT = """
import stranger
from meterstorm import Sweep

print(Sweep("short.toml", {"clients.count": [10, 20]}, arms=[],
            overrides={"policies.failover.name": "mine.py:MyPolicy"}).run(workers=2).digest)
"""


def test_a_script_needs_no_guard_and_its_modules_are_found(here: Path):
    """A policy imports what lies beside the script; and a file in the current folder hides no module of ours."""
    (here / "scripts").mkdir()
    (here / "scripts" / "script.py").write_text(SCRIPT)
    (here / "scripts" / "stranger.py").write_text("DELAY_S = 5.0\n")
    (here / "queue.py").write_text("raise RuntimeError('this is not yours')\n")
    (here / "mine.py").write_text(
        POLICIES.replace("delay_s: float = 5.0", "delay_s: float = DELAY_S").replace(
            "from typing", "from stranger import DELAY_S\nfrom typing"
        )
    )
    command = [sys.executable, here / "scripts" / "script.py"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (here / "mine.py").write_text(POLICIES)
    alone = Sweep(
        "short.toml", {COUNT: [10, 20]}, arms=[], overrides={"policies.failover.name": "mine.py:MyPolicy"}
    )
    assert done.stdout.split() == [alone.run(workers=0).digest]


TASK = """
import ray
from meterstorm import Sweep, World, load

ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)

@ray.remote
def in_a_task():
    world = World(load("short.toml"), arm="never")
    world.skip_to(1200)
    return Sweep("short.toml", {"clients.count": [10, 20]}, replications=2).run(workers=2).digest, world.digest

print(*ray.get(in_a_task.remote()))
"""


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.xdist_group("ray")
def test_a_task_on_a_ray_of_ones_own(here: Path):
    (here / "task.py").write_text(TASK)
    env = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    done = subprocess.run([sys.executable, "task.py"], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    results = run(load("short.toml", {}, ["never"]), workers=0)
    expected = [
        Sweep("short.toml", {COUNT: [10, 20]}, replications=2).run(workers=0).digest,
        f"{results.versions[0].replications[0].digest:016x}",
    ]
    assert done.stdout.split() == expected


def test_a_report_is_that_of_the_command(here: Path):
    sweep().run(workers=0, out="mine")
    assert not (here / "mine" / "report.html").exists()
    assert write_report("mine") == Path("mine/report.html")
    written = (here / "mine" / "report.html").read_bytes()
    (here / "mine" / "report.html").unlink()
    assert invoke("report", "mine").exit_code == 0
    assert (here / "mine" / "report.html").read_bytes() == written
    assert write_report("mine", out=here / "page.html").read_bytes() == written


def test_a_report_of_nothing_or_of_a_sweep_beside_another_is_refused(here: Path):
    with pytest.raises(ValueError, match="temporary: not the folder of a finished run"):
        write_report(here / "temporary")
    sweep().run(workers=0, out="mine")
    with pytest.raises(ValueError, match="mine: the folder of a sweep stands alone"):
        write_report("mine", "mine")
