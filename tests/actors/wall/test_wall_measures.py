"""What is measured in real time, against numpy and by hand."""

import numpy as np
import pytest
from meterstorm.actors.state import kinds
from meterstorm.actors.state.events import EVENT
from meterstorm.actors.wall.measures import BINS_PER_OCTAVE, REMEMBERED, Histogram, Phases, RoundTrips
from meterstorm.experiments.scenario import validate

LATENCY = 100
BIN = 2 ** (1 / BINS_PER_OCTAVE)


def rows(kind: int, *letters: tuple[int, int, int]) -> np.ndarray:
    """Messages of a kind: when each is due, its client, its attempt."""
    found = np.zeros(len(letters), EVENT)
    found["kind"] = kind
    for row, (time, client, attempt) in zip(found, letters, strict=True):
        row["time"], row["attempt"] = time, attempt
        row["source" if kind == kinds.REQUEST else "target"] = client
    return found


@pytest.mark.parametrize("share", [0.01, 0.5, 0.9, 0.99, 1.0])
def test_quantiles_are_those_of_the_numbers_but_for_a_bin(share):
    drawn = np.random.default_rng(5).lognormal(15, 2, 10_000)
    histogram = Histogram()
    for part in np.array_split(drawn, 7):
        one = Histogram()
        one.add(part)
        histogram.merge(one)
    exact = float(np.quantile(drawn, share, method="inverted_cdf"))
    found = histogram.quantile(share)
    assert found is not None and exact / BIN <= found <= exact * BIN
    assert histogram.bins.sum() == drawn.size and histogram.largest == int(drawn.max())


def test_nothing_measured_has_no_quantile():
    assert Histogram().quantile(0.5) is None


def test_a_round_trip_begins_when_its_request_was_meant_to_be_sent():
    trips = RoundTrips(10, 5, LATENCY)
    trips.sent(rows(kinds.REQUEST, (1000 + LATENCY, 12, 1)))
    trips.sent(rows(kinds.HEARTBEAT, (1000 + LATENCY, 12, 2)))  # no request
    trips.answered(rows(kinds.GRANT, (7000, 12, 1)))
    trips.answered(rows(kinds.GRANT, (9000, 12, 1)))  # twice: it is no longer awaited
    assert trips.histogram.bins.sum() == 1 and trips.histogram.largest == 6000
    trips.close(10_000)
    assert trips.unanswered == 0


def test_a_late_answer_to_an_attempt_that_timed_out_counts():
    trips = RoundTrips(0, 1, LATENCY)
    for attempt in (1, 2, 3):
        trips.sent(rows(kinds.REQUEST, (attempt * 1000 + LATENCY, 0, attempt)))
    trips.answered(rows(kinds.DENY, (6000, 0, 2), (6000, 0, 1), (6000, 0, 3)))
    assert trips.histogram.bins.sum() == 3 and trips.histogram.largest == 5000


def test_what_is_never_answered_counts_for_as_long_as_it_was_not():
    trips = RoundTrips(0, 1, LATENCY)
    trips.sent(rows(kinds.REQUEST, (LATENCY, 0, 1)))
    trips.sent(rows(kinds.REQUEST, (500 + LATENCY, 0, 1 + REMEMBERED)))  # takes its place
    trips.close(2000)
    assert trips.unanswered == 2 and trips.histogram.bins.sum() == 2
    assert trips.histogram.largest == 1500 and trips.histogram.quantile(0.5) == pytest.approx(500, rel=BIN - 1)


def test_phases_share_the_measured_time_among_before_during_and_after(monkeypatch):
    spent = iter((0.0, 1.0, 3.0, 7.0, 15.0, 16.0))
    monkeypatch.setattr("time.process_time", lambda: next(spent))
    scenario = validate({"title": "t", "run": {"warmup_s": 10.0, "duration_s": 90.0}})
    second = 10**9
    faults = np.array([(20 * second, 30 * second), (50 * second, 60 * second)], [("start", "i8"), ("end", "i8")])
    phases = Phases(scenario, faults)
    for now in (10, 20, 60, 100):
        phases.turn(now * second)
    assert phases.cpu_s() == (2.0, 4.0, 8.0)


def test_attempts_are_shared_among_phases_as_cpu_time_is():
    """Counted at the turns of phases only, and what is not over has what there is by now."""
    made = iter((5, 25, 425, 475))
    scenario = validate({"title": "t", "run": {"warmup_s": 10.0, "duration_s": 90.0}})
    second = 10**9
    faults = np.array([(20 * second, 60 * second)], [("start", "i8"), ("end", "i8")])
    phases = Phases(scenario, faults, attempts=lambda: next(made))
    for now in (10, 15, 20, 60):
        phases.turn(now * second)
    assert phases.attempts() == (20, 400, 50)
    assert phases.lengths_s == (10.0, 40.0, 40.0)
