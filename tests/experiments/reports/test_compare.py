"""meterstorm compare: two runs metric by metric, counted once more by scipy from their tables."""

import json

import pandas as pd
import pytest
from meterstorm.experiments.pages import report
from scipy import stats

from support.command_line import invoke, refused
from support.pages import SETTING, written

PLAIN = {key: value for key, value in SETTING.items() if key not in ("arms", "cases")}
RUN = {"duration_s": 1500.0, "warmup_s": 100.0, "replications": 5}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    here = tmp_path_factory.mktemp("compared")
    settings = {
        "base": {"run": RUN},
        "change": {"run": RUN, "products": [{"name": "editor", "licenses": 4}]},
        "fewer": {"run": RUN | {"replications": 3}},
        "later": {"run": RUN | {"first_replication": 2, "replications": 3}},
        "armed": {"run": RUN, "arms": SETTING["arms"]},
        "cased": {"run": RUN, "cases": SETTING["cases"]},
    }
    return {name: written(here / name, PLAIN | setting) for name, setting in settings.items()}


def entries(folders, base, change):
    result = invoke("compare", folders[base], folders[change], "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def values(folder, metric):
    return pd.read_parquet(folder / "metrics.parquet").sort_values("replication")[metric]


def test_differences_are_paired_t_tests(folders):
    found = {one["metric"]: one for one in entries(folders, "base", "change")}
    assert len(found) > 30
    for metric, one in found.items():
        ours, theirs = (values(folders[name], metric).to_numpy(float) for name in ("change", "base"))
        if one["difference"] is None or not one["half_width"]:
            continue
        law = stats.ttest_rel(ours, theirs)
        low, high = law.confidence_interval(0.95)
        assert one["difference"] == pytest.approx((low + high) / 2)
        assert one["half_width"] == pytest.approx((high - low) / 2)
        assert one["p"] == pytest.approx(law.pvalue, rel=1e-6, abs=1e-12)


def test_what_differs_comes_first(folders):
    ps = [one["p"] for one in entries(folders, "base", "change")]
    clear = [p is not None and p < 0.05 for p in ps]
    assert any(clear) and not all(clear)
    assert clear == sorted(clear, reverse=True)


def test_the_other_way_round_differences_change_sign(folders):
    there, back = entries(folders, "base", "change"), entries(folders, "change", "base")
    by_metric = {one["metric"]: one for one in back}
    for one in there:
        if one["difference"] is not None:
            assert by_metric[one["metric"]]["difference"] == -one["difference"]


def test_a_run_does_not_differ_from_itself(folders):
    assert all(one["difference"] in (0, None) for one in entries(folders, "base", "base"))


@pytest.mark.parametrize(("name", "pairs"), [("fewer", 3), ("later", 3)])
def test_replications_meet_by_their_numbers(folders, name, pairs):
    """Those of one number are the same world, so that nothing differs."""
    found = entries(folders, "base", name)
    assert {one["replications"] + one["left_out"] for one in found} == {pairs}
    assert all(one["difference"] in (0, None) for one in found)


def test_the_screen_says_what_was_set_differently(folders):
    result = invoke("compare", folders["base"], folders["change"])
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("products: ")
    assert "of one seed" in result.stdout


def test_versions_without_their_like_are_refused(folders):
    refused(invoke("compare", folders["armed"], folders["cased"]), 2, ["have no case and arm in common"])


def test_a_page_of_two_runs_begins_with_what_differs(folders):
    made = report.report([folders["base"], folders["change"]])
    assert made.chapters[0].mark == "change"
    assert made.verdict.startswith("“change” differs from “base” in ")
    (table,) = [content for title, content in made.tables() if title == "Every metric of both"]
    assert len(table.rows) == len(entries(folders, "base", "change"))


def test_a_page_of_runs_that_cannot_be_compared_says_why(folders):
    assert "have no case and arm in common" in report.report([folders["armed"], folders["cased"]]).html()


def test_the_folder_of_a_sweep_is_refused_as_by_report(folders, tmp_path):
    (tmp_path / "summary.json").write_text('{"sweep": true}')
    for words in (["compare", tmp_path, folders["base"]], ["report", folders["base"], tmp_path]):
        refused(invoke(*words), 2, [f"{tmp_path}: the folder of a sweep stands alone; only runs go side by side"])
