"""What is drawn over time, counted once more from the file."""

import numpy as np
import pandas as pd
import pytest
from meterstorm.experiments.pages import folders, samples
from meterstorm.experiments.pages.measures import MEASURES
from meterstorm.experiments.pages.samples import Samples
from meterstorm.experiments.scenario import validate
from scipy import stats

from support.layers import layered
from support.pages import FAULT, HOSTILE, SETTING


@pytest.fixture(scope="module")
def book(run_folder):
    return folders.book([run_folder])


def counted_again(folder, case, arm, measure):
    """Samples by replications, by pandas."""
    table = pd.read_parquet(folder / "timeseries.parquet")
    rows = table[(table["case"] == case) & (table["arm"] == arm) & (table["start_s"] >= 0)]
    if measure.kind == "queue":
        values = rows["queue_us_total"] / 1e6 / rows["requests_served"].where(rows["requests_served"] > 0)
    else:
        values = rows[list(measure.columns)].sum(axis=1)
    return values.groupby([rows["start_s"], rows["replication"]]).first().unstack()


@pytest.mark.parametrize("measure", MEASURES, ids=lambda measure: measure.name)
def test_a_curve_is_the_mean_over_replications_with_its_interval(book, run_folder, measure):
    found = Samples(book.runs[0])
    for case in ("as is", "<i>calm</i>"):
        for arm in HOSTILE:
            again = counted_again(run_folder, case, arm, measure)
            if measure.kind == "rate":
                again /= np.diff([*again.index, SETTING["run"]["duration_s"]])[:, None] / 60
            curve = found.curve(case, arm, measure)
            assert curve.y == pytest.approx(again.mean(axis=1).to_numpy(), nan_ok=True)
            whole = again.notna().all(axis=1).to_numpy()
            half = again.sem(axis=1) * stats.t.ppf(0.975, 2)
            assert (curve.high - curve.y)[whole] == pytest.approx(half.to_numpy()[whole], abs=1e-9)


def test_the_band_of_one_replication_is_none():
    assert samples.mean_and_interval(np.ones((1, 4)))[1:] == (None, None)


def test_bands_do_not_go_below_nothing():
    _, low, _ = samples.mean_and_interval(np.array([[0.0], [10.0]]))
    assert low == [0.0]


def test_windows_repeat_and_end_with_the_run():
    fault = FAULT | {"start_s": 1000.0, "repeat_s": 400.0, "repeats": 5, "duration_s": 200.0}
    found = list(samples.windows(validate(layered(SETTING, {"faults": [fault]}))))
    assert [(window.begin, window.end) for window in found] == [(1000, 1200), (1400, 1500)]
    assert {window.name for window in found} == {"server 0 unreachable"}


@pytest.mark.parametrize(
    ("times", "window"),
    [
        ({"stagger_s": 50.0, "servers": "all"}, (300, 650, "all servers unreachable")),
        ({"mtbf_s": 200.0}, (300, 1500, "server 0 unreachable, at drawn times")),
        ({"mttr_s": 120.0}, (300, 420, "server 0 unreachable, on average")),
        ({"kind": "stall"}, (300, 600, "server 0 stalled")),
    ],
)
def test_windows_of_faults_that_are_staggered_or_drawn(times, window):
    fault = {key: value for key, value in FAULT.items() if key != "duration_s" or "mttr_s" not in times}
    scenario = validate(layered(SETTING, {"faults": [fault | times], "cases": []}))
    assert list(samples.windows(scenario)) == [window]
