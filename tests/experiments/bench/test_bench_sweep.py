"""The benchmark of sweeps: its worlds are of the size asked for, its figures add up, and it runs."""

import re

import pytest
from meterstorm.experiments.bench import sweep as bench_sweep
from meterstorm.experiments.cli import console
from meterstorm.experiments.sweeps import results
from meterstorm.experiments.sweeps.options import SweepOptions
from meterstorm.experiments.sweeps.run import run_sweep

from support.command_line import invoke


def test_worlds_are_of_the_size_that_was_asked_for(tmp_path):
    """About: it is 0.050 to 0.055 events a client-second; each has a seed of its own."""
    made = bench_sweep.worlds(10, 20_000)
    run_sweep(made, SweepOptions(workers=0), tmp_path)
    rows = results.collect(made, tmp_path).to_pylist()
    assert [row["run.seed"] for row in rows] == [row["seed"] for row in rows] == list(range(1, 11))
    assert all(0.95 * 20_000 <= row["events"] <= 1.15 * 20_000 for row in rows)
    assert len({row["digest"] for row in rows}) == 10


def test_a_pace_counts_from_the_first_world_on(monkeypatch, tmp_path):
    """Three seconds to the first chunk, of 4 worlds, and 6 more in the two seconds after."""
    clock = iter([100.0, 103.0, 104.0, 105.0])
    monkeypatch.setattr(bench_sweep.time, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(
        bench_sweep, "run_sweep", lambda plan, options, folder, tell: [tell(n) for n in (0, 4, 7, 10)]
    )
    pace = bench_sweep._pace(bench_sweep.worlds(10, 1000), 2, tmp_path, lambda done: None)
    assert pace == bench_sweep.Pace(2, 3.0, 3.0)


def test_sweeps_that_differ_are_a_defect(monkeypatch):
    digests = iter(["a", "b"])
    monkeypatch.setattr(bench_sweep, "_pace", lambda *arguments: None)
    monkeypatch.setattr(bench_sweep.results, "collect", lambda *arguments: None)
    monkeypatch.setattr(bench_sweep.results, "digest", lambda table: next(digests))
    result = invoke("bench", "sweep", "--worlds", 10, "--events", 1000)
    assert result.exit_code == console.INVARIANT
    assert "the digest of a sweep on 1, 2 workers: ['a', 'b']" in result.stderr


@pytest.mark.slow
def test_it_runs(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    result = invoke("bench", "sweep", "--worlds", 30, "--events", 1000, "--workers", 1, "--workers", 2)
    assert result.exit_code == 0, result.stderr
    rates = {
        int(cells[0]): [float(cell) for cell in cells[1:]]
        for line in result.stdout.splitlines()
        if (cells := [cell.strip() for cell in line.split("│")[1:-1]])
    }
    assert list(rates) == [1, 2]
    for workers, (first_s, rate, of_one, efficiency) in rates.items():
        assert first_s > 0 and of_one == pytest.approx(rate / workers, rel=0.01)
        assert efficiency == pytest.approx(of_one / rates[1][2], abs=0.02)
    shares = [int(share) for share in re.findall(r"(\d+)% ", result.stdout)]
    assert len(shares) == 5 and sum(shares) == pytest.approx(100, abs=3)
    assert re.search(r"peak memory of the process that hands them out: \d+ MiB", result.stdout)
