"""Policies beside the baseline: who is called better or worse, and by which interval."""

import math

import pytest
from meterstorm.experiments.comparisons.families import compare
from meterstorm.experiments.metrics.metrics import Value
from meterstorm.experiments.metrics.paired import paired
from meterstorm.experiments.storm.compared import Compared, comparisons
from meterstorm.experiments.storm.contests import Contest
from meterstorm.experiments.storm.scores import COST, NAMES, WEIGHTS
from meterstorm.experiments.storm.standing import standing, tables
from meterstorm.experiments.storm.tables import legend

LOAD = "load"
BASE: list[Value] = [2.0, 2.1, 1.9, 2.0, 2.2, 1.8]


def contest(title: str = "storm", **loads: list[Value]) -> Contest:
    """A contest in which policies have a load, and no other score."""
    scores = {policy: dict.fromkeys(NAMES, [None] * len(own)) | {LOAD: own} for policy, own in loads.items()}
    return Contest(title, "", "", scores, 100.0)


def found(*contests: Contest, score: str = LOAD) -> dict[str, Compared]:
    made = comparisons(contests, "base", WEIGHTS)
    return {one.policy: one for one in made if one.score == score}


def shifted(by: float) -> list[Value]:
    return [value + by * (1 + 0.1 * (n % 2)) for n, value in enumerate(BASE) if value is not None]


def test_less_is_better():
    made = found(contest(base=BASE, less=shifted(-1.0), more=shifted(1.0), equal=BASE))
    assert {policy: one.verdict for policy, one in made.items()} == {"less": -1, "more": 1, "equal": 0}


def test_only_what_applies_is_compared_and_the_cost_with_it():
    assert {one.score for one in comparisons([contest(base=BASE, other=BASE)], "base", WEIGHTS)} == {LOAD, COST}


def test_the_verdict_is_by_the_interval_that_holds_for_all_at_once():
    """A difference that is told by itself is not told among many: the family decides, over all contests."""
    noisy: list[Value] = [2.5, 2.1, 2.6, 2.1, 2.7, 2.2]
    alone = paired(noisy, BASE).difference
    assert alone is not None
    assert alone.half_width is not None
    assert abs(alone.mean) > alone.half_width
    many = [contest(f"storm {n}", base=BASE, noisy=noisy) for n in range(60)]
    made = comparisons(many, "base", WEIGHTS)
    assert {one.comparison.family for one in made} == {120}
    assert {one.verdict for one in made} == {0}
    clear = [contest(f"storm {n}", base=BASE, clear=shifted(3.0)) for n in range(60)]
    assert {one.verdict for one in comparisons(clear, "base", WEIGHTS)} == {1}


def test_infinite_values_are_told_by_the_sign_test():
    n = 12
    never, soon = [math.inf] * n, [1.0] * n
    for own, base, verdict in ((never, soon, 1), (soon, never, -1), (never, never, 0)):
        one = found(contest(base=list(base), own=list(own)))["own"]
        assert one.verdict == verdict
    mostly: list[Value] = [math.inf, *[1.0] * (n - 1)]
    assert found(contest(base=list(soon), own=mostly))["own"].verdict == 0


def test_the_verdict_is_that_of_most_pairs():
    """Once never served, and better in each of 19 other pairs: better; and the other way round."""
    once: list[Value] = [math.inf, *[1.0] * 19]
    twos: list[Value] = [2.0] * 20
    assert found(contest(base=twos, own=once))["own"].verdict == -1
    assert found(contest(base=once, own=twos))["own"].verdict == 1


@pytest.mark.parametrize("n, is_blind", [(4, True), (5, True), (6, False)])
def test_the_legend_says_when_infinite_values_are_never_told_apart(n: int, is_blind: bool):
    """By trial: each replication is infinite for one alone, in a family that is as small as can be."""
    made = standing([contest(base=[1.0] * n, own=[math.inf] * n)], "base", WEIGHTS)
    alone = compare([([math.inf] * n, [1.0] * n)])[0].p_holm
    assert alone is not None
    assert (alone >= 0.05) == is_blind
    assert (f"With {n} replications infinite values are never told apart" in legend(made)) == is_blind


def test_who_stands_alone_is_compared_with_nobody():
    assert comparisons([contest(other=BASE)], "base", WEIGHTS) == []


def test_the_standing_counts_contests_and_scores():
    made = standing(
        [
            contest("a", base=BASE, good=shifted(-1.0)),
            contest("b", base=BASE, good=shifted(1.0)),
            contest("c", base=BASE, good=shifted(-1.0)),
        ],
        "base",
        WEIGHTS,
    )
    row = made.row("good")
    assert (row.cheaper, row.dearer, row.better, row.worse, row.contests) == (2, 1, 2, 1, 3)
    assert row.on_front == 2
    assert row.cost == pytest.approx(2.0 - 1.05 / 3)
    verdicts = [one["verdict"] for one in tables(made)["comparisons"] if one["score"] == LOAD]
    assert verdicts == ["better", "worse", "better"]
