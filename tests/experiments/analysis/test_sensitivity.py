"""Sobol indices against theory, against scipy's, and over grids; and what is said where there are none."""

import math
from typing import Any

import numpy as np
import pytest
from meterstorm.experiments.analysis.outcomes import Bad, of_table, outcomes
from meterstorm.experiments.analysis.sensitivity import (
    Sensitivity,
    grid_indices,
    grid_of,
    ranks,
    saltelli_indices,
    sensitivity,
)
from scipy import stats

from support.sweep_tables import saltelli, sweep_table

A, B = 7.0, 0.1  # of Ishigami's function
N = 2048


def ishigami(x: Any) -> Any:
    return np.sin(x[:, 0]) + A * np.sin(x[:, 1]) ** 2 + B * x[:, 2] ** 4 * np.sin(x[:, 0])


def ishigami_laws() -> tuple[list[float], list[float]]:
    """First-order and total indices, from Ishigami & Homma 1990."""
    alone_1 = (1 + B * math.pi**4 / 5) ** 2 / 2
    alone_2 = A**2 / 8
    both_13 = B**2 * math.pi**8 * (1 / 18 - 1 / 50)
    whole = alone_1 + alone_2 + both_13
    return [alone_1 / whole, alone_2 / whole, 0.0], [
        (alone_1 + both_13) / whole,
        alone_2 / whole,
        both_13 / whole,
    ]


def rows(function: Any, axes: int, seed: int, n: int = N) -> Any:
    draws = np.random.default_rng(seed)
    a, b = draws.uniform(-math.pi, math.pi, (2, n, axes))
    return function(saltelli(a, b)).reshape(axes + 2, n)


@pytest.mark.parametrize("seed", range(3))
def test_ishigamis_indices_are_in_their_intervals(seed: int):
    indices = saltelli_indices(["x1", "x2", "x3"], rows(ishigami, 3, seed), confidence=0.999)
    firsts, totals = ishigami_laws()
    for index, first, total in zip(indices, firsts, totals, strict=True):
        for value, interval, law in (
            (index.first, index.first_interval, first),
            (index.total, index.total_interval, total),
        ):
            assert interval is not None
            assert interval[0] <= law <= interval[1]
            assert interval[0] <= value <= interval[1]
            assert interval[1] - interval[0] < 0.4


def test_the_estimates_and_their_intervals_are_scipys():
    values = rows(ishigami, 3, 5)
    found = saltelli_indices(["x1", "x2", "x3"], values)
    theirs = stats.sobol_indices(
        func={"f_A": values[:1], "f_B": values[1:2], "f_AB": values[2:].reshape(3, 1, N)}, n=N
    )
    assert [index.first for index in found] == pytest.approx(theirs.first_order)
    assert [index.total for index in found] == pytest.approx(theirs.total_order)
    resampled = theirs.bootstrap(n_resamples=500)
    for mine, theirs_ in (("first_interval", resampled.first_order), ("total_interval", resampled.total_order)):
        widths = np.diff([getattr(index, mine) for index in found]).ravel()
        interval = theirs_.confidence_interval
        assert widths == pytest.approx(interval.high - interval.low, rel=0.25)


def test_a_single_axis_explains_all():
    (index,) = saltelli_indices(["x"], rows(lambda x: x[:, 0], 1, 0))
    assert index.first_interval is not None and index.first_interval[0] < 1 < index.first_interval[1]


def test_a_grid_is_decomposed_exactly():
    """Of a + b the variances add up; a * b with means of 0 is all interaction; what is in neither has no part."""
    a, b = np.arange(4.0)[:, None, None], 3 * np.arange(3.0)[None, :, None]
    indices = grid_indices(["a", "b", "c"], np.broadcast_to(a + b, (4, 3, 2)))
    whole = np.var(a) + np.var(b)
    shares = [np.var(a) / whole, np.var(b) / whole, 0.0]
    assert [index.first for index in indices] == pytest.approx(shares)
    assert [index.total for index in indices] == pytest.approx(shares)
    indices = grid_indices(["a", "b"], ((a - a.mean()) * (b - b.mean()))[:, :, 0])
    assert [index.first for index in indices] == pytest.approx([0, 0])
    assert [index.total for index in indices] == pytest.approx([1, 1])


