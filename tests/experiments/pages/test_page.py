"""The page of a run: whole, alone, and nothing but what it says it is, whatever the names in it."""

import re
import shutil

import pytest
from meterstorm.experiments.cli import execution
from meterstorm.experiments.pages import markdown, report
from meterstorm.experiments.pages.chapters import Report
from meterstorm.experiments.runs.options import Options
from meterstorm.experiments.scenario import validate

from support.pages import HOSTILE, SETTING, Found

TAGS = {
    "html", "head", "meta", "title", "style", "body", "header", "h1", "h2", "h3", "p", "strong", "nav", "a",
    "main", "fieldset", "legend", "label", "input", "section", "ul", "li", "code", "dl", "dt", "dd",
    "details", "summary", "pre", "figure", "figcaption", "div", "table", "caption", "thead", "tbody", "tr",
    "th", "td", "bdi", "script", "svg", "g", "path", "rect", "circle", "text",
}  # fmt: skip


@pytest.fixture(scope="module")
def found(page):
    return Found(page)


def test_names_are_never_markup(found):
    assert {tag for tag, _ in found.elements} <= TAGS
    assert not [name for _, attributes in found.elements for name in attributes if name.startswith("on")]
    assert found.text["title"] == SETTING["title"]
    assert all(name in found.text["label"] for name in HOSTILE)


def test_the_only_script_is_ours_and_small(page, found):
    (script,) = found.all("script")
    assert script == {}
    text = page.partition("<script>")[2].partition("</script>")[0]
    assert len(text.encode()) <= 15_000
    assert not re.search(r"fetch|XMLHttp|import\(|eval|innerHTML", text)


def test_nothing_is_loaded(page, found):
    sources = [one[name] for _, one in found.elements for name in ("src", "href", "srcset", "data") if name in one]
    assert all(source.startswith("#") for source in sources)
    assert not re.search(r"url\(|@import|https?://", found.text["style"])
    (policy,) = [one for one in found.all("meta") if "http-equiv" in one]
    assert policy["content"].startswith("default-src 'none';")


def test_every_link_leads_somewhere(found):
    marks = {attributes["id"] for _, attributes in found.elements if "id" in attributes}
    assert {one["href"][1:] for one in found.all("a")} <= marks


def test_every_figure_has_a_caption_an_alternative_and_its_numbers(page):
    figures = re.findall("<figure.*?</figure>", page, re.DOTALL)
    assert len(figures) > 10
    for figure in figures:
        one = Found(figure)
        (picture,) = [svg for svg in one.all("svg") if svg.get("role") == "img"]
        assert len(picture["aria-label"]) > 20
        assert len(one.text["figcaption"]) > 20
        assert len(one.all("td")) >= 1


def test_the_verdict_is_the_first_thing_that_is_said(page):
    assert page.index('class="verdict"') < page.index("<nav") < page.index("<main")
    assert re.search(r"± [\d.]+ [^<]+</strong> \(95 % interval\)", page)


def test_what_repeats_the_run_is_said(page, run_folder):
    assert f"meterstorm run {run_folder / 'scenario.toml'}" in Found(page).text["code"]


def test_faults_are_shaded_where_they_hold(run_folder):
    figures = {figure.name: figure for figure in report.report([run_folder]).figures()}
    assert 'class="window"' in figures["as is attempts"].svg
    assert 'class="window"' not in figures["<i>calm</i> attempts"].svg


def test_tables_in_markdown_have_all_cells_whatever_the_names(run_folder):
    text = markdown.text(report.report([run_folder]))
    lines = [re.split(r"(?<!\\)\|", line) for line in text.splitlines() if line.startswith("|")]
    by_table = re.split(r"\n\n", text)
    assert len(lines) > 50
    for part in by_table:
        widths = {len(re.split(r"(?<!\\)\|", line)) for line in part.splitlines() if line.startswith("|")}
        assert len(widths) <= 1
    assert "<img" not in text.replace("\\<", "")


def test_runs_stand_side_by_side_under_their_names(run_folder, tmp_path):
    again = shutil.copytree(run_folder, tmp_path / "again")
    both = report.report([run_folder, again])
    assert [key.name for key in both.arms] == [f"{name}: {arm}" for name in ("run", "again") for arm in HOSTILE]
    assert len({key.color for key in both.arms}) == 6


@pytest.mark.parametrize("text", ["", "{", "[]", '{"hunt": 1}'])
def test_a_folder_of_nothing_is_refused(tmp_path, text):
    if text:
        (tmp_path / "summary.json").write_text(text)
    with pytest.raises(ValueError, match=re.escape(str(tmp_path))):
        report.report([tmp_path])


@pytest.mark.parametrize(
    ("file", "kind"), [("summary.json", "sweep"), ("repetitions.parquet", "benchmark")], ids=["sweep", "benchmark"]
)
def test_a_folder_of_one_file_says_what_is_missing(tmp_path, file, kind):
    (tmp_path / file).write_text('{"sweep": true}')
    words = f"{tmp_path}: not the folder of a finished {kind}; it has no provenance.json"
    with pytest.raises(ValueError, match=re.escape(words)):
        report.report([tmp_path])


def test_a_run_without_its_samples_says_so(run_folder, tmp_path):
    part = shutil.copytree(run_folder, tmp_path / "part")
    (part / "timeseries.parquet").unlink()
    words = f"{part}: not the folder of a finished run; it has no timeseries.parquet"
    with pytest.raises(ValueError, match=re.escape(words)):
        report.report([part])


def test_markdown_shows_names_as_they_are_and_none_turns_its_line():
    made = Report("R&D &lt;3 \u202eabc", "<strong>a &amp;amp; b\u2067</strong>", [], [])
    assert markdown.text(made) == "# R\\&D \\&lt;3 \\\\u202eabc\n\na \\&amp; b\\\\u2067\n"


@pytest.mark.parametrize(
    ("every_s", "command"),
    [(None, "meterstorm run {}/scenario.toml runs all of them."), (3600.0, "meterstorm resume {} goes on.")],
)
def test_an_interrupted_run_says_so_first(tmp_path, every_s, command):
    def interrupt(done: float) -> None:
        if done == 3:
            raise KeyboardInterrupt

    setting = {key: value for key, value in SETTING.items() if key not in ("arms", "cases")}
    options = Options(out=tmp_path / "run", name="run", workers=0, checkpoint_every_s=every_s)
    scenario = validate(setting | {"arms": [{"name": "a"}, {"name": "b"}]})
    unfinished = execution.begin(scenario, options) if every_s else None
    folder = execution.finish(scenario, options, interrupt, unfinished).folder
    made = report.report([folder])
    told = re.sub("<[^>]+>", "", made.html().partition('class="verdict">')[2].partition("</p>")[0])
    assert told.startswith(f"Interrupted: kept 3 of 6 worlds. {command.format(folder)}")
    assert "Interrupted: kept 3 of 6 worlds." in markdown.text(made).partition("##")[0]


def test_a_finished_run_is_not_called_interrupted(page):
    assert "Interrupted" not in page
