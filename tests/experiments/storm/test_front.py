"""The Pareto front, against the definition in plain Python, and the laws of its bootstrap."""

import math

import numpy as np
import pytest
from meterstorm.experiments.storm.contests import Contest
from meterstorm.experiments.storm.front import best, is_on_front, probabilities
from meterstorm.experiments.storm.scores import NAMES

INF = math.inf


def contest(**scores: list[tuple[float | None, ...]]) -> Contest:
    """A contest in which each policy has these scores in each replication; those left out do not apply."""
    made = {
        policy: {name: [row[n] if n < len(row) else None for row in rows] for n, name in enumerate(NAMES)}
        for policy, rows in scores.items()
    }
    return Contest("storm", "", "", made, 3600.0)


def dominated(means: list[list[float]], k: int) -> bool:
    """By the definition: another is nowhere worse, and somewhere better."""
    ours = means[k]
    return any(
        all(b <= a for a, b in zip(ours, other, strict=True))
        and any(b < a for a, b in zip(ours, other, strict=True))
        for other in means
    )


@pytest.mark.parametrize("seed", range(20))
def test_the_front_is_who_is_not_dominated(seed: int):
    """Few different values, so that ties and infinities come often."""
    values = np.random.default_rng(seed).choice([0.0, 1.0, 2.0, INF], (7, 3))
    expected = [not dominated(values.tolist(), k) for k in range(7)]
    assert is_on_front(values).tolist() == expected


def test_what_differs_by_rounding_only_is_alike():
    a, b = [0.1 + 0.2, 1.0], [0.3, 1.0]
    assert is_on_front(np.array([a, b])).tolist() == [True, True]


def test_an_infinite_score_is_not_like_a_finite_one():
    assert is_on_front(np.array([[5.0, 1.0], [INF, 1.0]])).tolist() == [True, False]


def test_who_is_beaten_in_each_replication_is_never_on_the_front():
    found = probabilities(contest(good=[(1.0, 2.0), (3.0, 4.0)], bad=[(1.5, 2.5), (3.5, 4.5)]))
    assert found == {"good": 1.0, "bad": 0.0}
    assert best(found) == ["good"]


def test_who_is_best_in_one_score_by_all_replications_is_always_on_it():
    found = probabilities(contest(a=[(1.0, 9.0), (2.0, 9.0)], b=[(5.0, 1.0), (6.0, 1.0)]))
    assert found == {"a": 1.0, "b": 1.0}


def test_a_coin_is_about_a_half():
    """Better in one of two replications by as much as worse in the other: both draws alike, or a tie.

    A draw of two replications is twice the first, twice the second or one of each: a quarter, a quarter, a half,
    in which both are on the front. So each is on it with probability 3/4.
    """
    found = probabilities(contest(a=[(0.0,), (1.0,)], b=[(1.0,), (0.0,)]), resamples=4000)
    assert found["a"] == pytest.approx(0.75, abs=0.03)
    assert found["b"] == pytest.approx(0.75, abs=0.03)


def test_a_score_that_nobody_has_changes_nothing_and_who_alone_lacks_one_has_the_worst():
    without = contest(a=[(1.0,)], b=[(2.0,)])
    assert without.applying() == [NAMES[0]]
    assert probabilities(without) == {"a": 1.0, "b": 0.0}
    assert probabilities(contest(a=[(1.0, None)], b=[(1.0, 5.0)])) == {"a": 0.0, "b": 1.0}


def test_the_same_contest_has_the_same_probabilities():
    made = contest(a=[(0.0,), (1.0,), (4.0,)], b=[(1.0,), (0.0,), (5.0,)])
    assert probabilities(made) == probabilities(made)
