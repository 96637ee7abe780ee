"""Verdicts: a case's metric against its baseline, and the first arm against the last, paired by replication."""

import io
import math
from dataclasses import replace

import pytest
from meterstorm.experiments.metrics.intervals import estimate, paired_difference
from meterstorm.experiments.reports.tables import show
from meterstorm.experiments.reports.verdicts import reproductions, verdicts
from meterstorm.experiments.runs.results import Results, VersionResult
from meterstorm.experiments.scenario import validate, versions
from rich.console import Console

from support.made_up import replication

RAW = {
    "title": "x",
    "cases": [
        {"name": "control"},
        {"name": "outage", "symptom": "denials", "metric": "denial_fraction", "baseline": "control"},
    ],
    "arms": [{"name": "old"}, {"name": "new"}],
}


def results_of(values, raw=RAW, metric="denial_fraction"):
    """Results with a metric's values by case and arm."""
    scenario = validate(raw)
    found = []
    for version in versions(scenario):
        here = values[version.case, version.arm]
        rows = [
            replication(number, {metric: value})
            for number, value in (here.items() if isinstance(here, dict) else enumerate(here))
        ]
        found.append(VersionResult(version, rows))
    return Results(scenario, 1, found)


def arms(old, new, control):
    return {
        ("control", "old"): control,
        ("outage", "old"): old,
        ("control", "new"): control,
        ("outage", "new"): new,
    }


def test_a_symptom_may_be_of_a_group():
    control, old, new = [0.1, 0.5, 0.9], [0.21, 0.6, 1.02], [0.2, 0.4, 0.95]
    case = RAW["cases"][1] | {"metric": "groups.rest.denial_fraction"}
    raw = RAW | {"cases": [RAW["cases"][0], case], "groups": [{"name": "a", "share": 0.5}]}
    found = results_of(arms(old, new, control), raw)
    for version in found.versions:
        version.replications = [
            replace(row, groups={"rest": row.metrics}, metrics=row.metrics | {"denial_fraction": 0.0})
            for row in version.replications
        ]
    assert [verdict.shown for verdict in verdicts(found)] == [True, False]
    assert verdicts(found)[0].excess == paired_difference(old, control)


def test_a_symptom_shows_when_the_excess_is_beyond_its_interval():
    control, old, new = [0.1, 0.5, 0.9], [0.21, 0.6, 1.02], [0.2, 0.4, 0.95]
    found = verdicts(results_of(arms(old, new, control)))
    assert [(verdict.case.name, verdict.arm, verdict.shown) for verdict in found] == [
        ("outage", "old", True),
        ("outage", "new", False),
    ]
    assert found[0].here == estimate(old)
    assert found[0].baseline == estimate(control)
    assert found[0].excess == paired_difference(old, control)
    assert found[0].excess.mean < estimate(control).half_width  # only pairing shows it


def test_less_than_the_baseline_is_not_shown_however_sure():
    found = verdicts(results_of(arms([0.1, 0.11, 0.1], [0.5, 0.5, 0.5], [0.5, 0.5, 0.5])))
    assert [verdict.shown for verdict in found] == [False, False]


def test_one_replication_is_not_judged():
    found = verdicts(results_of(arms([0.9], [0.1], [0.1])))
    assert [(verdict.shown, verdict.excess.half_width) for verdict in found] == [(None, None)] * 2


def test_pairs_are_those_where_both_apply():
    found = verdicts(results_of(arms([0.5, None, 0.7, 0.5], [None] * 4, [0.1, 0.1, None, 0.2])))
    assert [verdict.arm for verdict in found] == ["old"]  # the other has no pair
    assert found[0].here == estimate([0.5, 0.5])
    assert found[0].baseline == estimate([0.1, 0.2])


def test_after_an_interrupt_finished_pairs_count():
    found = verdicts(results_of(arms([0.5, 0.6], [], [0.1, 0.1, 0.1])))
    assert [(verdict.arm, verdict.excess.mean) for verdict in found] == [("old", pytest.approx(0.45))]


def test_without_symptoms_there_are_no_verdicts():
    raw = {"title": "x"}
    assert verdicts(results_of({(None, None): [0.1]}, raw)) == []


def text_of(results):
    console = Console(width=200, record=True, quiet=False, file=io.StringIO())
    show(console, results)
    return console.export_text()


def test_the_table_says_what_is_shown():
    text = text_of(results_of(arms([0.21, 0.6, 1.02], [0.2, 0.4, 0.95], [0.1, 0.5, 0.9])))
    assert "denial_fraction in 'outage' exceeds 'control'" in text
    assert "old: shown (+0.11 ± 0.025)" in text
    assert "new: not shown (+0.01667 ± " in text
    assert "old: not judged (one replication) (+0.8)" in text_of(results_of(arms([0.9], [0.1], [0.1])))


# A metric may be infinite: time_to_recover_s of a site that never recovers.

FOREVER = {
    "title": "x",
    "cases": [
        {"name": "control"},
        {"name": "outage", "symptom": "slow", "metric": "time_to_recover_s", "baseline": "control"},
    ],
}

NEVER = math.inf


