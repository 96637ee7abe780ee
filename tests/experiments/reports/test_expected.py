"""Expectations on the screen, in summary.json and as JUnit XML, whatever they are called."""

import io
import json
import math
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterstorm.experiments.reports import expected
from meterstorm.experiments.runs.results import Results
from rich.console import Console

from support.made_up import results_of

INF = math.inf
RAW: dict[str, Any] = {
    "title": "storms",
    "arms": [{"name": "old"}, {"name": "new"}],
    "expect": [
        {"name": "few denials", "metric": "denials", "op": "<", "value": 3.5},
        {"metric": "denials", "op": "<", "value": -0.5, "on": "difference"},
        {"metric": "time_to_recover_s", "op": "<", "value": 60, "on": "interval", "arm": "old"},
        {"metric": "time_to_recover_s", "op": ">", "value": 60, "arm": "old"},
        {"metric": "storm_peak_ratio", "op": ">", "value": 1, "arm": "new"},
        {"metric": "queue_s_max", "op": ">=", "value": 1000000, "arm": "new"},
    ],
}
MADE_UP: Any = {
    (None, "old"): {"denials": [2, 4, 6], "time_to_recover_s": [INF, 1.0, INF]},
    (None, "new"): {"denials": [1, 3, 5], "queue_s_max": [None, 1e6, 3e6]},
}
LINES = [
    "FAIL  few denials: denials < 3.5 in 'old': 4 ± 5",
    "PASS  few denials: denials < 3.5 in 'new': 3 ± 5",
    "PASS  difference in denials < -0.5 in 'new' to 'old': -1 ± 0",
    "FAIL  interval of time_to_recover_s < 60 in 'old': "
    "inf in 2 of 3 replications; infinite values have no interval",
    "PASS  time_to_recover_s > 60 in 'old': inf in 2 of 3 replications",
    "FAIL  storm_peak_ratio > 1 in 'new': null: the metric does not apply",
    "PASS  queue_s_max >= 1000000 in 'new': 2000000 ± 12706205; null in 1 more replication",
]
FAILED = ["few denials: denials < 3.5", "interval of time_to_recover_s < 60", "storm_peak_ratio > 1"]


def printed(results: Results, width: int = 80) -> list[str]:
    console = Console(width=width, file=io.StringIO(), markup=False, emoji=False, highlight=False, soft_wrap=True)
    expected.show(console, results)
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize("width", [1, 80, 300])
def test_each_line_has_the_expectation_the_figure_and_the_verdict(width):
    assert printed(results_of(RAW, MADE_UP), width) == ["Expectations, with 95 % intervals:", *LINES]


def test_what_is_not_met_is_named():
    assert expected.failures(results_of(RAW, MADE_UP)) == FAILED


def test_where_nothing_is_expected_nothing_is_printed():
    results = results_of({}, {(None, None): {"denials": [1]}})
    assert (printed(results), expected.content(results), expected.failures(results)) == ([], [], [])


def test_the_summary_has_what_the_screen_has():
    entries = json.loads(json.dumps(expected.content(results_of(RAW, MADE_UP)), allow_nan=False))
    assert [entry["passed"] for entry in entries] == [False, True, False, True, False, True]
    keys = ("name", "metric", "on", "op", "value", "confidence")
    assert [entries[0][key] for key in keys] == ["few denials", "denials", "mean", "<", 3.5, 0.95]
    observed = [one for entry in entries for one in entry["observed"]]
    for line, one in zip(LINES, observed, strict=True):
        assert line.startswith("PASS" if one["passed"] else "FAIL")
        assert f" in '{one['arm']}'" in line
        assert one["why"] is None or one["why"] in line
        assert (f" to '{one['baseline']}'" in line) == (one["baseline"] is not None)
        assert (f"inf in {one['infinite']} of {one['replications']}" in line) == (one["infinite"] > 0)
    assert [one["mean"] for one in observed] == [4, 3, -1, "inf", "inf", None, 2e6]
    assert [one["half_width"] for one in observed][3:6] == ["inf", "inf", None]
    assert observed[6]["left_out"] == 1


def suites(results: Results, folder: Path) -> Any:
    expected.write_junit(folder / "junit.xml", results)
    return ElementTree.parse(folder / "junit.xml").getroot()


def test_junit_has_a_test_case_for_each(tmp_path):
    root = suites(results_of(RAW, MADE_UP), tmp_path)
    (suite,) = root
    assert (root.tag, suite.tag, suite.get("name")) == ("testsuites", "testsuite", "storms")
    assert [(node.get("tests"), node.get("failures"), node.get("errors")) for node in (root, suite)] == [
        ("6", "3", "0")
    ] * 2
    failures = {case.get("name"): case.find("failure") for case in suite}
    assert [name for name, failure in failures.items() if failure is not None] == FAILED
    assert {case.get("classname") for case in suite} == {"storms"}
    few = failures["few denials: denials < 3.5"]
    assert (few.get("message"), few.text) == (LINES[0], "\n".join(LINES[:2]))
    passed = next(case for case in suite if case.get("name") == "difference in denials < -0.5")
    assert passed.findtext("system-out") == LINES[2]


SIGNS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12).filter(str.strip)
HOSTILE = "<a & \"b\"> ]]> &lt; 'c' \x00\x08\x1b[31m\ufffe\r\n\t日本 \U0001f300 "


@given(st.one_of(SIGNS, st.just(HOSTILE)), st.one_of(SIGNS, st.just(HOSTILE)))
def test_junit_is_xml_whatever_the_names(tmp_path_factory, name, title):
    raw = {
        "title": title,
        "cases": [{"name": name}],
        "arms": [{"name": name}, {"name": f"{name} 2"}],
        "expect": [{"name": name, "metric": "denials", "op": "<", "value": value} for value in (0,)]
        + [{"metric": "denials", "op": ">", "value": 0}],
    }
    made_up: Any = {(name, arm): {"denials": [1, 2]} for arm in (name, f"{name} 2")}
    (suite,) = suites(results_of(raw, made_up), tmp_path_factory.mktemp("junit"))
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    assert [case.find("failure") is None for case in suite] == [False, True]
    if name.isprintable():
        assert suite[0].get("name") == f"{name}: denials < 0"
    if title.isprintable():
        assert suite.get("name") == title


def test_signs_that_xml_does_not_have_are_escaped(tmp_path):
    raw = {"title": "a\x00b\x1b", "expect": [{"name": "\x08\ufffe", "metric": "denials", "op": "<", "value": 1}]}
    (suite,) = suites(results_of(raw, {(None, None): {"denials": [0]}}), tmp_path)
    assert (suite.get("name"), suite[0].get("name")) == (r"a\u0000b\u001b", r"\u0008\ufffe: denials < 1")
