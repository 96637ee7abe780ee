"""Paired differences in a table of worlds: by hand where it is made up, and against the pairs themselves."""

import math
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest
from meterstorm.experiments.metrics.intervals import paired_difference
from meterstorm.experiments.metrics.names import METRICS
from meterstorm.experiments.runs.differences import COUNTS, differences

NAME = "policies.failover.name"
BASE = "policies.failover.base_s"
COUNT = "clients.count"
METRIC = "time_to_recover_s"


def table(rows: Sequence[dict[str, Any]], axes: dict[str, pa.DataType] | None = None) -> pa.Table:
    kinds = {**(axes or {}), "case": pa.string(), "arm": pa.string(), "replication": pa.int32()}
    kinds |= dict.fromkeys(METRICS, pa.float64())
    return pa.Table.from_pylist(list(rows), pa.schema(list(kinds.items())))


def of_arms(**values: Sequence[float | None]) -> pa.Table:
    return table(
        [
            {"arm": arm, "replication": n, METRIC: value}
            for arm, found in values.items()
            for n, value in enumerate(found)
        ]
    )


def rows_of(found: pa.Table) -> list[dict[str, Any]]:
    return found.to_pylist()


def by_arm(made: pa.Table, baseline: str | None = None, confidence: float = 0.95) -> list[dict[str, Any]]:
    return rows_of(differences(made, (), "arm", baseline, [METRIC], confidence))


def test_the_mean_and_its_interval_are_those_of_the_pairs():
    old, new = [10.0, 30.0, 20.0], [12.0, 31.0, 24.0]
    (row,) = by_arm(of_arms(old=old, new=new), confidence=0.9)
    expected = paired_difference(new, old, 0.9)
    assert (row["arm"], row["baseline"], row["metric"], row["n"]) == ("new", "old", METRIC, 3)
    assert (row["mean_difference"], row["half_width"]) == expected
    assert row["mean_difference"] == pytest.approx(7 / 3)


def test_the_baseline_is_the_first_arm_or_the_one_named():
    made = of_arms(a=[1.0, 2.0], b=[4.0, 4.0], c=[8.0, 8.0])
    assert [(r["arm"], r["baseline"]) for r in by_arm(made)] == [("b", "a"), ("c", "a")]
    swapped = by_arm(made, "b")
    assert [(r["arm"], r["baseline"]) for r in swapped] == [("a", "b"), ("c", "b")]
    assert swapped[0]["mean_difference"] == -by_arm(made)[0]["mean_difference"]


def test_replications_are_paired_by_number_not_by_place():
    rows = [{"arm": "a", "replication": n, METRIC: 10.0 * n} for n in (0, 1, 2)]
    rows += [{"arm": "b", "replication": n, METRIC: 10.0 * n + 1} for n in (2, 0, 1)]
    (row,) = by_arm(table(rows))
    assert (row["mean_difference"], row["half_width"]) == (1.0, 0.0)


def test_infinite_values_are_counted_and_have_no_mean():
    inf = math.inf
    old = [1.0, 5.0, inf, inf, None, 3.0]
    new = [2.0, inf, 7.0, inf, 4.0]  # the last replication is not there
    (row,) = by_arm(of_arms(old=old, new=new))
    counts = [row[name] for name in COUNTS]
    assert counts == [4, 2, 2, 2]
    assert (row["mean_difference"], row["half_width"], row["median_difference"]) == (None, None, 1.0)
    assert (row["test"], row["p"]) == ("sign", 1.0)  # two are larger, one is smaller, one is equal


def test_where_no_pair_is_finite_there_is_no_mean():
    (row,) = by_arm(of_arms(old=[math.inf, None], new=[math.inf, 1.0]))
    assert (row["mean_difference"], row["half_width"], row["n"], row["infinite"]) == (None, None, 1, 1)


