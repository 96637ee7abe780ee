"""The stretches of time in which a server's faults are the same, from their definition."""

import math
import random
from typing import Any

import numpy as np
import pytest
from meterstorm.actors.randomness.streams import stream_keys
from meterstorm.actors.setup import faults, spells
from meterstorm.actors.state.rows import NEVER
from meterstorm.experiments.scenario import Scenario, ScenarioError, validate
from scipy.stats import kstest, spearmanr

SECOND = 10**9


def drawn(seed: int) -> Scenario:
    chance = random.Random(seed)
    kinds = [
        *({"kind": "slow", "factor": factor} for factor in (1.1, 1.3, 1.7)),
        *({"kind": "loss", "probability": p} for p in (0.1, 0.3, 0.7)),
        {"kind": "unreachable"},
        {"kind": "crash"},
    ]
    return validate(
        {
            "title": "faults that overlap",
            "run": {"duration_s": 100.0, "warmup_s": 5.0},
            "faults": [
                {
                    **chance.choice(kinds),
                    "servers": [0],
                    "start_s": float(chance.randrange(20)),
                    "duration_s": float(chance.randrange(1, 20)),
                    "repeat_s": 21.0,
                    "repeats": chance.randrange(1, 4),
                }
                for _ in range(chance.randrange(8))
            ],
        }
    )


def laid_out(scenario: Scenario, replication: int = 0) -> Any:
    return spells.lay_out(scenario, stream_keys(scenario.run.seed, replication))


def scheduled(scenario: Scenario) -> faults.Schedule:
    return faults.schedule(scenario, laid_out(scenario))


def flapping(repeats: int, start_s: float = 0.5) -> Scenario:
    """A fault of every other second, from `start_s` on in a run of ten."""
    fault = {"kind": "unreachable", "start_s": start_s, "duration_s": 1.0, "repeat_s": 2.0, "repeats": repeats}
    return validate({"title": "flaps", "run": {"duration_s": 10.0, "warmup_s": 0.0}, "faults": [fault]})


@pytest.mark.parametrize("repeats", [5, 6, 1000, 10**9])
def test_what_lies_beyond_the_end_is_not_laid_out(repeats: int):
    """The run sees the same; and it takes no more room than what it sees."""
    states = scheduled(flapping(repeats)).spells
    within = [(row.start, row.end) for row in states if row.unreachable and row.start < 10 * SECOND]
    assert within == [((2 * n * SECOND) + SECOND // 2, (2 * n + 1) * SECOND + SECOND // 2) for n in range(5)]
    assert len(states) <= 3 * (len(within) + 1)
    assert (spells.last_end(laid_out(flapping(repeats))) < 10 * SECOND) == (repeats == 5)


def test_a_fault_after_the_end():
    assert len(scheduled(flapping(10**9, start_s=20.0)).spells) <= 3 * 4


def test_faults_within_a_run_are_bounded():
    fault = {"start_s": 0.0, "duration_s": 1e-4, "repeat_s": 1e-4, "repeats": 10**9, "servers": "all"}
    with pytest.raises(
        ScenarioError, match=r"faults\[0\].repeat_s: 0.0001 is not allowed; it must be at least 0.0004"
    ):
        validate({"title": "flaps", "run": {"duration_s": 100.0}, "faults": [fault]})


@pytest.mark.parametrize("seed", range(40))
def test_spells(seed: int):
    """Each has the faults that its time is within, multiplied in the scenario's order, to the last bit."""
    scenario = drawn(seed)
    states, states_from, _ = scheduled(scenario)
    times = [
        (round(start * SECOND), round((start + fault.duration_s) * SECOND), fault)
        for fault in scenario.faults
        for n in range(fault.repeats)
        for start in [5.0 + fault.start_s + n * fault.repeat_s]
    ]
    mine = states[: states_from[1]]
    turns = sorted({0, *(t for start, end, _ in times for t in (start, end))})
    assert mine["start"].tolist() == turns
    assert mine["end"].tolist() == [*turns[1:], NEVER]
    for row in mine:
        here = [fault for start, end, fault in times if start <= row.start < end]
        assert row.slow == math.prod(fault.factor for fault in here if fault.kind == "slow")
        assert row.loss == 1.0 - math.prod(1.0 - fault.probability for fault in here if fault.kind == "loss")
        assert bool(row.unreachable) == any(fault.kind == "unreachable" for fault in here)
        assert bool(row.crashed) == any(fault.kind == "crash" for fault in here)


def test_times_at_random_are_exponential():
    """From the start, and from each end, to the next start; and from each start to its end: all independent."""
    times = {"start_s": 50.0, "mtbf_s": 30.0, "mttr_s": 10.0}
    scenario = validate({"title": "at random", "run": {"duration_s": 1e5}, "faults": [{"servers": [0]} | times]})
    rows = laid_out(scenario)
    starts, ends = rows["start"] / SECOND, rows["end"] / SECOND
    downs, ups = ends - starts, starts - np.append(scenario.run.warmup_s + times["start_s"], ends[:-1])
    assert kstest(ups, "expon", args=(0, 30.0)).pvalue > 1e-3
    assert kstest(downs, "expon", args=(0, 10.0)).pvalue > 1e-3
    assert spearmanr(ups, downs).pvalue > 1e-3
    firsts = [laid_out(scenario, n)["start"][0] / SECOND - 3600.0 - 50.0 for n in range(300)]
    assert kstest(firsts, "expon", args=(0, 30.0)).pvalue > 1e-3
