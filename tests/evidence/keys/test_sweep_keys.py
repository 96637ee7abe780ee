"""[sweep]: what each key does to the worlds that `meterstorm sweep` runs, and that `run` does not look at it."""

import math

import pytest
from meterstorm.actors.shards.simulate import simulate
from meterstorm.experiments.scenario import validate
from meterstorm.experiments.sweeps import results
from meterstorm.experiments.sweeps.options import SweepOptions
from meterstorm.experiments.sweeps.points import plan
from meterstorm.experiments.sweeps.run import run_sweep

from support.lab import covers, on_bare

KEYS = ("clients.count", "workload.launch_interval_s")


def swept(folder, **sweep):
    """What the worlds of a sweep have: its axes' values, and their digests."""
    made = plan(validate(on_bare({"sweep": sweep})))
    run_sweep(made, SweepOptions(workers=0), folder)
    rows = results.collect(made, folder).to_pylist()
    return [tuple(row[axis.key] for axis in made.axes) for row in rows], [row["digest"] for row in rows]


def alone(count, interval_s):
    """The digest of the world that has these values."""
    layer = {"clients": {"count": count}, "workload": {"launch_interval_s": interval_s}}
    return f"{simulate(validate(on_bare(layer)), 0).digest:016x}"


@covers("sweep.vary", "sweep.design=grid")
def test_a_world_for_every_combination_of_what_is_varied(tmp_path):
    axes = dict(zip(KEYS, [[3, 5], "10:1000:log 3"], strict=True))
    settings, digests = swept(tmp_path, vary=axes)
    assert settings == [(3, 10.0), (3, 100.0), (3, 1000.0), (5, 10.0), (5, 100.0), (5, 1000.0)]
    assert digests == [alone(*setting) for setting in settings]
    assert len(set(digests)) == 6


@covers("sweep.design=zip")
def test_a_zip_has_a_world_for_the_values_that_stand_together(tmp_path):
    settings, digests = swept(tmp_path, vary=dict(zip(KEYS, [[3, 5], [10, 50]], strict=True)), design="zip")
    assert settings == [(3, 10), (5, 50)]
    assert digests == [alone(*setting) for setting in settings]


@covers("sweep.samples", "sweep.design=sobol", "sweep.design=lhs", "sweep.design=random", "sweep.design=saltelli")
@pytest.mark.parametrize(
    ("design", "blocks", "is_even"),
    [("sobol", 1, True), ("lhs", 1, True), ("random", 1, False), ("saltelli", 4, True)],
)
@pytest.mark.parametrize("samples", [1, 8])
def test_so_many_points_are_drawn(samples, design, blocks, is_even, tmp_path):
    axes = dict(zip(KEYS, ["1:40", "10:1000:log"], strict=True))
    settings, digests = swept(tmp_path, vary=axes, design=design, samples=samples)
    assert len(settings) == blocks * samples
    assert digests == [alone(*setting) for setting in settings]
    shares = sorted(math.log10(interval_s / 10) / 2 for _, interval_s in settings[:samples])
    found = [math.floor(share * samples) for share in shares] == list(range(samples))
    assert found == (is_even or samples == 1)


@covers("sweep.vary", "sweep.design=grid", "sweep.samples")
def test_a_run_does_not_look_at_it():
    plain = validate(on_bare({}))
    varied = validate(on_bare({"sweep": {"vary": {"clients.count": "1:9"}, "design": "lhs", "samples": 5}}))
    assert simulate(varied, 0).digest == simulate(plain, 0).digest
