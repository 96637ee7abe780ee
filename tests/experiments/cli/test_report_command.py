"""meterstorm report: what it writes, and what it refuses."""

import pytest

from support.command_line import invoke, refused


@pytest.fixture
def folder(here):
    result = invoke("run", "compared.toml", "--workers", 0, "--out", "run")
    assert result.exit_code == 0, result.stderr
    assert "report: run/report.html" in result.stdout
    return here / "run"


def test_the_report_of_a_run_is_written_again_the_same(folder, here):
    before = (folder / "report.html").read_bytes()
    result = invoke("report", "run", "--out", "page.html")
    assert (result.exit_code, result.stdout) == (0, "page.html\n"), result.stderr
    assert (here / "page.html").read_bytes() == before


def test_a_run_without_its_report(here):
    result = invoke("run", "short.toml", "--workers", 0, "--out", "run", "--no-report")
    assert result.exit_code == 0, result.stderr
    assert "report" not in result.stdout
    assert not (here / "run" / "report.html").exists()


def test_figures_and_tables_as_files(folder, here):
    result = invoke("report", "run", "--svg", "figures", "--png", "pictures", "--md", "tables.markdown")
    assert result.exit_code == 0, result.stderr
    drawn = {path.stem for path in (here / "figures").glob("*.svg")}
    assert drawn == {path.stem for path in (here / "pictures").glob("*.png")}
    assert len(drawn) > 5
    assert (here / "tables.markdown").read_text().startswith("# short\n")


def test_png_without_its_library_says_what_to_install(folder, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "resvg_py", None)
    refused(invoke("report", "run", "--png", "pictures"), 2, ["--png pictures", "pip install 'meterstorm[png]'"])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nowhere"], ["nowhere: not the folder of a finished run, sweep, benchmark or what-if"]),
        (
            ["run", "--metric", "attempts"],
            ["run: the folder of a run; --metric and --bad are for sweeps: "],
        ),
        (["run", "--metric", "no_such"], ["no_such"]),
        (["run", "--bad", "much"], ["--bad", "much"]),
        (["run", "--out", "run/no/such/page.html"], ["--out run/no/such/page.html: cannot be written"]),
        (["run", "--out", "run"], ["--out run: is a folder; name a file"]),
    ],
)
def test_what_is_refused(folder, words, told):
    refused(invoke("report", *words), 2, told)
