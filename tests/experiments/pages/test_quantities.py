"""Metrics in words."""

import math

import pytest
from meterstorm.experiments.metrics.names import METRICS
from meterstorm.experiments.pages import quantities


@pytest.mark.parametrize(
    ("metric", "words"),
    [("wait_s_mean", "wait mean"), ("time_to_recover_s", "time to recover"), ("goodput_per_s", "goodput per s"),
     ("denials_misplaced", "denials misplaced"), ("licenses_in_use_mean", "licenses in use mean")],
)  # fmt: skip
def test_a_metric_is_said_without_its_unit(metric, words):
    assert quantities.spoken(metric) == words


def test_no_two_metrics_are_said_alike():
    assert len({quantities.spoken(metric) for metric in METRICS}) == len(METRICS)


@pytest.mark.parametrize(
    ("metric", "mean", "half", "sign", "words"),
    [("denial_fraction", 0.0826, 0.0076, True, "+8.26 ± 0.76 % points"),
     ("wait_s_mean", 135.04, 0.3561, False, "135.04 ± 0.36 s"),
     ("time_to_recover_s", "inf", "inf", False, "inf"),
     ("attempts", 12345.6, 1234.5, False, "12,346 ± 1,234"),
     ("amplification", 1.5, None, False, "1.5"),
     ("wait_s_mean", None, None, False, "-")],
)  # fmt: skip
def test_values_have_the_digits_that_their_interval_justifies(metric, mean, half, sign, words):
    assert quantities.value(metric, mean, half, sign) == words


def test_shares_end_at_all_of_it():
    assert quantities.largest("denial_fraction") == 100.0
    assert quantities.largest("wait_s_mean") == math.inf
