"""Whether a run suffices: each question with a version that does, and one that does not."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from meterstorm.experiments.analysis import mser
from meterstorm.experiments.analysis.adequacy import (
    COUNTS,
    STATES,
    Answer,
    Times,
    Version,
    check,
    duration,
    events,
    replications,
    samples,
    warm_up,
)
from meterstorm.experiments.metrics.names import METRICS
from scipy import stats

TIMES = Times(3600.0, 28800.0, 60.0, 7200.0, 7800.0, 600.0, None)
R = 20
CONFIDENCE = 1 - 0.05 / 3


def version(arm: str | None = None, times: Times = TIMES, **given: Any) -> Version:
    """A version whose metrics are 100 and whose series are 50, but for those given."""
    metrics = {name: list(given.get(name, [100.0] * R)) for name in METRICS}
    level = np.full((R, 1 + 480), 50.0)
    return Version(
        None, arm, times, metrics, {name: given.get(name, level) for name in STATES} | _counts(given, level)
    )


def _counts(given: dict[str, Any], level: Any) -> dict[str, Any]:
    return {name: given.get(f"{name}_series", level) for name in COUNTS}


def autocorrelated(seed: int, start: float = 0.0, rows: int = R, columns: int = 481) -> Any:
    """Stationary first-order autoregressive series, of deviation 10 and mean 100, that begin `start` off it."""
    draws, memory = np.random.default_rng(seed).normal(size=(rows, columns)), 0.9
    values = np.empty_like(draws)
    values[:, 0] = draws[:, 0]
    for k in range(1, columns):
        values[:, k] = memory * values[:, k - 1] + math.sqrt(1 - memory**2) * draws[:, k]
    return 100 + 10 * values + start * memory ** np.arange(columns)


def test_mser_leaves_out_a_step_and_nothing_of_what_is_level():
    series = np.repeat([0.0, 10.0], [20, 80]) + 0.01 * np.sin(np.arange(100))
    assert mser.truncation(series) == 20
    assert mser.truncation(np.full(100, 3.0)) == 0
    assert mser.truncation(np.arange(100.0)) == 50  # never level: half, or more


def test_mser_takes_the_least_standard_error_of_the_rest():
    series = autocorrelated(1, start=-80)[0]
    means = series[:480].reshape(96, 5).mean(axis=1)
    law = min(range(49), key=lambda d: stats.sem(means[d:], ddof=0) ** 2)
    assert mser.truncation(series) == 5 * law > 0


def test_a_transient_is_seen_and_how_much_warm_up_it_takes():
    answer = warm_up(version(licenses_in_use=autocorrelated(1, start=-40)), CONFIDENCE)
    assert answer.word == "no"
    seconds = float(answer.reason.partition("run.warmup_s = ")[2].split()[0]) - TIMES.warmup_s
    assert 600 <= seconds <= 3600
    assert "licenses_in_use has a mean of " in answer.reason


def test_what_is_level_is_seldom_taken_for_a_transient():
    """MSER-5 alone leaves something out of most of these series; the interval lets nearly all of them pass."""
    count = 100
    found = [warm_up(version(waiting_users=autocorrelated(k, columns=121)), CONFIDENCE) for k in range(count)]
    alarms = sum(answer.word == "no" for answer in found)
    assert stats.binomtest(alarms, count, 0.05, "greater").pvalue > 0.001
    left_out = [mser.truncation(autocorrelated(k, columns=121).mean(axis=0)) for k in range(count)]
    assert np.count_nonzero(left_out) > count / 3


def test_the_time_after_the_first_fault_is_not_looked_at():
    calm = autocorrelated(3)
    calm[:, 121:] += 500
    assert warm_up(version(licenses_in_use=calm), CONFIDENCE).word == "yes"
    late = TIMES._replace(first_fault_s=None)
    assert warm_up(version(licenses_in_use=calm, times=late), CONFIDENCE).word == "no"


def test_counts_leave_the_row_of_the_warm_up_out_and_states_do_not():
    rows = np.full((R, 481), 50.0) + 0.1 * np.random.default_rng(1).normal(size=(R, 481))
    rows[:, 0] = 3000.0  # as many as the whole warm-up has
    assert warm_up(version(attempts_series=rows), CONFIDENCE).word == "yes"
    assert warm_up(version(waiting_users=rows), CONFIDENCE).word == "no"


def test_what_a_warm_up_cannot_be_judged_by():
    few = warm_up(version(times=TIMES._replace(first_fault_s=2950.0)), CONFIDENCE)
    assert few == Answer(
        "unknown", "49 samples before the first fault; run.sample_s = 59 gives 50, which MSER-5 needs"
    )
    assert warm_up(version(times=TIMES._replace(first_fault_s=3000.0)), CONFIDENCE).word == "yes"
    unsteady = TIMES._replace(unsteady="launches follow workload.profile")
    assert warm_up(version(times=unsteady), CONFIDENCE) == Answer("unknown", "launches follow workload.profile")
    alone = warm_up(version(licenses_in_use=autocorrelated(1, start=-40, rows=1)), CONFIDENCE)
    assert alone.word == "unknown" and "one replication cannot tell" in alone.reason


def test_a_run_must_end_after_its_recovery():
    answer = duration(version(time_to_recover_s=[600.0] * 19 + [1000.0]))
    assert answer.word == "yes"
    assert answer.reason == "recovered 1,000 s after the last fault at the latest, 20,000 s before the end"
    answer = duration(version(time_to_recover_s=[600.0] * 17 + [math.inf] * 3))
    assert answer.word == "no" and "no recovery in 3 of 20 replications, 21,000 s after" in answer.reason
    beyond = duration(version(times=TIMES._replace(last_end_s=30000.0)))
    assert beyond.word == "no" and "ends 1,200 s after the run" in beyond.reason
    calm = TIMES._replace(first_fault_s=None, last_end_s=None, shortest_fault_s=None)
    assert duration(version(times=calm, time_to_recover_s=[None] * R)).word == "yes"


@pytest.mark.parametrize(("denials", "word"), [(0, "yes"), (1, "no"), (19, "no"), (20, "yes")])
def test_few_events_tell_little(denials: int, word: str):
    values = [float(denials)] + [0.0] * (R - 1)
    answer = events(version(denials=values, grants=[1000.0] * R))
    assert answer.word == word
    if word == "no":
        assert f"denial_fraction rests on {denials} events" in answer.reason
        # Of Poisson events a 95 % interval of the mean is about this wide.
        assert f"±{100 * stats.norm.isf(0.025) / math.sqrt(denials):.2g} %" in answer.reason


def test_quantiles_rest_on_what_lies_beyond_them():
    answer = events(version(grants=[50.0] * R, denials=[10.0] * R))
    assert answer.word == "no"
    assert "wait_s_p99 rests on 12 events" in answer.reason


@pytest.mark.parametrize(("fault_s", "word"), [(600.0, "yes"), (599.0, "no"), (None, "yes")])
def test_a_fault_must_be_ten_samples_long(fault_s: float | None, word: str):
    answer = samples(version(times=TIMES._replace(shortest_fault_s=fault_s)))
    assert answer.word == word
    assert word == "yes" or "run.sample_s = 59.9 gives 10" in answer.reason
    assert samples(version(times=TIMES._replace(sample_s=30000.0))).word == "no"


KEY = ("denial_fraction", "amplification", "time_to_recover_s")


def spread(relative: float) -> list[float]:
    """Values whose 95 % interval has this half-width, as a share of their mean."""
    values = np.linspace(-1, 1, R)
    width = stats.t.isf(0.025, R - 1) * stats.sem(values)
    return list(100 * (1 + values * relative / width))


def test_intervals_must_be_narrow():
    answer = replications(version(denial_fraction=spread(0.049)), KEY)
    assert answer == Answer(
        "yes", "denial_fraction is known to ±4.9 %, 2 other key metrics as well or better", pytest.approx(0.049)
    )
    answer = replications(version(denial_fraction=spread(0.1), amplification=spread(0.06)), KEY)
    assert answer.word == "no"
    # A half-width is halved by four times as many.
    assert "denial_fraction is known to ±10 %: about 60 more replications" in answer.reason
    assert "1 of 3 key metrics have that" in answer.reason


def test_means_without_a_relative_width_are_told():
    answer = replications(version(denial_fraction=spread(2.0)), KEY)
    assert answer.word == "yes" and answer.reason.endswith("; 1 key metrics are not told from 0")
    answer = replications(version(time_to_recover_s=[1.0] * 18 + [math.inf] * 2), KEY)
    assert answer.word == "no"
    assert "time_to_recover_s has no interval: it is infinite in 2 of 20 replications" in answer.reason
    never = replications(version(time_to_recover_s=[math.inf] * R, amplification=[None] * R), KEY)
    assert never.word == "yes" and "0 other key metrics" in never.reason


def test_one_replication_is_not_judged():
    assert replications(version(denial_fraction=[1.0]), KEY).word == "unknown"


def test_the_worst_version_answers():
    versions: Sequence[Version] = [
        version("good"),
        version("bad", denials=[5.0] + [0.0] * 19),
        version("worse", denials=[3.0] + [0.0] * 19),
    ]
    verdicts = {verdict.question: verdict for verdict in check(versions, KEY)}
    assert list(verdicts) == ["warm-up", "duration", "events", "samples", "replications"]
    found = verdicts["events"]
    assert (found.answer.word, found.version.arm, found.alike) == ("no", "worse", 2)
    assert [answer.word for answer in found.answers] == ["yes", "no", "no"]
    assert verdicts["samples"].alike == 3
