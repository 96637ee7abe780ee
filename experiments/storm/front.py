"""The Pareto front: the policies that no other beats in all scores, and how certain that is."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..metrics.intervals import NOISE
from .contests import Contest

RESAMPLES = 1000
SEED = 20_250_101  # of the resampling: the same folder gives the same probabilities


def probabilities(contest: Contest, resamples: int = RESAMPLES) -> dict[str, float]:
    """Return the probability of each policy to be on the front, by a bootstrap over replications.

    All policies met the same users in a replication, so all are resampled together (Efron & Tibshirani 1993).
    Scores that no policy has are left out; who alone has none is taken for the worst.
    """
    values = _values(contest)
    n = values.shape[2]
    draws = np.random.default_rng(SEED).integers(0, n, (resamples, n))
    found = np.mean([is_on_front(values[:, :, draw].mean(axis=2)) for draw in draws], axis=0)
    return dict(zip(contest.scores, map(float, found), strict=True))


def _values(contest: Contest) -> Any:
    """Return the scores, shape (policies, scores, replications)."""
    names = contest.applying()
    return np.array(
        [
            [[np.inf if value is None else float(value) for value in own[name]] for name in names]
            for own in contest.scores.values()
        ]
    )


def is_on_front(means: Any) -> Any:
    """Return for each policy whether no other is at least as good in all scores and better in one.

    `means` has shape (policies, scores), less being better; what differs by rounding only is alike.
    """
    ours, others = means[:, None, :], means[None, :, :]
    finite = np.isfinite(ours) & np.isfinite(others)
    sizes = np.where(finite, np.maximum(np.abs(ours), np.abs(others)), 0.0)
    with np.errstate(invalid="ignore"):  # infinity less infinity
        alike = (ours == others) | (np.abs(ours - others) <= NOISE * sizes)
    no_worse, better = (others < ours) | alike, (others < ours) & ~alike
    return ~(no_worse.all(axis=2) & better.any(axis=2)).any(axis=1)


def best(probability: Mapping[str, float], least: float = 0.95) -> Sequence[str]:
    """Return the policies that are on the front with at least some probability."""
    return [policy for policy, value in probability.items() if value >= least]