@pytest.mark.parametrize(
    ("here", "baseline", "shown"),
    [
        ([NEVER, NEVER], [0.0, 0.0], True),
        ([NEVER, NEVER], [NEVER, NEVER], False),
        ([0.0, 0.0], [NEVER, NEVER], False),
        ([NEVER, 0.0], [0.0, NEVER], False),
        ([NEVER, 1.0], [NEVER, 0.0], False),
    ],
)
def test_infinite_values_are_judged_without_nan(here, baseline, shown):
    results = results_of({("control", None): baseline, ("outage", None): here}, FOREVER, "time_to_recover_s")
    found = verdicts(results)
    assert found[0].shown is shown
    assert not math.isnan(found[0].excess.mean)
    assert "nan" not in text_of(results)


# Reproductions


def reproduced(old, new, control, raw=RAW):
    (found,) = reproductions(results_of(arms(old, new, control), raw))
    return found


def test_reproduced_when_the_defect_shows_it_and_the_cure_less_of_it():
    control, old, new = [0.1, 0.5, 0.9], [0.31, 0.7, 1.12], [0.2, 0.6, 1.01]
    found = reproduced(old, new, control)
    assert (found.defect.arm, found.cure.arm) == ("old", "new")
    assert found.defect.shown and found.cure.shown  # even though the cure is not complete
    assert found.less == paired_difference(old, new)  # of equal baselines
    assert found.reproduced is True


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ([0.3, 0.7, 1.1], [0.3, 0.7, 1.1]),  # the cure changes nothing
        ([0.3, 0.7, 1.1], [0.2, 0.9, 1.05]),  # nothing for sure
        ([0.2, 0.6, 1.0], [0.4, 0.8, 1.3]),  # the cure is worse
        ([0.1, 0.5, 0.9], [0.05, 0.42, 0.85]),  # less, but of what did not show
    ],
)
def test_not_reproduced(old, new):
    assert reproduced(old, new, [0.1, 0.5, 0.9]).reproduced is False


def test_each_arm_is_measured_from_its_own_baseline():
    values = {
        ("control", "old"): [0.4, 0.5, 0.6], ("outage", "old"): [0.5, 0.6, 0.71],
        ("control", "new"): [0.1, 0.2, 0.3], ("outage", "new"): [0.2, 0.3, 0.41],
    }  # fmt: skip
    (found,) = reproductions(results_of(values))
    assert found.defect.shown and found.reproduced is False  # it has more throughout, but as much of the symptom


def test_a_middle_arm_does_not_count():
    raw = {**RAW, "arms": [{"name": "old"}, {"name": "worse"}, {"name": "new"}]}
    control = [0.1, 0.5, 0.9]
    values = arms([0.3, 0.7, 1.1], control, control)
    values |= {("control", "worse"): control, ("outage", "worse"): [1.0, 1.0, 1.0]}
    (found,) = reproductions(results_of(values, raw))
    assert (found.cure.arm, found.reproduced) == ("new", True)


def test_one_replication_reproduces_nothing_and_refutes_nothing():
    assert reproduced([0.9], [0.1], [0.1]).reproduced is None


def test_without_a_cure_or_its_results_nothing_can_be_reproduced():
    one_arm = {**RAW, "arms": [{"name": "old"}]}
    control = [0.1, 0.1]
    only = {("control", "old"): control, ("outage", "old"): [0.5, 0.6]}
    assert reproductions(results_of(only, one_arm)) == []
    assert reproductions(results_of(arms([0.5, 0.6], [], control))) == []
    assert reproductions(results_of({(None, None): [0.1]}, {"title": "x"})) == []


def test_replications_are_paired_by_number_whatever_is_missing():
    old, new, control = {0: 0.5, 2: 0.7, 3: 0.9}, {2: 0.2, 3: 0.1, 4: 0.1}, {1: 9.0, 2: 0.2, 3: 0.1, 4: 0.0}
    results = results_of(arms(old, new, control))
    assert verdicts(results)[0].excess == paired_difference([0.7, 0.9], [0.2, 0.1])
    assert reproductions(results)[0].less == pytest.approx(estimate([0.5, 0.8]))


@pytest.mark.parametrize(
    ("old", "new", "reproduced"),
    [
        ([NEVER, NEVER], [1.0, 2.0], True),
        ([NEVER, NEVER], [NEVER, NEVER], False),
        ([NEVER, NEVER], [NEVER, 1.0], True),
        ([1.0, 2.0], [NEVER, NEVER], False),
    ],
)
def test_a_symptom_without_end_is_reproduced_when_it_ends_at_times(old, new, reproduced):
    raw = {**FOREVER, "arms": RAW["arms"]}
    results = results_of(arms(old, new, [0.0, 0.0]), raw, "time_to_recover_s")
    (found,) = reproductions(results)
    assert found.reproduced is reproduced
    assert not math.isnan(found.less.mean)


def test_equal_infinities_differ_by_nothing():
    raw = {**FOREVER, "arms": RAW["arms"]}
    values = arms([NEVER, NEVER], [NEVER, 0.0], [NEVER, 0.0])
    (found,) = reproductions(results_of(values, raw, "time_to_recover_s"))
    assert (found.less, found.reproduced) == ((math.inf, math.inf), True)  # 0 and infinity: the second one counts


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0123456, "0.01235"), (12.3456, "12.35"), (9999.4, "9999"), (11230.4, "11230"), (1.5e7, "15000000")],
)
def test_numbers_are_short_and_plain(value, text):
    assert f"old: not judged (one replication) (+{text})" in text_of(results_of(arms([value], [0.0], [0.0])))
