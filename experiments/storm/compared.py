"""Every policy beside the baseline, in every score and the cost: one family, whose intervals hold all at once."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ..comparisons.families import Comparison, compare
from .contests import Contest
from .scores import COST

ALPHA = 0.05  # of p-values that allow for the size of the family, where infinite values leave no interval


class Compared(NamedTuple):
    """A score of a policy beside that of the baseline, in a contest."""

    contest: Contest
    policy: str
    score: str
    comparison: Comparison

    @property
    def verdict(self) -> int:
        """-1: less than the baseline's, and so better; 1: more; 0: nothing that holds at once tells."""
        one, paired = self.comparison, self.comparison.paired
        if paired.difference is not None:
            is_told = one.simultaneous is not None and abs(paired.difference.mean) > one.simultaneous
        else:
            is_told = one.p_holm is not None and one.p_holm < ALPHA
        return is_told * paired.sign


def comparisons(contests: Sequence[Contest], baseline: str, weights: Mapping[str, float]) -> list[Compared]:
    """Return all comparisons of a benchmark with a baseline, as one family (Bonferroni, Holm)."""
    plan = [
        (contest, policy, score)
        for contest in contests
        if baseline in contest.scores
        for policy in contest.scores
        if policy != baseline
        for score in (*contest.applying(), COST)
    ]
    pairs = [
        (contest.values(policy, score, weights), contest.values(baseline, score, weights))
        for contest, policy, score in plan
    ]
    return [Compared(*where, one) for where, one in zip(plan, compare(pairs), strict=True)]
