"""A wall-clock run beside its twin: bands hold as often as they say, and what is outside is said to be."""

import json

import numpy as np
import pytest
from meterstorm.experiments.comparisons import twin
from meterstorm.experiments.runs import run
from meterstorm.experiments.scenario import load
from scipy import stats

from support.command_line import invoke, refused
from support.wall_runs import SETTING, wall_folder

TRIALS = 4000


@pytest.fixture
def folder(monkeypatch, tmp_path):
    monkeypatch.setattr(run, "RAY_PAYS_FROM_S", float("inf"))  # whatever the machine does: here
    return wall_folder(monkeypatch, tmp_path / "run")


def beside(folder, replications=3):
    result = invoke("compare", folder, "--twin", replications, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_a_further_replication_is_in_the_band_as_often_as_it_says():
    drawn = np.random.default_rng(3).normal(1000, 50, (TRIALS, 11))
    bands = [twin.band(values[:10], slack=0.0) for values in drawn]
    inside = sum(one.low <= values[10] <= one.high for one, values in zip(bands, drawn, strict=True))
    low, high = stats.binom.interval(0.999, TRIALS, twin.CONFIDENCE)
    assert low <= inside <= high


def test_a_band_of_two_is_that_of_a_table_of_t():
    """Of 10 and 12: the mean 11, s = sqrt(2), t = 63.657 for one degree of freedom."""
    found = twin.band([10, 12])
    assert found.mean == 11
    assert found.high - 11 == 11 - found.low == pytest.approx(63.657 * 2**0.5 * 1.5**0.5 + 3, rel=1e-4)


def test_the_twin_is_the_world_with_the_latency_that_messages_took(folder):
    """Of 500 messages, three processes had 5 ms of lateness each: 0.03 ms a message."""
    content = beside(folder)
    (arm,) = content["arms"]
    assert arm["late_ms"] == pytest.approx(0.03)
    scenario = load(folder / "scenario.toml")
    values = {"run.clock": "virtual", "run.replications": 3}
    again = load(
        folder / "scenario.toml", values | {"network.latency_ms": scenario.network.latency_ms + arm["late_ms"]}
    )
    (version,) = run.run(again, workers=0).versions
    for one in arm["counts"]:
        expected = [float(row.metrics[one["count"]]) for row in version.replications]
        assert one["mean"] == pytest.approx(np.mean(expected)), one["count"]
        half = stats.t.ppf(0.995, 2) * np.std(expected, ddof=1) * (4 / 3) ** 0.5 + 3
        assert one["high"] - one["mean"] == pytest.approx(half), one["count"]


def test_a_count_that_is_not_the_twins_is_outside_and_the_report_says_so(folder):
    file = folder / "summary.json"
    content = json.loads(file.read_text())
    content["arms"][0]["metrics"]["attempts"]["values"][1] = 10**6
    file.write_text(json.dumps(content))
    found = {one["count"]: one["outside"] for one in beside(folder)["arms"][0]["counts"]}
    assert found.pop("attempts") == [1]  # the number of its replication
    assert "outside" in invoke("compare", folder, "--twin", 3).stdout
    html = (folder / "report.html").read_text()
    assert 'id="twin"' in html and "Outside: attempts" in html
    assert html.index("Beside simulated time") > 0


def test_a_report_refuses_the_twin_of_another_run(folder):
    beside(folder)
    file = folder / twin.TWIN
    file.write_text(file.read_text().replace(json.loads(file.read_text())["digest"], "0" * 16))
    refused(invoke("report", folder), 2, ["twin.json: of the run 0000000000000000"])


def test_what_has_no_twin_is_refused(folder, tmp_path, monkeypatch):
    refused(invoke("compare", folder), 2, ["with nothing: give it either a second run or --twin N"])
    refused(invoke("compare", folder, folder, "--twin", 5), 2, ["with a second run"])
    refused(invoke("compare", folder, "--twin", 1), 2, ["--twin 1: must be 2 or more"])
    file = folder / "summary.json"
    content = json.loads(file.read_text())
    del content["arms"][0]["wall"][0]["message_late_ms_mean"]
    file.write_text(json.dumps(content))
    refused(invoke("compare", folder, "--twin", 5), 2, ["run it again"])
    file.write_text(json.dumps(content | {"clock": "virtual"}))
    refused(invoke("compare", folder, "--twin", 5), 2, ['run.clock = "virtual"; a twin is of a run on the wall'])


def test_every_count_that_the_wall_clock_has_is_compared(folder):
    assert SETTING["run"]["clock"] == "wall"
    counts = [one["count"] for one in beside(folder)["arms"][0]["counts"]]
    assert {"attempts", "grants", "messages", "timeouts", "refusals"} <= set(counts)
    assert "overissued" not in counts
