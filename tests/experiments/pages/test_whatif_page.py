"""The report of a what-if has the numbers of its folder."""

import json

import pytest
from meterstorm.experiments.drawing.text import escape
from meterstorm.experiments.pages import report
from meterstorm.experiments.pages.folders import WHAT_IF, kind

from support.command_line import invoke


def row(seats, share, low=None, high=None, product="editor"):
    figures = {"denials": 40.0, "denied": 20.0, "share": share, "wait_s": None}
    ends = {f"{name}{end}": None for name in figures for end in ("_low", "_high")}
    names = {"server": "vendord", "product": product, "by": "exact oracle"}
    counts = {"seats": seats, "launches": 1234, "most_in_use": 7}
    return names | counts | figures | ends | {"share_low": low, "share_high": high}


def content(answers, needed=()):
    return {
        "window_s": 300.0,
        "target": 0.01,
        "confidence": 0.95,
        "answers": answers,
        "needed": list(needed),
        "warnings": ["two days only"],
    }


@pytest.fixture
def folder(tmp_path):
    def written(*args):
        (tmp_path / "whatif.json").write_text(json.dumps(content(*args)))
        return tmp_path

    return written


def test_it_says_how_many_licenses_are_needed(folder):
    needed = {"server": "vendord", "product": "editor", "value": 12.0, "low": 10.0, "high": 15.0}
    made = report.report([folder([row(10, 0.031, 0.02, 0.04), row(12, 0.008, 0.004, 0.012)], [needed])])
    assert "12 [10, 15] licenses" in made.verdict
    ((pool, table),) = made.tables()
    assert pool == "vendord/editor"
    assert [cells[0] for cells in table.rows] == ["10", "12"]
    assert [cells[5] for cells in table.rows] == ["3.10% [2.00%, 4.00%]", "0.80% [0.40%, 1.20%]"]
    (figure,) = made.figures()
    assert "1,234 launches" in figure.caption


def test_one_number_of_licenses_is_no_line(folder):
    made = report.report([folder([row(None, 0.05)])])
    assert list(made.figures()) == []
    assert "5.00% of launches truly denied" in made.verdict
    assert "as logged" in made.verdict
    assert "two days only" in made.html()


def test_names_are_no_markup(folder):
    made = report.report([folder([row(3, 0.1, product="<b>&"), row(4, 0.0, product="<b>&")])]).html()
    assert "<b>&" not in made
    assert escape("<b>&") in made


def test_the_command_knows_the_folder(folder):
    here = folder([row(10, 0.031), row(12, 0.008)])
    assert kind(here) == WHAT_IF
    result = invoke("report", str(here))
    assert (result.exit_code, result.stderr) == (0, "")
    assert "licenses" in (here / "report.html").read_text()
