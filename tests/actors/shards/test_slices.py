"""A world in this process runs in slices: the same world, and Python hears of it in between."""

import pytest
from meterstorm.actors.shards import simulate as module
from meterstorm.actors.shards.simulate import simulate
from meterstorm.experiments.runs import run
from meterstorm.experiments.scenario import validate

WORLD = validate(
    {
        "title": "much to do",
        "run": {"duration_s": 40_000, "warmup_s": 1000},
        "clients": {"count": 500, "release_old": "deferred"},
        "network": {"jitter_ms": 50.0, "loss": 0.01},
        "products": [{"name": "editor", "licenses": 100}],
        "workload": {"launch_interval_s": 200, "run_time_s": 100},
        "faults": [{"kind": "unreachable", "servers": [0], "start_s": 2000, "duration_s": 5000}],
        "policies": {
            "denial": {"name": "callback"},
            "balancing": {"name": "periodic-demand", "interval_s": 600.0},
        },
    }
)


@pytest.fixture(scope="module")
def whole():
    return simulate(WORLD)


def test_slices_change_nothing(whole, monkeypatch):
    """Cut at hundreds of arbitrary moments."""
    monkeypatch.setattr(module, "SLICE_S", 0.0005)
    shares: list[float] = []
    sliced = simulate(WORLD, on_progress=shares.append)
    assert len(shares) > 10
    assert shares == sorted(shares) and shares[0] > 0.0 and shares[-1] < 1.0
    assert (sliced.digest, sliced.events) == (whole.digest, whole.events)
    assert (sliced.series == whole.series).all()


def test_a_run_tells_how_far_its_world_is(monkeypatch):
    monkeypatch.setattr(module, "SLICE_S", 0.0005)
    told: list[float] = []
    run.run(WORLD, workers=0, on_progress=told.append)
    within = [done for done in told if done % 1]
    assert len(within) > 10 and told[-1] == 1.0


@pytest.mark.parametrize("moment", [0.1, 0.6])
def test_an_interrupt_is_heard_within_a_world(moment, monkeypatch):
    """An exception raised between two slices, as Ctrl-C is, ends the world there."""
    monkeypatch.setattr(module, "SLICE_S", 0.0005)

    def interrupt(share: float) -> None:
        if share > moment:
            raise KeyboardInterrupt

    results = run.run(WORLD, workers=0, on_progress=interrupt)
    assert results.interrupted and results.versions[0].replications == []
