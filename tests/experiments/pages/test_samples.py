"""What is drawn over time, counted once more from the file."""

import numpy as np
import pandas as pd
import pytest
from meterstorm.experiments.drawing.text import number
from meterstorm.experiments.pages import folders, report, samples
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


def test_stacks_add_up_and_say_where_clients_are(run_folder):
    """Of the time series' own numbers: every client is in one state, and the words have those at the end."""
    table = pd.read_parquet(run_folder / "timeseries.parquet")
    figures = {one.name: one for one in report.report([run_folder]).figures()}
    case, arm = table["case"].iloc[0], table["arm"].iloc[0]
    rows = table[(table["case"] == case) & (table["arm"] == arm)]
    states = ["away", "retrying", "searching", "offline", "down", "preferred"]
    columns = [f"clients_{state}" for state in states]
    assert (rows[columns].sum(axis=1) == SETTING["clients"]["count"]).all()
    found = figures[f"{case} links {arm}"]
    assert found.title == f"Clients by link state in “{case}”: {arm}"
    last = rows[rows["start_s"] == rows["start_s"].max()][columns].mean()
    assert f"At the end: {number(float(last['clients_preferred']))} on preferred" in found.caption
    assert len(found.table.rows[0]) == 1 + len(columns)
    calm = [name for name in figures if "links" in name and "calm" in name]
    assert not calm
