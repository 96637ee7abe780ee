"""Figures: their marks lie where their values say, and their tables have the same numbers."""

import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from meterstorm.experiments.drawing import export, heat, lines, rows
from meterstorm.experiments.drawing.figure import Key, Table
from meterstorm.experiments.drawing.lines import Axis, Line, Plot, Window
from meterstorm.experiments.drawing.rows import Kind, Mark, Row
from meterstorm.experiments.drawing.text import SIZE

NEEDS_FONT = pytest.mark.skipif(
    not any(Path("/usr/share/fonts").rglob("*.[ot]tf")), reason="no font: apt-get install fonts-dejavu-core"
)
HOSTILE = "</script><b>\"quoted\" & 'so' [x] \x00 שלום " + "wide" * 75


def parsed(figure):
    return ElementTree.fromstring(figure.svg)


def marks(figure, kind):
    return [one for one in parsed(figure).iter() if kind in one.get("class", "").split()]


def drawn(names=("a", "b"), **more):
    x = np.array([0.0, 3600.0, 7200.0])
    plotted = [Line(Key(name, n), x, x / 3600 + n, x / 3600, x / 3600 + 2 * n) for n, name in enumerate(names)]
    plot = Plot(plotted, Axis("time", is_time=True), Axis("users"), **more)
    return lines.figure("name", "Title", "Caption.", plot)


def test_a_point_lies_between_the_ticks_beside_it():
    """The dots of the first line are at 0, 1 and 2, and texts say where 1 and 4 are."""
    figure = drawn()
    at = {one.text: float(one.get("y")) for one in parsed(figure).iter("text")}
    step = (at["1"] - at["4"]) / 3
    dots = [float(one.get("cy")) for one in marks(figure, "dot") if "s0" in one.get("class")]
    assert [1 + (at["1"] - SIZE / 3 - y) / step for y in dots] == pytest.approx([0, 1, 2], abs=0.01)


def test_a_window_lies_where_its_times_are():
    figure = drawn(windows=[Window(3600.0, 7200.0, "all servers crash")])
    (window,) = marks(figure, "window")
    across = sorted({float(one.get("cx")) for one in marks(figure, "dot")})
    assert float(window.get("x")) == pytest.approx(across[1], abs=0.1)
    assert float(window.get("width")) == pytest.approx(across[2] - across[1], abs=0.1)
    assert "all servers crash" in [one.text for one in parsed(figure).iter("text")]


def test_a_table_has_the_values_and_their_bands():
    table = drawn().table
    assert table.heads == ["time", "a", "b"]
    assert table.rows == [["0 s", "0", "1 [0, 2]"], ["1 h", "1", "2 [1, 3]"], ["2 h", "2", "3 [2, 4]"]]


def test_a_long_table_has_the_means_of_stretches():
    y = np.arange(2400.0)
    plot = Plot([Line(Key("a", 0), y, y)], Axis("time", is_time=True), Axis("n"))
    table = lines.table(plot)
    assert len(table.rows) == lines.ROWS_MAX
    found = [float(row[1].replace(",", "")) for row in table.rows]
    assert found == pytest.approx([y[n : n + 100].mean() for n in range(0, 2400, 100)], rel=0.02)


def test_a_setting_has_its_name_below_and_time_has_none():
    plot = Plot([Line(Key("a", 0), np.array([1.0, 2.0]), np.array([1.0, 2.0]))], Axis("clients.count"), Axis("n"))
    assert "clients.count →" in [one.text for one in parsed(lines.figure("n", "T", "C", plot)).iter("text")]
    assert not any("→" in (one.text or "") for one in parsed(drawn()).iter("text"))


def test_an_interval_reaches_as_far_as_its_values_do():
    made = [Row("a", Key("a", 0), [Mark(0.0, -1.0, 1.0)], ""), Row("b", Key("b", 1), [Mark(2.0, 1.0, 3.0)], "")]
    figure = rows.figure("n", "T", "C", made, Kind("s", zero=True), Table([], []))
    ends = [
        [float(word) for word in one.get("d")[1:].replace("H", " ").split()] for one in marks(figure, "whisker")
    ]
    (a, _, b), (c, _, d) = ends
    assert b == pytest.approx(c, abs=0.1)
    assert b - a == pytest.approx(d - c, abs=0.1)
    zeros = [float(one.get("d")[1:].split()[0]) for one in marks(figure, "zero")]
    assert zeros == pytest.approx([(a + b) / 2] * 2, abs=0.1)


def test_rows_without_a_finite_value_have_no_axis():
    made = [Row("a", Key("a", 0), [], "inf in 2 of 2")]
    figure = rows.figure("n", "T", "C", made, Kind("s", zero=True), Table([], []))
    assert marks(figure, "edge") == marks(figure, "zero") == []


def grid(values):
    return heat.Grid("x", ["1", "2"], "y", ["10", "20"], np.array(values))


def test_a_map_is_darkest_where_its_value_is_largest_and_empty_where_there_is_none():
    figure = heat.heat("n", "T", "C", grid([[0.0, 1.0], [2.0, np.nan]]), 1.5)
    kinds = [one.get("class").split()[1] for one in marks(figure, "cell")]
    assert kinds == ["h0", "h4", "h8", "none"]
    assert figure.table.rows == [["10", "0", "1"], ["20", "2", "-"]]


def test_a_map_of_who_is_best_names_them():
    keys = [Key("ours", 0), Key("theirs", 1)]
    figure = heat.phases("n", "T", "C", grid([[0.0, 1.0], [2.0, np.nan]]), keys, np.zeros((2, 2)))
    assert figure.table.rows == [["10", "ours", "theirs"], ["20", "not clear", "-"]]


@pytest.mark.parametrize("words", ["plain", HOSTILE])
def test_an_exported_figure_is_whole_whatever_its_names(words):
    x = np.array([1.0, 2.0])
    plot = Plot([Line(Key(words, n), x, x, x, x) for n in range(2)], Axis(words), Axis(words))
    figure = lines.figure(words, words, words, plot)
    root = ElementTree.fromstring(export.to_svg(figure))
    space = "{http://www.w3.org/2000/svg}"
    assert {one.tag for one in root.iter()} <= {
        space + tag for tag in ("svg", "title", "desc", "style", "rect", "text", "path", "circle", "g")
    }
    assert len([one for one in root.iter() if one.get("class", "").startswith("line ")]) == 4


def test_a_picture_is_a_png_three_times_as_large():
    data = export.to_png(export.to_svg(drawn()))
    assert data.startswith(b"\x89PNG\r\n")
    width = int.from_bytes(data[16:20], "big")
    assert width == export.PNG_ZOOM * 2 * (lines.WIDTH + 16)


@NEEDS_FONT
def test_a_picture_has_its_words():
    svg = export.to_svg(drawn())
    assert export.to_png(svg) != export.to_png(re.sub("<text.*?</text>", "", svg))


def test_figures_beside_each_other_have_room_of_their_own():
    root = ElementTree.fromstring(export.to_svg(drawn(), drawn(("c",))))
    _, _, width, height = map(float, root.get("viewBox").split())
    alone = ElementTree.fromstring(export.to_svg(drawn())).get("viewBox").split()
    assert (width, height) == (2 * float(alone[2]), float(alone[3]))
    assert len([one for one in root.iter() if one.get("class", "").startswith("line ")]) == 2 * 2 + 1 + 1
