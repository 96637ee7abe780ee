"""Observed times as a file has them, and as they are drawn: all checked, none dropped in silence."""

import numpy as np
import pyarrow as pa
import pytest
from meterstorm.actors.randomness import distributions, streams
from meterstorm.actors.setup import observations
from meterstorm.experiments.scenario import Scenario, validate
from pyarrow import parquet
from scipy import stats

from support.lab import CONFIDENCE, is_mean
from support.observed import observed


def scenario(path, key="run_times") -> Scenario:
    drawn = {"run_times": "run_time", "launch_intervals": "launch"}[key]
    return validate({"title": "observed", "workload": {drawn: "empirical", key: str(path)}})


def written(folder, text: str):
    (folder / "times").write_text(text)
    return folder / "times"


def test_without_a_file_there_are_none():
    tables = observations.tables(validate({"title": "none"}))
    assert {key: table.tolist() for key, table in tables.items()} == {"run_times": [], "launch_intervals": []}


def test_times_are_in_order_and_in_whole_nanoseconds(tmp_path):
    path = written(tmp_path, "run_time_s,user\n 2 ,x\n1e-9,y\n+.5,z\n0,z\n")
    assert observations.tables(scenario(path))["run_times"].tolist() == [0, 1, 500_000_000, 2_000_000_000]


def test_run_times_may_be_those_of_a_trace(tmp_path):
    trace = {"time_s": [1.0, 2.0], "client": [0, 1], "run_time_s": [10, 7], "product": ["b", "a"]}
    parquet.write_table(pa.table(trace), tmp_path / "trace.parquet")
    times = observations.tables(scenario(tmp_path / "trace.parquet"))["run_times"]
    assert times.tolist() == [7_000_000_000, 10_000_000_000]


WRONG = {
    "another column": ("time_s\n1\n", "run_times", "there is no column run_time_s; it has time_s"),
    "a column twice": ("run_time_s,run_time_s\n1,2\n", "run_times", "2 columns 'run_time_s'; there must be one"),
    "no rows": ("run_time_s\n", "run_times", "it has 0 rows; there must be from 1 to 1000000"),
    "a negative time": ("run_time_s\n1\n-1\n", "run_times", "run_time_s in row 2 is -1.0; it must be from 0.0"),
    "nan": ("run_time_s\nnan\n", "run_times", "column run_time_s must hold numbers; in row 1 it has 'nan'"),
    "an infinite time": ("run_time_s\n1e999\n", "run_times", "run_time_s in row 1 is inf; it must be from 0.0 to"),
    "no time between launches": (
        "launch_interval_s\n0\n0\n",
        "launch_intervals",
        "every launch_interval_s is 0; one at least must be above",
    ),
    "nothing": ("", "launch_intervals", "cannot be read"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_file(name, tmp_path):
    text, key, words = WRONG[name]
    with pytest.raises(ValueError) as error:
        observations.tables(scenario(written(tmp_path, text), key))
    assert words in str(error.value)
    assert str(tmp_path / "times") in str(error.value)


def test_too_many_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(observations, "OBSERVATIONS_MAX", 2)
    path = written(tmp_path, "run_time_s\n1\n2\n3\n")
    with pytest.raises(ValueError, match="it has 3 rows; there must be from 1 to 2"):
        observations.tables(scenario(path))


def test_mean_and_quantiles_of_draws_are_those_observed():
    times = np.random.default_rng(1).lognormal(7.0, 1.5, 999)
    table = observations.tables(scenario(observed(times.tolist(), "run_time_s")))["run_times"]
    key = streams.stream_keys(1, 0)[streams.RUN]
    bits = [np.uint64(streams.draw(key, slot, number)) for slot in range(100) for number in range(1, 201)]
    drawn = np.array([distributions.draw(b, distributions.EMPIRICAL, 1.0, table) for b in bits])
    assert set(drawn) <= set(table)
    assert is_mean(drawn.mean(), table.mean(), table.std(), len(drawn))
    for part in (0.1, 0.25, 0.5, 0.75, 0.9, 0.99):
        value = table[int(part * len(table))]
        low, high = stats.binom.interval(CONFIDENCE, len(drawn), np.mean(table < value))
        assert low <= (drawn < value).sum() <= high
