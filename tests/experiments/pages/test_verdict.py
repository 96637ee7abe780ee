"""What a report says first: in one sentence, whatever was found."""

import pytest
from meterstorm.experiments.pages import verdict


def arm(name, mean, half_width, shown):
    return {"arm": name, "shown": shown, "excess": {"mean": mean, "ci95": half_width}}


def symptom(*arms):
    return {"case": "outage", "baseline": "calm", "metric": "denial_fraction", "arms": list(arms)}


def compared(metric, difference, half_width, p):
    return {
        "case": None, "arm": "new", "baseline": "old", "metric": metric, "replications": 5, "left_out": 0,
        "mean": 0.2 + difference, "baseline_mean": 0.2, "difference": difference, "half_width": half_width,
        "p": p, "p_holm": p, "confidence": 0.95, "infinite": 0, "baseline_infinite": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        ([(True, False)], "Symptoms shown: 1 of 1 under “bad”, 0 of 1 under “good”: "),
        (
            [(True, False), (True, True), (False, False)],
            "Symptoms shown: 2 of 3 under “bad”, 1 of 3 under “good”: ",
        ),
        ([(None, None)], "One replication cannot tell which symptoms show: "),
    ],
)
def test_symptoms_are_counted_in_the_first_arm_and_the_last(shown, words):
    found = [
        symptom(arm("bad", 0.08, 0.01, first), arm("other", 0.05, 0.01, True), arm("good", 0.001, 0.002, last))
        for first, last in shown
    ]
    said = verdict._of_symptoms(found)
    assert said.startswith(words)
    assert "by <strong>+8.0 ± 1.0 % points</strong> under “bad” and <strong>+0.10 ± 0.20 % points</strong>" in said
    assert said.endswith(" (95 % interval).")


def test_the_first_clear_difference_is_told():
    found = [compared("wait_s_mean", 0.001, 0.01, 0.8), compared("denial_fraction", 0.1, 0.02, 0.001)]
    assert verdict.of_comparisons(found) == (
        "“new” differs from “old” in denial fraction: <strong>+10.0 ± 2.0 % points</strong> (95 % interval), "
        "30 % against 20 %; 1 of 2 comparisons is clear, their number allowed for."
    )


def test_where_none_is_clear_it_says_so():
    said = verdict.of_comparisons([compared("denial_fraction", 0.001, 0.02, 0.9)])
    assert said.startswith("“new” does not clearly differ from “old” in denial fraction: ")


def test_one_replication_cannot_tell():
    assert verdict.of_comparisons([compared("denial_fraction", 0.1, None, None)]) == (
        "One replication cannot tell whether “new” differs from “old” in denial fraction: "
        "<strong>+10 % points</strong>, 30 % against 20 %."
    )


@pytest.mark.parametrize(
    ("half_width", "p", "end"), [(None, None, "."), (0.0, 1.0, "; 0 of 1 comparison are clear")]
)
def test_equal_values_do_not_differ(half_width, p, end):
    said = verdict.of_comparisons([compared("denial_fraction", 0.0, half_width, p)])
    assert said.startswith(f"“new” is equal to “old” in denial fraction: <strong>20 %</strong>{end}")


def test_what_is_infinite_in_both_is_equal():
    both = {"mean": None, "baseline_mean": None, "infinite": 5, "baseline_infinite": 5, "difference": None}
    said = verdict.of_comparisons([compared("time_to_balance_s", 0.0, None, None) | both])
    assert said.startswith(
        "“new” is equal to “old” in time to balance: <strong>inf in 5 of 5 replications</strong>"
    )
