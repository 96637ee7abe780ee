"""Metrics of groups of clients, by name: in expectations and comparisons, and what is refused."""

from dataclasses import replace

import pytest
from meterstorm.experiments.comparisons.expectations import judge
from meterstorm.experiments.comparisons.of_results import comparisons
from meterstorm.experiments.metrics.names import METRICS, Named, named
from meterstorm.experiments.runs.results import Results
from meterstorm.experiments.scenario import ScenarioError, validate

from support.made_up import results_of

ALL = [9.0, 8.0, 7.0]
UPGRADED = {"new": [1.0, 2.0, 6.0], "old": [4.0, 4.0, 4.0]}
RAW = {
    "groups": [{"name": "up. graded", "share": 0.5}],
    "arms": [{"name": "old"}, {"name": "new"}],
    "compare": {"metrics": ["groups.up. graded.denials", "denials"]},
    "expect": [{"metric": "groups.up. graded.denials", "arm": "new", "op": "==", "value": 3.0}],
}


def results(**more) -> Results:
    found = results_of(RAW | more, {(None, arm): {"denials": ALL} for arm in UPGRADED})
    for version in found.versions:
        values = UPGRADED[version.version.arm]
        version.replications = [
            replace(row, groups={"rest": {"denials": 0.0}, "up. graded": {"denials": value}})
            for row, value in zip(version.replications, values, strict=True)
        ]
    return found


def test_an_expectation_is_held_against_the_group_that_it_names():
    (judged,) = judge(results())
    assert judged.passed and judged.observed[0].figure.estimate.mean == 3.0
    (judged,) = judge(results(expect=[RAW["expect"][0] | {"metric": "denials"}]))
    assert not judged.passed and judged.observed[0].figure.estimate.mean == 8.0


def test_differences_are_those_of_the_group():
    """1 - 4, 2 - 4, 6 - 4: -1 on average; of all clients there are none."""
    found = {one.metric: one.comparison.paired.difference.mean for one in comparisons(results())}
    assert found == {"groups.up. graded.denials": -1.0, "denials": 0.0}


def test_a_group_that_a_version_has_not_does_not_apply():
    found = results(expect=[{"metric": "groups.rest.grants", "op": "<", "value": 1.0}])
    assert {one.figure.why for one in judge(found)[0].observed} == {"null: the metric does not apply"}


def test_names_are_read_as_they_are_written():
    assert [named(name) for name in METRICS] == [Named(name) for name in METRICS]
    for group in ("a", "a.b", "groups.x", "rest"):
        assert named(str(Named("denials", group))) == Named("denials", group)


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        (
            "groups.b.denials",
            'a metric of a group that has clients, groups.NAME.METRIC, with the name of one: "up. graded", "rest"',
        ),
        (
            "groups.rest.denial",
            'a metric that groups of clients have (did you mean "groups.rest.denials"?)',
        ),
        ("groups.rest.overissued", "a metric that groups of clients have"),
    ],
)
@pytest.mark.parametrize("place", ["expect", "compare", "cases"])
def test_what_is_no_metric_of_a_group_is_refused(place, metric, words):
    case = {"name": "a", "symptom": "s", "metric": metric, "baseline": "b"}
    more = {
        "expect": [RAW["expect"][0] | {"metric": metric}],
        "compare": {"metrics": [metric]},
        "cases": [case, {"name": "b"}],
    }
    path = {"expect": "expect[0].metric", "compare": "compare.metrics[0]", "cases": "cases[0].metric"}[place]
    with pytest.raises(ScenarioError) as refused:
        validate({"title": "x"} | RAW | {place: more[place]})
    (line,) = refused.value.errors
    assert line.startswith(f'{path}: "{metric}" is not allowed; it must be {words}')


@pytest.mark.parametrize(
    ("set_", "name"),
    [
        ({"groups[0].name": "b"}, "b"),
        ({"groups": [{"name": "c", "count": 1}]}, "c"),
        ({"groups[0].share": 0.5}, "rest"),
    ],
)
def test_groups_that_an_arm_brings_may_be_named(set_, name):
    one = {"groups": [{"name": "a", "share": 1.0}], "arms": [{"name": "one", "set": set_}]}
    expect = [{"metric": f"groups.{name}.launches", "op": ">", "value": 0}]
    assert validate({"title": "x"} | one | {"expect": expect}).expect[0].metric == f"groups.{name}.launches"