def test_a_parameter_that_does_not_apply_stands_for_all_its_values():
    names, delays = np.array(["never", "retry", "retry"], object), np.array([math.nan, 1.0, 2.0])
    assert grid_of([names, delays], np.array([5.0, 6.0, 8.0])).tolist() == [[5.0, 5.0], [6.0, 8.0]]
    twice = grid_of([names[[0, 0, 1, 2]], delays[[0, 0, 1, 2]]], np.array([4.0, 6.0, 6.0, 8.0]))
    assert twice.tolist() == [[5.0, 5.0], [6.0, 8.0]]


def test_ranks_are_scipys():
    values = np.array([3.0, math.inf, 1.0, 3.0, math.inf, math.inf, -2.0])
    assert ranks(values) * 6 == pytest.approx(stats.rankdata(values) - 1)


POINTS = [(c, n) for c in (10, 20, 40) for n in ("x", "y")]
GRID = {"clients.count": [c for c, _ in POINTS], "policies.failover.name": [n for _, n in POINTS]}


def explained(values: Any, bad: Bad | None = None, kind: str = "grid", n: int | None = None) -> Sensitivity:
    sweep = of_table(sweep_table(GRID, kind, values, n=n, replications=3), "table")
    (found,) = outcomes(sweep, "denial_fraction", bad, None, None)
    return sensitivity(found, sweep.axes, sweep.design, bad is not None)


def test_noise_is_told_and_means_are_over_replications():
    found = explained(lambda point, _, r: point["clients.count"] + (r - 1) * 3)
    assert [index.total for index in found.indices] == pytest.approx([1, 0])
    share = 9 / 3 / np.var([10, 20, 40])  # the variance of each mean of three
    assert found.notes[-1] == f"noise of the replications is at most {100 * share:.2g} % of its variance"


def infinite(point: dict[str, Any], _: Any, r: int) -> float:
    return math.inf if point["policies.failover.name"] == "x" and r == 0 else point["clients.count"]


def test_infinite_values_are_explained_by_what_is_bad_or_by_ranks():
    found = explained(infinite, Bad(">=", math.inf))
    assert [index.first for index in found.indices] == pytest.approx([0, 1])
    assert "share of bad replications: the metric is infinite" in found.words
    found = explained(infinite)
    assert 0 < found.indices[0].first < found.indices[1].first
    assert "rank of the mean: the metric is infinite" in found.words


@pytest.mark.parametrize("kind", ["zip", "sobol", "lhs", "random"])
def test_designs_without_indices_say_which_has_them(kind: str):
    found = explained(lambda point, *_: point["clients.count"], kind=kind)
    assert found == Sensitivity([], f"no Sobol indices: a {kind} design has none; sweep --saltelli N gives them")


def test_a_constant_has_no_indices():
    assert explained(lambda *_: 1.0).words.endswith("is the same at every point")


def test_a_hole_in_a_grid_is_told():
    found = explained(
        lambda point, *_: None if point == {k: v[0] for k, v in GRID.items()} else 1.0 + hash(str(point))
    )
    assert found == Sensitivity([], "no shares of variance: the grid has no value at 1 of 6 combinations")


def test_base_rows_that_miss_a_point_are_left_out():
    n, drawn = 64, np.random.default_rng(1)
    points = saltelli(*drawn.random((2, n, 2)))
    keys = {"a": list(points[:, 0]), "b": list(points[:, 1])}

    def values(point: dict[str, Any], *_: Any) -> float | None:
        return None if point == lost else point["a"] + 2 * point["b"]

    lost = {key: keys[key][3 * n + 5] for key in keys}  # row 5 of the last AB
    sweep = of_table(sweep_table(keys, "saltelli", values, n=n), "table")
    (found,) = outcomes(sweep, "denial_fraction", None, None, None)
    result = sensitivity(found, sweep.axes, sweep.design, False)
    assert found.left_out == 1
    assert result.notes[0].endswith("over 63 base rows of 64; the others miss a point")
    whole = (points[:, 0] + 2 * points[:, 1]).reshape(4, n)
    law = saltelli_indices(["a", "b"], np.delete(whole, 5, axis=1))
    assert [index.total for index in result.indices] == pytest.approx([index.total for index in law])


def test_points_beyond_the_design_are_refused():
    with pytest.raises(ValueError, match="point 5 is not of a Saltelli design of 1 rows and 2 axes"):
        explained(lambda point, *_: point["clients.count"], kind="saltelli", n=1)


def test_resamples_that_do_not_vary_have_no_part_in_an_interval():
    """Of eight rows only one differs: many resamples leave it out."""
    rows = np.zeros((3, 8))
    rows[0, 3] = rows[2, 3] = 1.0
    (index,) = saltelli_indices(["only"], rows)
    assert all(math.isfinite(end) for end in (*index.first_interval, *index.total_interval))
