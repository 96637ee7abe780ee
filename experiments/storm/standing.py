"""How the policies stand in all contests: what each costs, where it is better or worse, where nothing beats it."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any, NamedTuple

from ..metrics.intervals import Estimate, estimate
from ..metrics.metrics import Value
from .compared import Compared, comparisons
from .contests import Contest
from .front import best, probabilities
from .scores import COST, NAMES


class Standing(NamedTuple):
    """All that is said of a benchmark: its contests, the comparisons with the baseline, the fronts."""

    contests: Sequence[Contest]
    baseline: str
    weights: Mapping[str, float]
    compared: Mapping[tuple[str, str, str], Compared]  # by contest's title, policy and score
    fronts: Sequence[Mapping[str, float]]  # of each contest: the probability of each policy to be on its front

    @property
    def policies(self) -> list[str]:
        """All policies, in order."""
        return list(dict.fromkeys(policy for contest in self.contests for policy in contest.scores))

    def verdict(self, contest: Contest, policy: str, score: str) -> int:
        """Return -1 where a policy is better than the baseline, 1 where it is worse, 0 where neither is told."""
        one = self.compared.get((contest.title, policy, score))
        return one.verdict if one else 0

    def row(self, policy: str) -> "Row":
        """Return how a policy stands."""
        own = [contest for contest in self.contests if policy in contest.scores]
        verdicts = [self.verdict(contest, policy, score) for contest in own for score in NAMES]
        costs = [self.verdict(contest, policy, COST) for contest in own]
        return Row(
            policy,
            fmean(mean_of(contest.costs(policy, self.weights)) for contest in own),
            costs.count(-1),
            costs.count(1),
            verdicts.count(-1),
            verdicts.count(1),
            sum(policy in best(front) for front in self.fronts),
            len(own),
        )


class Row(NamedTuple):
    """How a policy stands in all contests that it was run in to the end."""

    policy: str
    cost: float  # mean over the contests
    cheaper: int  # contests in which it costs less than the baseline
    dearer: int
    better: int  # scores, in all contests
    worse: int
    on_front: int  # contests in which it is on the front with 95 %
    contests: int


def standing(contests: Sequence[Contest], baseline: str, weights: Mapping[str, float]) -> Standing:
    """Return how the policies stand."""
    fronts = [probabilities(contest) for contest in contests]
    compared = comparisons(contests, baseline, weights)
    by_place = {(one.contest.title, one.policy, one.score): one for one in compared}
    return Standing(contests, baseline, weights, by_place, fronts)


def mean_of(values: Sequence[Value]) -> float:
    """Return the mean of the values that apply; infinite if one is."""
    known = [float(value) for value in values if value is not None]
    return fmean(known) if known else float("inf")


def estimate_of(values: Sequence[Value]) -> Estimate | None:
    """Return the mean with its 95 % interval, of the values that apply; None if none does."""
    known = [float(value) for value in values if value is not None]
    return estimate(known) if known else None


def tables(found: Standing) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of comparisons.parquet and front.parquet, by these names."""
    compared = [{**_where(one.contest), **_comparison(one)} for one in found.compared.values()]
    fronts = [
        {**_where(contest), "policy": policy, "on_front": probability}
        for contest, front in zip(found.contests, found.fronts, strict=True)
        for policy, probability in front.items()
    ]
    return {"comparisons": compared, "front": fronts}


def _where(contest: Contest) -> dict[str, Any]:
    return {"scenario": contest.scenario, "setting": contest.setting, "case": contest.case}


def _comparison(one: Compared) -> dict[str, Any]:
    paired = one.comparison.paired
    return {
        "policy": one.policy,
        "score": one.score,
        "mean": paired.mean,
        "baseline_mean": paired.baseline_mean,
        "difference": paired.difference and paired.difference.mean,
        "half_width": paired.difference and paired.difference.half_width,
        "half_width_bonferroni": one.comparison.simultaneous,
        "p_holm": one.comparison.p_holm,
        "replications": paired.n,
        "infinite": paired.infinite,
        "baseline_infinite": paired.baseline_infinite,
        "family": one.comparison.family,
        "verdict": {-1: "better", 0: "not told apart", 1: "worse"}[one.verdict],
    }
