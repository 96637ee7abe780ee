"""The line along which values are at a level."""

import math

import numpy as np
import pytest
from meterstorm.experiments.drawing.contours import contour


def test_a_plane_is_cut_in_a_straight_line():
    values = np.fromfunction(lambda row, column: 2.0 * column + row, (5, 6))
    ends = [end for piece in contour(values, 4.5) for end in piece]
    assert ends
    assert all(2.0 * x + y == pytest.approx(4.5) for x, y in ends)


def test_a_cone_is_cut_in_a_closed_circle():
    values = np.fromfunction(lambda row, column: np.hypot(row - 20, column - 20), (41, 41))
    pieces = list(contour(values, 12.3))
    assert all(math.hypot(x - 20, y - 20) == pytest.approx(12.3, abs=0.02) for piece in pieces for x, y in piece)
    length = sum(math.dist(*piece) for piece in pieces)
    assert length == pytest.approx(2 * math.pi * 12.3, rel=0.01)
    ends = sorted((round(x, 6), round(y, 6)) for piece in pieces for x, y in piece)
    assert ends[::2] == ends[1::2]


def test_a_saddle_has_two_pieces_on_the_sides_of_its_middle():
    """Where the middle is over the level, the corners over it are on one side of both pieces."""
    values = np.array([[1.0, -0.5], [-0.5, 1.0]])
    pieces = list(contour(values, 0.0))
    assert len(pieces) == 2
    for (ax, ay), (bx, by) in pieces:
        middle = (ax + bx) / 2, (ay + by) / 2
        assert min(math.dist(middle, corner) for corner in ((1, 0), (0, 1))) < 0.3


def test_where_a_value_is_missing_there_is_no_line():
    values = np.array([[0.0, 0.0, 0.0], [1.0, 1.0, np.nan]])
    assert all(x <= 1.0 for piece in contour(values, 0.5) for x, _ in piece)


def test_no_line_where_all_is_on_one_side():
    assert list(contour(np.ones((4, 4)), 2.0)) == []
