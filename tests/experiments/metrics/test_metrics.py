"""Metrics from tallies made by hand, and the histogram of durations."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from meterstorm.actors.randomness.streams import stream_keys
from meterstorm.actors.records import ledger
from meterstorm.actors.setup import spells
from meterstorm.actors.shards.tally import Tally
from meterstorm.actors.state import counters, servers
from meterstorm.actors.state.control import CONTROL
from meterstorm.actors.state.schedule import FAULT
from meterstorm.actors.state.sums import (
    GHOST_AREA,
    LEASED_AREA,
    LOW_BITS,
    SUM,
    SUMS,
    UNMETERED_AREA,
    WAITING_AREA,
    WAITS,
)
from meterstorm.experiments.metrics.metrics import metrics as metrics_of
from meterstorm.experiments.metrics.names import METRICS
from meterstorm.experiments.scenario import validate

SECOND = 1_000_000_000
HOUR_US = 3_600_000_000
OUTAGE = {"kind": "crash", "servers": [0], "start_s": 300, "duration_s": 300}


def scenario_of(faults=(), duration_s=1200, warmup_s=100, **tables):
    """Twenty samples of a minute; by default the fault lasts through the second five."""
    times = {"duration_s": duration_s, "warmup_s": warmup_s, "sample_s": 60}
    return validate({"title": "x", "run": times, "servers": {"count": 2}, "faults": list(faults), **tables})


def empty(samples=20):
    """A tally of a run in which nothing happened."""
    return Tally(
        digest=0,
        events=0,
        series=np.zeros((samples + 1, counters.COLUMNS), np.int64),
        sums=np.zeros(SUMS, SUM),
        queueing=np.zeros(samples + 1, SUM),
        histograms=np.zeros((2, counters.BINS), np.int64),
        control=np.zeros(1, CONTROL),
        server_series=np.zeros((samples + 1, 2), servers.SERVER_SAMPLE),
        servers=np.zeros(2, servers.SERVER),
        pools=np.zeros(2, servers.POOL),
        products=np.zeros(2, servers.PRODUCT),
        faults=np.zeros(0, FAULT),
    )


def metrics(scenario, tally):
    """The metrics of a tally with the faults of its scenario."""
    tally.faults = spells.lay_out(scenario, stream_keys(scenario.run.seed, 0))
    return metrics_of(scenario, tally)


def test_what_does_not_apply_is_none_and_never_zero():
    values = metrics(scenario_of(), empty())
    assert tuple(values) == METRICS
    durations = [f"{what}_s_{how}" for what in ("wait", "queue") for how in ("mean", "p50", "p95", "p99", "max")]
    nothing = {
        "denial_fraction",
        "abnormal_denial_fraction",
        "amplification",
        "storm_peak_ratio",
        "time_to_recover_s",
        "time_to_balance_s",
        "time_to_last_client_s",
    }
    assert {name for name, value in values.items() if value is None} == nothing | set(durations)
    assert all(value == 0 for value in values.values() if value is not None)


def test_counts_leave_the_warm_up_out_and_fractions_are_of_decided_requests():
    tally = empty()
    columns = [
        counters.LAUNCHES,
        counters.ATTEMPTS,
        counters.GRANTS,
        counters.MISPLACED,
        counters.STRANDED,
        counters.GHOST,
    ]
    tally.series[0, :] = 1000
    tally.series[3, columns] = [10, 30, 5, 1, 2, 3]
    tally.series[20, [counters.GRANTS, counters.EXHAUSTED]] = [1, 8]
    values = metrics(scenario_of(), tally)
    assert (values["launches"], values["attempts"], values["grants"], values["denials"]) == (10, 30, 6, 14)
    assert values["denial_fraction"] == 14 / 20
    assert values["abnormal_denial_fraction"] == 6 / 20
    assert values["amplification"] == 3
    assert values["goodput_per_s"] == 6 / 1200


def test_time_means_come_from_areas():
    tally = empty()
    tally.sums["low"][[LEASED_AREA, WAITING_AREA]] = 2 * 1200 * 1_000_000
    tally.sums["low"][[GHOST_AREA, UNMETERED_AREA]] = 3 * HOUR_US
    tally.servers["busy_area"] = [300_000_000, 900_000_000]
    tally.products["imbalance_area"] = [120 * SECOND, 600 * SECOND]
    tally.products["imbalance_max"] = [0.8, 0.6]
    values = metrics(scenario_of(), tally)
    assert values["licenses_in_use_mean"] == values["waiting_users_mean"] == 2
    assert values["ghost_license_hours"] == values["unmetered_license_hours"] == 3
    assert (values["server_utilization_mean"], values["server_utilization_max"]) == (0.5, 0.75)
    assert (values["imbalance_mean"], values["imbalance_max"]) == (0.5, 0.8)


def test_areas_are_closed_at_the_end_however_large_they_are():
    """Three billion things that began when the measured time did: 10^10 s of 10^9 s and more, each."""
    many, start_s, duration_s = 3 * 10**9, 10**9, 10**9
    tally = empty()
    area = -many * start_s * 1_000_000
    for row, state in ((LEASED_AREA, "leased"), (WAITING_AREA, "waiting")):
        tally.sums[row]["high"], tally.sums[row]["low"] = area >> LOW_BITS, area & ((1 << LOW_BITS) - 1)
        tally.control[state] = many
    run = {"duration_s": duration_s, "warmup_s": start_s, "sample_s": 1e8}
    values = metrics(validate({"title": "x", "run": run, "servers": {"count": 2}}), tally)
    assert values["licenses_in_use_mean"] == values["waiting_users_mean"] == many


def test_the_burden_is_that_of_the_worst_sample_a_short_last_one_left_out():
    clients = {"count": 10, "attempt_cpu_ms": 60}
    tally = empty(samples=21)
    tally.series[5, counters.ATTEMPTS] = 20
    tally.series[21, counters.ATTEMPTS] = 50  # in the last 20 s
    values = metrics(scenario_of(duration_s=1220, clients=clients), tally)
    assert values["attempts_per_client_hour_peak"] == pytest.approx(120)
    assert values["client_busy_fraction"] == pytest.approx(2 * 0.060 / 60)
    tally = empty(samples=1)
    tally.series[1, counters.ATTEMPTS] = 50
    values = metrics(scenario_of(duration_s=30, clients=clients), tally)
    assert values["attempts_per_client_hour_peak"] == pytest.approx(600)


# The storm's peak


def storm(faults, warmup_s=100):
    tally = empty()
    tally.servers["peak"] = [10, 30]
    tally.servers["before"] = [900, 50]
    tally.servers["before_measured"] = [9000, 600]
    return metrics(scenario_of(faults, warmup_s=warmup_s), tally)["storm_peak_ratio"]


def test_the_storm_is_measured_at_the_busiest_server_against_its_own_past():
    assert storm([OUTAGE]) == 30 / (600 / 300)
    assert storm([OUTAGE | {"start_s": 900}, OUTAGE]) == 30 / (600 / 300)  # until the first fault


def test_a_storm_from_the_start_is_compared_with_the_warm_up():
    assert storm([OUTAGE | {"start_s": 0}]) == 30 / (50 / 100)
    assert storm([OUTAGE | {"start_s": 0}], warmup_s=0) is None
    assert storm([]) is None


# The time to recover: sixty samples, the fault lasts from the 15th to the 20th; windows of ten are judged

ABNORMAL, SLOW = "abnormal denials", "queueing delay"
COLUMN = {
    ABNORMAL: counters.GHOST,
    "waiting users": counters.WAITING_USERS,
    "unmetered programs": counters.UNMETERED_PROGRAMS,
    "unanswered programs": counters.UNANSWERED_PROGRAMS,
}
LATER = OUTAGE | {"start_s": 900}


def recovery(disturbed, how=ABNORMAL, **fault):
    tally = empty(samples=60)
    tally.series[1:, counters.QUEUED] = 10
    tally.queueing["low"][1:] = 10 * SECOND  # a second each
    for sample in disturbed:
        if how == SLOW:
            tally.queueing["low"][1 + sample] = 10 * 50 * SECOND
        else:
            tally.series[1 + sample, COLUMN[how]] = 100
    return metrics(scenario_of([LATER | fault], duration_s=3600), tally)["time_to_recover_s"]


@pytest.mark.parametrize("how", [SLOW, *COLUMN])
@pytest.mark.parametrize(
    ("disturbed", "expected"),
    [
        ([], 0),
        ([15, 16, 19], 0),  # only while it lasted
        ([20], 60),
        ([15, 16, 22], 180),
        ([20, 21, 28], 540),
        ([55], math.inf),  # in the last window
        (range(15, 60), math.inf),
    ],
)
def test_time_to_recover(disturbed, expected, how):
    assert recovery(disturbed, how) == expected


def test_time_to_recover_counts_from_the_end_of_the_last_fault():
    assert recovery([21], duration_s=330) == 90
    assert recovery([24], repeat_s=600, repeats=2) == 0  # the second lasts from 1500 to 1800 s
    assert recovery([32], repeat_s=600, repeats=2) == 180
    assert recovery([], duration_s=2700) == math.inf  # until the end of the run


def test_a_site_that_denied_before_may_deny_again():
    scenario = scenario_of([LATER], duration_s=3600)
    tally = empty(samples=60)
    tally.series[1:16, counters.MISPLACED] = 10  # 100 a window; twice that and ten are in the band
    tally.series[33, counters.MISPLACED] = 210
    assert metrics(scenario, tally)["time_to_recover_s"] == 0
    tally.series[33, counters.MISPLACED] = 211
    assert metrics(scenario, tally)["time_to_recover_s"] == 780


@pytest.mark.parametrize("column", list(COLUMN.values())[1:])
def test_as_many_as_before_may_wait_again(column):
    """Five waited at the end of the warm-up: twice that in each of ten samples, and ten, are in the band."""
    scenario = scenario_of([LATER], duration_s=3600)
    tally = empty(samples=60)
    tally.series[0, column] = 5
    tally.series[33, column] = 110
    assert metrics(scenario, tally)["time_to_recover_s"] == 0
    tally.series[33, column] = 111
    assert metrics(scenario, tally)["time_to_recover_s"] == 780


@pytest.mark.parametrize(("duration_s", "expected"), [(59, math.inf), (60, math.inf), (660, 0)])
def test_a_run_of_less_than_a_sample_shows_no_recovery(duration_s, expected):
    """A fault in the first second: of eleven samples, the last ten are a window after it."""
    tally = empty(samples=math.ceil(duration_s / 60))
    fault = OUTAGE | {"start_s": 0, "duration_s": 1}
    tally.series[1, counters.GHOST] = 100
    values = metrics(scenario_of([fault], duration_s=duration_s), tally)
    assert values["time_to_recover_s"] == expected


def test_a_fault_after_the_end_is_none():
    after = OUTAGE | {"start_s": 1200}
    names = ("storm_peak_ratio", "time_to_recover_s", "time_to_balance_s", "time_to_last_client_s")
    assert [metrics(scenario_of([after]), empty())[name] for name in names] == [None] * len(names)
    assert None not in [metrics(scenario_of([OUTAGE]), empty())[name] for name in names[1:]]


# Until the last client is served: the fault lasts until 600 s, the warm-up 100 s


def last_client(hit=0, served_again_s=0, **fault):
    tally = empty()
    tally.control["hit"], tally.control["served_again"] = hit, served_again_s * SECOND
    return metrics(scenario_of([OUTAGE | fault]), tally)["time_to_last_client_s"]


def test_time_to_last_client():
    assert last_client() == 0  # nobody was hit
    assert last_client(served_again_s=500) == 0  # all while it lasted
    assert last_client(served_again_s=705) == 5
    assert last_client(hit=1, served_again_s=705) == math.inf
    assert last_client(served_again_s=705, duration_s=900) == math.inf  # it lasts until the end


# Durations

NANOSECONDS = st.one_of(st.integers(0, 10_000), st.integers(0, 2**62), st.integers(0, 62).map(lambda k: 2**k - 1))


@given(NANOSECONDS)
def test_bin_edges_are_the_inverse_of_bin_of(duration):
    n = ledger.bin_of(duration)
    low, high = ledger.bin_edges(n)
    assert 0 <= n < counters.BINS
    assert low <= duration < high
    assert high - low <= max(1, low / 32)
    assert ledger.bin_of(low) == ledger.bin_of(high - 1) == n


def test_bins_leave_no_gap():
    edges = [ledger.bin_edges(n) for n in range(1800)]
    assert all(before[1] == after[0] for before, after in pairwise(edges))


@settings(max_examples=50)
@given(st.integers(0, 2**32), st.integers(1, 300), st.sampled_from([1e-6, 1e-2, 10.0, 1e4]))
def test_a_quantile_is_within_a_bin_of_the_exact_one(seed, count, scale_s):
    durations = (np.random.default_rng(seed).exponential(scale_s * SECOND, count)).astype(np.int64)
    tally = empty()
    for duration in durations:
        tally.histograms[counters.WAIT, ledger.bin_of(int(duration))] += 1
    control = tally.control[0]
    control["wait_count"], control["wait_max"] = count, durations.max()
    tally.sums["low"][WAITS] = durations.sum()
    values = metrics(scenario_of(), tally)
    for percent in (50, 95, 99):
        exact = np.quantile(durations, percent / 100, method="inverted_cdf") / SECOND
        assert values[f"wait_s_p{percent}"] == pytest.approx(exact, rel=1 / 32, abs=1e-9)
    assert values["wait_s_mean"] == pytest.approx(durations.mean() / SECOND)
    assert values["wait_s_max"] == durations.max() / SECOND
    assert values["wait_s_p50"] <= values["wait_s_p95"] <= values["wait_s_p99"] <= values["wait_s_max"]
