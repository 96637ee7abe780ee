"""--until in sweeps: each point gets as many replications as it takes, interrupted or not."""

import pytest
from meterstorm.experiments.runs.options import Options
from meterstorm.experiments.runs.run import run_as
from meterstorm.experiments.scenario.files import varied
from meterstorm.experiments.sweeps import run as sweeps

from support.sweeps import bytes_of, plan_of, rows_in, run_in

GOAL = "launches:10%"
WANTED = {"until": (GOAL,), "at_most": 300}


@pytest.fixture
def made():
    return plan_of({"clients.count": [10, 40]})


def counts(rows) -> dict[int, int]:
    return {point: sum(row["point"] == point for row in rows) for point in {row["point"] for row in rows}}


def test_each_point_has_the_replications_that_a_run_of_it_would_have(made, tmp_path):
    outcome = run_in(tmp_path, made, **WANTED)
    rows = rows_in(tmp_path, made)
    alone = {}
    for point in made.points:
        (version,) = varied(made.base, point.settings)
        alone[point.number] = run_as(Options(workers=0, **WANTED), version.scenario, lambda done: None)
    assert counts(rows) == {number: len(results.versions[0].replications) for number, results in alone.items()}
    assert len(set(counts(rows).values())) == 2  # else the test shows little
    expected = [row.digest for results in alone.values() for row in results.versions[0].replications]
    assert [int(row["digest"], 16) for row in rows] == expected
    assert (outcome.done, outcome.worlds) == (len(rows), len(rows))


@pytest.mark.parametrize("kept", [1, 3, 30, 50])
def test_one_that_was_interrupted_ends_as_one_that_was_not(kept, made, tmp_path, monkeypatch):
    run_in(tmp_path / "whole", made, **WANTED)
    append = sweeps.store.Writer.append
    left = [kept]

    def interrupted(writer, rows):
        append(writer, rows)
        left[0] -= rows.num_rows
        if left[0] <= 0:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(sweeps.Pace, "learn", lambda pace, worlds, wall_s: None)  # one world at a time
        patch.setattr(sweeps.store.Writer, "append", interrupted)
        assert run_in(tmp_path / "cut", made, **WANTED).interrupted
    run_in(tmp_path / "cut", made, **WANTED)
    assert bytes_of(tmp_path / "cut", made) == bytes_of(tmp_path / "whole", made)


def test_what_is_not_met_is_told_by_point(made, tmp_path):
    outcome = run_in(tmp_path, made, until=("wait_s_mean:0.001%", "denials:2"), at_most=20)
    assert outcome.unmet[0] == "point 0, wait_s_mean: 20 replications are too few"
    assert len([line for line in outcome.unmet if "wait_s_mean" in line]) == 2
