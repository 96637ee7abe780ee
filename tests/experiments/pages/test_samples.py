"""What is drawn over time, counted once more from the file."""

import numpy as np
import pandas as pd
import pytest
from meterstorm.experiments.pages import folders, samples
from meterstorm.experiments.pages.measures import MEASURES
from meterstorm.experiments.pages.samples import Samples
from scipy import stats

from support.pages import HOSTILE, SETTING


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
