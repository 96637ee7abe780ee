"""However a sweep ends, what is done is kept, no process is left, and it ends as if nothing had been."""

import json
import os
import random
import signal
from pathlib import Path

import pytest
import tomli_w
from meterstorm.experiments.cli import console
from meterstorm.experiments.sweeps import store
from pyarrow import parquet

from support.command_line import invoke
from support.layers import layered
from support.processes import eventually, in_session
from support.sweeps import SCENE, SMALL, end_session, played, start, workers_of

pytestmark = pytest.mark.slow

PATIENCE_S = 120.0
BUSY = {  # a tenth of a second a world
    "run": {"duration_s": 5000.0, "replications": 1},
    "clients": {"count": 500},
    "workload": {"launch_interval_s": 10.0, "run_time_s": 10.0},
}
AXES = ["--vary", "clients.count=400:600:21"]


def write(folder: Path, *layers):
    (folder / "sweep.toml").write_text(tomli_w.dumps(layered(SMALL, *layers)))


def stored(folder: Path) -> int:
    """How many bytes of rows a sweep has on disk."""
    return sum(path.stat().st_size for path in (folder / "out" / "checkpoints").glob("*.arrows"))


def rows_stored(folder: Path) -> int:
    """How many worlds a sweep has on disk."""
    return sum(rows.num_rows for rows in store.read(folder / "out" / "checkpoints"))


def metrics(folder: Path) -> bytes:
    return (folder / "metrics.parquet").read_bytes()


def finish(process, status):
    """The output of a command that ends with a status and leaves no process behind."""
    try:
        stdout, stderr = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == status, stderr
        assert eventually(lambda: not in_session(process.pid)), in_session(process.pid)
        assert "Traceback" not in stderr
        return stdout, stderr
    finally:
        end_session(process)


def begin(folder: Path, *arguments, **more):
    return start(folder, "sweep", "sweep.toml", "--out", "out", *arguments, **more)


def reach(process, condition):
    """Wait for a moment of a command that must not have ended by then."""
    reached = eventually(lambda: condition() or process.poll() is not None, PATIENCE_S, every_s=0.005)
    if not reached or process.poll() is not None:
        raise AssertionError(end_session(process))


# The last of these worlds has no end that anybody would wait for.
ENDLESS = [
    "--zip", "--vary", "run.duration_s=1000,2000,1e9", "--vary", f"{SCENE}=1,2,3",
    "--set", "run.sample_s=1e9", "--replications", "1",
]  # fmt: skip
ENDINGS = {
    "Ctrl-C in a terminal": (signal.SIGINT, os.killpg, console.INTERRUPTED, 2),
    "Ctrl-C without workers": (signal.SIGINT, os.killpg, console.INTERRUPTED, 0),
    "SIGTERM": (signal.SIGTERM, os.kill, console.INTERRUPTED, 2),
    "SIGKILL": (signal.SIGKILL, os.kill, -signal.SIGKILL, 2),
}


@pytest.mark.parametrize("name", ENDINGS)
def test_an_end_in_the_middle_of_a_world(name, here):
    number, send, status, workers = ENDINGS[name]
    write(here, played(here, lasts=3))
    process = begin(here, *ENDLESS, "--workers", workers)
    reach(process, lambda: (here / "at work").exists() and rows_stored(here) == 2)
    send(process.pid, number)
    _, stderr = finish(process, status)
    if status == console.INTERRUPTED:
        assert "interrupted; kept 2 of 3 worlds" in stderr and "meterstorm resume out goes on" in stderr
        assert parquet.read_table(here / "out" / "metrics.parquet").num_rows == 2
    shown = invoke("results", "out", "--csv", "rows.csv")
    assert shown.exit_code == 0, shown.stderr
    assert len((here / "rows.csv").read_text().splitlines()) == 1 + 2


@pytest.mark.parametrize("name", [name for name in ENDINGS if "without" not in name])
def test_an_end_before_the_workers_are_there(name, here):
    """They are still importing what they need."""
    number, send, status, workers = ENDINGS[name]
    write(here, BUSY)
    process = begin(here, *AXES, "--workers", workers)
    reach(process, lambda: len(workers_of(process.pid)) == workers)
    send(process.pid, number)
    _, stderr = finish(process, status)
    told = "interrupted; kept" in stderr and "meterstorm resume out goes on" in stderr
    assert told == (status == console.INTERRUPTED)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_sweep_killed_at_any_moment_ends_with_the_bytes_of_a_whole_one(seed, here):
    write(here, BUSY)
    whole = invoke("sweep", "sweep.toml", *AXES, "--workers", 0, "--out", "whole")
    assert whole.exit_code == 0, whole.stderr
    draw, begun = random.Random(seed), here / "out" / "checkpoints" / "sweep"
    process = begin(here, *AXES, "--workers", "2")
    for more in (0, draw.randint(1, 20_000), draw.randint(1, 20_000)):
        target = stored(here) + more
        reach(process, lambda target=target: begun.exists() and stored(here) >= target)
        os.kill(process.pid, signal.SIGKILL)
        finish(process, -signal.SIGKILL)
        process = start(here, "resume", "out", "--json")
    stdout, _ = finish(process, 0)
    assert json.loads(stdout)["done"] == 21
    assert metrics(here / "out") == metrics(here / "whole")
    assert not (here / "out" / "checkpoints").exists()


def test_a_disk_that_gets_full_keeps_what_fitted(here):
    write(here, {"run": {"replications": 20}})
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))"
    axes = ["--vary", "clients.count=10,20,30"]
    _, stderr = finish(begin(here, *axes, "--workers", "0", before=limit), console.UNAVAILABLE)
    assert "cannot be written: File too large" in stderr
    assert "what is done is kept: meterstorm resume out goes on" in stderr
    assert 0 < stored(here) <= 20_000
    assert invoke("resume", "out").exit_code == 0
    assert invoke("sweep", "sweep.toml", *axes, "--workers", 0, "--out", "whole").exit_code == 0
    assert metrics(here / "out") == metrics(here / "whole")


@pytest.mark.parametrize("workers", [0, 1])
def test_a_world_that_does_not_fit_the_memory_fails_alone(workers, here):
    write(here, {"run": {"replications": 1}})
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_AS, ({4 * 2**30}, {4 * 2**30}))"
    axes = ["--vary", "clients.count=10,100000000,20", "--workers", workers, "--json"]
    stdout, stderr = finish(begin(here, *axes, before=limit), console.FAILED_WORLDS)
    content = json.loads(stdout)
    assert [(row["point"], row["error"]) for row in content["failures"]] == [(1, "out of memory")]
    assert "1 of 3 worlds failed" in stderr


@pytest.mark.parametrize("workers", [0, 1])
def test_what_policies_print_is_not_on_standard_output(workers, here):
    write(here, played(here, prints=2))
    stdout, stderr = finish(begin(here, "--vary", f"{SCENE}=1,2", "--workers", workers, "--json"), 0)
    assert json.loads(stdout)["done"] == 4
    assert "a word of the policy's" in stderr
