"""Comparisons on the screen and in summary.json: the same numbers, and no name cut off."""

import io
import json
import math
import re
from typing import Any

import pytest
from meterstorm.experiments.comparisons.of_results import comparisons
from meterstorm.experiments.reports import compared
from meterstorm.experiments.runs.results import Results
from rich.console import Console

from support.made_up import results_of

INF = math.inf
LONG = "an arm with a name that is as long as a line of a screen is wide, and then some [more]"
ARMS = ["at once", "stay", LONG]
ILL = {
    "denial_fraction": [0.5, 0.25, 0.375],
    "wait_s_mean": [None, 20.0, 40.0],
    "time_to_recover_s": [INF, 300.0, 500.0],
}
WELL = {
    "denial_fraction": [0.125, 0.0, 0.25],
    "wait_s_mean": [5.0, 10.0, 20.0],
    "time_to_recover_s": [100.0, 200.0, INF],
}
WORST = {"denial_fraction": [1.0, 1.0, 1.0], "wait_s_mean": [None] * 3, "time_to_recover_s": [INF] * 3}


def made(cases: list[str], part: slice = slice(None)) -> Results:
    raw = {"arms": [{"name": name} for name in ARMS], "cases": [{"name": name} for name in cases]}
    made_up: Any = {
        (case, arm): {name: values[part] for name, values in metrics.items()}
        for case in (cases or [None])
        for arm, metrics in zip(ARMS, (ILL, WELL, WORST), strict=True)
    }
    return results_of(raw, made_up)


def printed(results: Results, width: int = 80) -> str:
    console = Console(width=width, file=io.StringIO(), markup=False, emoji=False, highlight=False, soft_wrap=True)
    compared.show(console, results)
    return console.file.getvalue()


def test_a_cell_has_the_means_their_difference_and_what_allows_for_the_others():
    text = printed(made([]))
    lines = [re.sub(" +", " ", line) for line in text.splitlines()]
    assert "differences to 'at once', paired by replication: 95 % intervals" in text
    assert "in brackets for all 5 at once: Bonferroni's, and Holm's p; with inf a sign test" in text
    assert any("│ denial_fraction │ 0.125 vs 0.375 │" in line for line in lines)
    assert any("│ -0.25 ± 0.31 │" in line for line in lines)  # t(2) = 4.303 of 0.125 / sqrt(3)
    assert any("│ wait_s_mean │ 15 vs 30 (2 of 3) │" in line for line in lines)
    assert any("│ time_to_recover_s │ inf 1/3 vs inf 1/3 │" in line for line in lines)
    assert any("│ median -100 │" in line for line in lines)  # of the one replication in which both recover
    assert any("│ time_to_recover_s │ inf 3/3 vs inf 1/3 │" in line for line in lines)
    assert any("│ wait_s_mean │ - │" in line for line in lines)


@pytest.mark.parametrize("width", [1, 80, 200])
@pytest.mark.parametrize("cases", [[], ["calm", "[storm]"]])
def test_every_arm_and_case_is_there_whole(width, cases):
    text = printed(made(cases), width)
    assert text.count(LONG) == text.count(" stay ") == max(1, len(cases))
    assert [text.count(f"{case}: differences to 'at once'") for case in cases] == [1] * len(cases)
    short = [line for line in text.splitlines() if "│" in line and "time_to_recover_s" in line]
    assert len(short) >= max(1, len(cases))


def test_tables_of_short_names_fit_the_screen():
    raw = {"arms": [{"name": name} for name in "abcd"]}
    made_up: Any = {(None, name): {"abnormal_denial_fraction": [n / 7, n / 9]} for n, name in enumerate("abcd")}
    rows = [line for line in printed(results_of(raw, made_up)).splitlines() if line[0] in "│┃"]
    assert rows and max(map(len, rows)) <= 80


def test_one_replication_says_how_to_get_intervals():
    text = printed(made([], slice(1, 2)))
    assert "differences to 'at once', one replication; --replications 10 gives them intervals" in text
    assert "-0.25" in text and "+0.75" in text
    assert "±" not in text and "[" not in text.replace(LONG, "") and " p " not in text