def test_an_axis_is_compared_at_the_same_other_settings():
    rows = [
        {COUNT: count, "arm": arm, "replication": n, METRIC: count + (arm == "b") * 1000 + n * n}
        for count in (1, 2, 4)
        for arm in ("a", "b")
        for n in (0, 1)
    ]
    found = rows_of(differences(table(rows, {COUNT: pa.int64()}), [COUNT], COUNT, 2, [METRIC], 0.95))
    expected = [(count, arm, count - 2) for count in (1, 4) for arm in ("a", "b")]
    assert [(row[COUNT], row["arm"], row["mean_difference"]) for row in found] == expected
    assert {row["half_width"] for row in found} == {0.0}
    assert {row["baseline"] for row in found} == {2}


POLICIES = [("immediate", None), ("full-jitter", 1.0), ("full-jitter", 5.0), ("backoff", 1.0), ("backoff", 5.0)]


def of_policies() -> pa.Table:
    rows = [
        {NAME: name, BASE: base, COUNT: count, "replication": 0, METRIC: 100.0 * count + 10 * k}
        for count in (1, 2)
        for k, (name, base) in enumerate(POLICIES)
    ]
    return table(rows, {NAME: pa.string(), BASE: pa.float64(), COUNT: pa.int64()})


@pytest.mark.parametrize(
    ("baseline", "expected"),
    [
        ("immediate", {("full-jitter", 1): 10, ("full-jitter", 5): 20, ("backoff", 1): 30, ("backoff", 5): 40}),
        ("full-jitter", {("immediate", 1): -10, ("immediate", 5): -20, ("backoff", 1): 20, ("backoff", 5): 20}),
    ],
)
def test_a_parameter_of_one_policy_only_keeps_nothing_apart(baseline: str, expected: dict[Any, float]):
    found = rows_of(differences(of_policies(), [NAME, BASE, COUNT], NAME, baseline, [METRIC], 0.95))
    for count in (1, 2):
        here = {(row[NAME], row[BASE]): row["mean_difference"] for row in found if row[COUNT] == count}
        assert here == expected
    assert len(found) == 2 * len(expected)


def test_worlds_where_a_key_does_not_apply_are_no_value_of_it():
    found = rows_of(differences(of_policies(), [NAME, BASE, COUNT], BASE, None, [METRIC], 0.95))
    assert {(row[NAME], row[BASE], row["baseline"]) for row in found} == {
        ("full-jitter", 5.0, 1.0),
        ("backoff", 5.0, 1.0),
    }


def test_all_metrics_unless_some_are_named():
    assert [
        row["metric"] for row in rows_of(differences(of_arms(a=[1.0], b=[2.0]), (), "arm", None, None, 0.95))
    ] == [*METRICS]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"by": "amr"}, "by='amr': is not allowed; it must be .*arm"),
        ({"by": "case"}, "by='case': there is nothing to compare; of its values the results have none"),
        ({"baseline": "z"}, "baseline='z': is not allowed; it must be one of 'a', 'b'"),
        ({"metrics": ["denails"]}, "metrics: denails is not a metric.*denials"),
        ({"metrics": "denials"}, "metrics='denials': is not allowed; it must be a list"),
        ({"confidence": 95}, "confidence=95: is not allowed"),
    ],
)
def test_what_there_is_not_is_refused(wrong: dict[str, Any], words: str):
    given = {"by": "arm", "baseline": None, "metrics": [METRIC], "confidence": 0.95} | wrong
    with pytest.raises(ValueError, match=words):
        differences(of_arms(a=[1.0], b=[2.0]), (), **given)


def test_points_that_share_nothing_are_not_compared():
    rows = [{COUNT: n, NAME: name, "replication": 0, METRIC: 1.0} for n, name in enumerate("xy")]
    made = table(rows, {COUNT: pa.int64(), NAME: pa.string()})
    with pytest.raises(ValueError, match="no other value has a world at the same other settings as 'x'"):
        differences(made, [COUNT, NAME], NAME, None, [METRIC], 0.95)
