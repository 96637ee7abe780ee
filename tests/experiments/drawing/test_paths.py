"""Lines and bands as SVG paths: what is thinned away could not have been seen."""

import re
from itertools import pairwise

import numpy as np
import pytest
from meterstorm.experiments.drawing import paths

rng = np.random.default_rng(7)


def walked(d: str) -> list[tuple[float, float]]:
    """The points of a path, by a reader of all that SVG allows there."""
    x = y = 0.0
    found = []
    for sign, text in re.findall(r"([MLlhv])([^MLlhvz]*)", d):
        at = [float(word) for word in re.findall(r"-?\d*\.?\d+", text)]
        x = {"M": at[0], "L": at[0], "l": x + at[0], "h": x + at[0], "v": x}[sign]
        y = {"M": at[-1], "L": at[-1], "l": y + at[-1], "h": y, "v": y + at[-1]}[sign]
        found.append((x, y))
    return found


def test_a_short_line_goes_through_its_points():
    x, y = np.array([0.0, 3.25, 10.0]), np.array([5.0, 5.0, -0.5])
    assert walked(paths.line(x, y)) == pytest.approx([(0.0, 5.0), (3.2, 5.0), (10.0, -0.5)])


def test_points_on_a_level_line_are_left_out():
    x, y = np.arange(100.0), np.full(100, 7.0)
    assert walked(paths.line(x, y)) == [(0.0, 7.0), (99.0, 7.0)]


@pytest.mark.parametrize("points", [5_000, 100_000])
def test_a_dense_line_keeps_the_least_and_the_largest_of_each_column(points):
    x = np.linspace(0, 330, points, endpoint=False)
    y = np.cumsum(rng.normal(size=points))
    drawn = np.array(walked(paths.line(x, y)))
    for column in range(330):
        inside = y[np.floor(x) == column]
        found = drawn[np.abs(drawn[:, 0] - column) < 0.05, 1]
        assert found.min() == pytest.approx(inside.min(), abs=0.051)
        assert found.max() == pytest.approx(inside.max(), abs=0.051)


def test_a_dense_line_is_short_whatever_its_points():
    x = np.linspace(0, 330, 100_000)
    assert len(paths.line(x, rng.normal(size=100_000) * 50)) < 20 * 330


def test_a_line_is_broken_where_there_is_no_value():
    d = paths.line(np.arange(5.0), np.array([1.0, 2.0, np.nan, 4.0, 5.0]))
    assert d.count("M") == 2
    assert (2.0, 4.0) not in walked(d)


def test_steps_do_not_add_up_their_rounding():
    """Each step is a difference of rounded places."""
    x = np.arange(300.0) + 0.04
    drawn = walked(paths.line(x, rng.uniform(0, 100, 300)))
    assert max(abs(a - b) for (a, _), b in zip(drawn, x, strict=True)) <= 0.051


def test_a_band_closes_and_holds_both_edges():
    x = np.arange(40.0)
    low, high = rng.uniform(0, 10, 40), rng.uniform(20, 30, 40)
    d = paths.band(x, low, high)
    assert d.endswith("z")
    there = walked(d)
    assert [y for _, y in there[:40]] == pytest.approx(low, abs=0.051)
    assert [y for _, y in there[40:]] == pytest.approx(high[::-1], abs=0.051)


def test_a_band_without_values_is_nothing():
    assert paths.band(np.arange(3.0), np.full(3, np.nan), np.ones(3)) == ""


def test_columns_ascend():
    x = np.linspace(0, 330, 10_000)
    drawn = walked(paths.line(x, rng.normal(size=10_000)))
    assert all(a <= b + 1e-9 for (a, _), (b, _) in pairwise(drawn))