def test_a_metric_that_does_not_apply_is_no_matter_of_replications():
    raw = {"arms": [{"name": "a"}, {"name": "b"}], "compare": {"metrics": ["time_to_recover_s"]}}
    text = printed(results_of(raw, {(None, name): {"denials": [1, 2, 3]} for name in "ab"}))
    assert "one replication" not in text and "95 % intervals" in text
    assert re.search(r"time_to_recover_s │ +- │", text)


def test_a_single_comparison_has_nothing_in_brackets():
    raw = {"arms": [{"name": "a"}, {"name": "b"}], "compare": {"metrics": ["denials"], "confidence": 0.5}}
    made_up: Any = {(None, "a"): {"denials": [1, 2]}, (None, "b"): {"denials": [4, 6]}}
    text = printed(results_of(raw, made_up))
    assert "50 % intervals" in text and "bracket" not in text and "[" not in text
    assert "+3.5 ± 0.5" in text and "p 0.09" in text  # t(1) at 50 % is 1


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize(("value", "text"), [(0.25, "equal: 0.25 "), (INF, "equal: inf {n}/{n} ")])
def test_what_is_equal_in_every_replication_takes_one_line(value, text, n):
    raw = {"arms": [{"name": "a"}, {"name": "b"}]}
    made_up: Any = {(None, name): {"time_to_recover_s": [value] * n} for name in "ab"}
    found = printed(results_of(raw, made_up))
    assert text.format(n=n) in found and " vs " not in found and " p " not in found
    made_up[None, "b"] = {"time_to_recover_s": [7.0] + [value] * (n - 1)}
    assert "equal" not in printed(results_of(raw, made_up))


def test_where_nothing_is_compared_nothing_is_printed():
    assert printed(results_of({}, {(None, None): {"denials": [1, 2]}})) == ""


def test_cases_without_arms_are_columns():
    raw = {"cases": [{"name": "calm"}, {"name": "storm"}, {"name": "gale"}]}
    made_up: Any = {(case["name"], None): {"amplification": [n, 2.0 * n]} for n, case in enumerate(raw["cases"])}
    text = printed(results_of(raw, made_up))
    assert text.count("differences to 'calm'") == text.count("amplification") == 1
    assert "storm" in text and "gale" in text


def test_the_summary_has_what_the_screen_has():
    results = made(["calm", "storm"])
    entries = json.loads(json.dumps(compared.content(results), allow_nan=False))
    found = comparisons(results)
    assert len(entries) == len(found) == 12
    text = re.sub(" +", " ", printed(results, 400))
    for entry, one in zip(entries, found, strict=True):
        pair = one.comparison.paired
        assert (entry["case"], entry["arm"], entry["baseline"]) == tuple(one.rival)
        assert (entry["metric"], entry["family"], entry["confidence"]) == (one.metric, 10, 0.95)
        assert (entry["replications"], entry["left_out"]) == (pair.n, pair.left_out)
        assert (entry["infinite"], entry["baseline_infinite"]) == (pair.infinite, pair.baseline_infinite)
        assert (entry["mean"], entry["baseline_mean"], entry["p"]) == (pair.mean, pair.baseline_mean, pair.p)
        assert (entry["median_difference"], entry["test"]) == (pair.median_difference, pair.test)
        assert (entry["difference"], entry["half_width"]) == (pair.difference or (None, None))
        assert entry["half_width_bonferroni"] == one.comparison.simultaneous
        assert entry["p_holm"] == one.comparison.p_holm
        if entry["difference"] is not None:
            assert f" {entry['difference']:+.4g} ± {entry['half_width']:.2g} " in text
            wide = entry["half_width_bonferroni"]
            assert (
                f" [± {wide:.{0 if wide >= 100 else 2}{'f' if wide >= 100 else 'g'}}, p {entry['p_holm']:.2g}] "
                in text
            )
        elif entry["p"] is not None:
            assert f" p {entry['p']:.2g} [{entry['p_holm']:.2g}] " in text
