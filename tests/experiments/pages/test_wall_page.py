"""The report of a wall-clock run: its figures have the numbers that its processes measured, worked out by hand."""

import json

import pytest
from meterstorm.experiments.pages import folders, report, wall
from meterstorm.experiments.pages.folders import book

from support.layers import layered
from support.wall_runs import SETTING, wall_folder

# The mean of two replications, of which the second took 2 % more.
SERVERS_S = (1.01 * 2.0, 1.01 * 3.0, 1.01 * 4.0)
CLIENTS_S = (1.01 * 0.5, 1.01 * 4.0, 1.01 * 0.75)
SIDES = {"clients": list(CLIENTS_S), "servers": list(SERVERS_S)}
ROUNDED = 0.02  # what the digits that an interval leaves may hide


@pytest.fixture
def folder(monkeypatch, tmp_path):
    return wall_folder(monkeypatch, tmp_path / "run")


def figures(folder):
    chapter = wall.chapter(book([folder]))
    assert chapter is not None
    return {one.name: one for group in chapter.groups for one in group.figures}, dict(chapter.tables)


def means(figure):
    """The numbers of each row, without their intervals."""
    return {
        name: [float(cell.split()[0].replace(",", "")) for cell in cells] for name, *cells in figure.table.rows
    }


def test_cpu_time_is_that_of_each_phase(folder):
    drawn, _ = figures(folder)
    found = means(drawn["cpu"])
    assert found == {name: pytest.approx(s, rel=ROUNDED) for name, s in SIDES.items()}
    assert drawn["cpu"].table.heads == ["", "before", "during", "after"]


def test_cpu_time_is_over_the_attempts_of_the_same_phase(folder):
    drawn, _ = figures(folder)
    expected = [s * 1e6 / n for s, n in zip(CLIENTS_S, (100, 400, 50), strict=True)]
    assert means(drawn["cpu per attempt"])["clients"] == pytest.approx(expected, rel=ROUNDED)
    assert expected[1] == pytest.approx(10_100)


def test_cpu_time_is_over_clients_and_the_seconds_of_the_phase(folder):
    drawn, _ = figures(folder)
    expected = [s * 1e6 / (30 * length) for s, length in zip(SERVERS_S, (20, 10, 30), strict=True)]
    assert means(drawn["cpu per client"])["servers"] == pytest.approx(expected, rel=ROUNDED)


def test_round_trips_lateness_and_messages_are_those_of_the_summary(folder):
    drawn, tables = figures(folder)
    (entry,) = json.loads((folder / "summary.json").read_text())["arms"]
    assert means(drawn["round trips"])["the scenario"] == pytest.approx([40.0, 40.0, 40.0])
    assert means(drawn["lateness"])["the scenario"] == pytest.approx([2.0, 2.0])
    assert "worst in a replication: 0 % (“the scenario”)" in drawn["lateness"].caption
    assert means(drawn["unsent"])["the scenario"] == [9.0]
    rate = entry["metrics"]["messages_per_s"]["mean"]
    assert rate == pytest.approx(sum(entry["metrics"]["messages"]["values"]) / 2 / 60.0)
    assert means(drawn["messages a second"])["the scenario"] == pytest.approx([rate], rel=0.1)
    (rows,) = tables.values()
    assert [row[0] for row in rows.rows] == ["server 0", "server 1", "shard 0 of clients"]
    assert rows.rows[0] == ["server 0", "6.06", "100", "1", "3", "0", "0"]


def test_arms_and_cases_have_figures_of_their_own(monkeypatch, tmp_path):
    twice = {"clients.count": 2 * SETTING["clients"]["count"]}
    two = {
        "arms": [{"name": "a"}, {"name": "b", "set": twice}],
        "cases": [{"name": "c"}, {"name": "d", "set": {"faults": []}}],
    }
    chapter = wall.chapter(book([wall_folder(monkeypatch, tmp_path / "run", layered(SETTING, two))]))
    assert chapter is not None
    assert [group.heading for group in chapter.groups] == ["c", "d"]
    rows = chapter.groups[1].figures[0].table.rows
    assert [row[0] for row in rows] == ["a: clients", "a: servers", "b: clients", "b: servers"]
    (figure,) = (one for one in chapter.groups[0].figures if one.name == "cpu per client")
    found = means(figure)
    assert found["a: servers"] == pytest.approx([2 * us for us in found["b: servers"]], rel=ROUNDED)


def test_a_run_from_before_attempts_were_counted_by_phase_has_no_share_of_them(folder):
    file = folder / "summary.json"
    content = json.loads(file.read_text())
    for one in content["arms"][0]["wall"]:
        del one["attempts"], one["phases_s"]
    file.write_text(json.dumps(content))
    drawn, _ = figures(folder)
    assert drawn["cpu per attempt"].table.rows == [["clients", "-", "-", "-"], ["servers", "-", "-", "-"]]
    assert means(drawn["cpu"])["servers"] == pytest.approx(list(SERVERS_S), rel=ROUNDED)


def test_a_run_in_simulated_time_has_no_such_chapter(run_folder):
    assert wall.chapter(book([run_folder])) is None
    assert 'id="wall"' not in report.report([run_folder]).html()


def test_the_page_does_not_promise_the_same_digest(folder):
    html = (folder / "report.html").read_text()
    assert 'id="wall"' in html and "which gives the same digest" not in html
    assert folders.kind(folder) == folders.RUN
