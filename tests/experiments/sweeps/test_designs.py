"""Designs: what each promises of its points, as laws."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterstorm.experiments.scenario.axes import DRAWN, Axis
from meterstorm.experiments.sweeps.designs import rows
from scipy import stats

WIDE = [Axis("a", (), 0.0, 1.0), Axis("b", (), 10.0, 1000.0, True), Axis("c", (), -5.0, 5.0)]


def shares(drawn):
    """The shares of WIDE's axes that rows stand at."""
    a, b, c = np.array(drawn).T
    return np.stack([a, np.log(b / 10) / math.log(100), (c + 5) / 10], axis=1)


def strata(values, n):
    """In which of n equal parts of [0, 1) each value is; rounding of an axis must not move one over an edge."""
    return np.clip(np.floor(values * n + 1e-9), 0, n - 1).astype(int)


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4))
def test_a_grid_has_every_combination_the_last_axis_fastest(sizes):
    made = rows("grid", [Axis(str(k), tuple(range(size))) for k, size in enumerate(sizes)], 0, 1)
    numbers = [sum(value * math.prod(sizes[k + 1 :]) for k, value in enumerate(row)) for row in made]
    assert numbers == list(range(math.prod(sizes)))


def test_a_zip_takes_all_axes_together():
    assert rows("zip", [Axis("a", (1, 2, 3)), Axis("b", ("x", "y", "z"))], 0, 1) == [(1, "x"), (2, "y"), (3, "z")]


@pytest.mark.parametrize("n", [1, 2, 7, 100])
def test_a_latin_hypercube_has_one_point_in_each_of_n_strata_of_every_axis(n):
    for column in shares(rows("lhs", WIDE, n, 5)).T:
        assert sorted(strata(column, n)) == list(range(n))


@pytest.mark.parametrize("power", [0, 1, 4, 8])
def test_a_sobol_sequence_has_as_many_points_in_each_elementary_interval(power):
    """Scrambled or not, its first 2**m points are a net: one in each of 2**m strata of every axis."""
    n = 2**power
    points = shares(rows("sobol", WIDE, n, 5))
    for column in points.T:
        assert sorted(strata(column, n)) == list(range(n))
    if power >= 4:  # in two dimensions: as many in each quadrant
        for i, j in itertools.combinations(range(3), 2):
            cells = 2 * strata(points[:, i], 2) + strata(points[:, j], 2)
            assert list(np.bincount(cells)) == [n // 4] * 4


def test_any_number_of_sobol_points_are_the_first_of_the_next_power():
    assert rows("sobol", WIDE, 21, 5) == rows("sobol", WIDE, 32, 5)[:21] == rows("sobol", WIDE, 64, 5)[:21]


@pytest.mark.parametrize("kind", DRAWN)
def test_points_are_uniform_on_every_axis_and_independent_of_each_other_s_axes(kind):
    points = shares(rows(kind, WIDE, 512, 5))
    a = points[:512]  # of a saltelli design: its blocks repeat each other's columns
    for column in a.T:
        assert stats.kstest(column, "uniform").pvalue > 0.001
    correlations = np.corrcoef(a.T)[np.triu_indices(3, 1)]
    assert np.all(np.abs(correlations) < stats.norm.ppf(1 - 0.001 / 6) / math.sqrt(512))


@pytest.mark.parametrize("kind", DRAWN)
def test_equal_seeds_give_equal_points_and_others_others(kind):
    first = rows(kind, WIDE, 8, 1)
    assert first == rows(kind, WIDE, 8, 1)
    assert not set(first) & set(rows(kind, WIDE, 8, 2))


@pytest.mark.parametrize("n", [1, 5, 8])
def test_a_saltelli_design_is_a_then_b_then_a_with_one_column_of_b_each(n):
    points = shares(rows("saltelli", WIDE, n, 5))
    assert len(points) == (len(WIDE) + 2) * n
    a, b, *mixed = np.split(points, len(WIDE) + 2)
    for k, block in enumerate(mixed):
        assert np.array_equal(block[:, k], b[:, k])
        others = [j for j in range(len(WIDE)) if j != k]
        assert np.array_equal(block[:, others], a[:, others])
    both = np.concatenate([a, b], axis=1)
    assert all(a_column[0] != b_column[0] for a_column, b_column in zip(a.T, b.T, strict=True))
    if n == 8:  # A and B are halves of one sequence of twice as many axes
        assert all(sorted(strata(column, n)) == list(range(n)) for column in both.T)


@pytest.mark.parametrize("kind", DRAWN)
def test_drawn_rows_take_lists_and_integers_too(kind):
    axes = [Axis("a", ("x", "y", "z")), Axis("b", (), 1, 4, False, True)]
    drawn = rows(kind, axes, 256, 3)
    assert {type(value) for row in drawn for value in row} == {str, int}
    assert {row[0] for row in drawn} == {"x", "y", "z"}
    assert {row[1] for row in drawn} == {1, 2, 3, 4}


def test_indices_from_a_saltelli_design_are_those_of_the_law():
    """Of y = 4 a + 2 c: variances 16 and 4 of 20, b has none (Saltelli et al. 2010, table 2, formula b)."""
    n = 4096
    points = shares(rows("saltelli", WIDE, n, 5))
    y = np.split(4 * points[:, 0] + 2 * points[:, 2], len(WIDE) + 2)
    first = [np.mean(y[1] * (mixed - y[0])) / np.var(np.concatenate(y[:2])) for mixed in y[2:]]
    assert first == pytest.approx([0.8, 0.0, 0.2], abs=0.02)
