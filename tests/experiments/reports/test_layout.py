"""Tables on the screen: nothing is cut off, whatever the names and the width."""

import io
import json

import pytest
from meterstorm.experiments.reports.layout import Column, show_columns
from rich.console import Console

from support.command_line import COMPARED, invoke

LABELS = Column("", ["denial_fraction", "unmetered_license_hours"])


def printed(names: list[str], width: int) -> list[str]:
    console = Console(width=width, file=io.StringIO(), markup=False, emoji=False, soft_wrap=True)
    show_columns(console, LABELS, [Column(name, [f"{k}.5 ± 0.25", "7"]) for k, name in enumerate(names)])
    assert console.width == width
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize("width", [1, 40, 80, 81, 200])
@pytest.mark.parametrize(
    "names", [["a"], list("abcdefghijklmnop"), ["a name of an arm " * 6, "日本" * 30], ["[x]"] * 9]
)
def test_every_name_and_number_is_there_once(names, width):
    lines = printed(names, width)
    text = "\n".join(lines)
    for k, name in enumerate(names):
        assert name.strip() in text
        assert text.count(f" {k}.5 ± 0.25 ") == 1
    tables = text.count("denial_fraction")
    assert tables == text.count("unmetered_license_hours") >= 1
    if width >= 80 and max(map(len, names)) < 20:
        assert max(map(len, lines)) <= width
    if tables > 1:
        assert len(printed(names, 10**4)) < len(lines)


def test_arms_that_fit_are_in_one_table():
    assert sum("denial_fraction" in line for line in printed(["a", "b", "c"], 80)) == 1


NAMED = COMPARED.replace(
    'name = "dark"', 'name = "dark"\nsymptom = "[dark]"\nmetric = "timeouts"\nbaseline = "calm"'
)


def test_json_has_what_the_screen_has(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "named.toml").write_text(NAMED)
    content = json.loads(invoke("run", "named.toml", "--workers", 0, "--json").stdout)
    screen = invoke("run", "named.toml", "--workers", 0).stdout
    assert "mean and 95 % interval of 3 replications" in screen
    (symptom,) = content["symptoms"]
    named = [symptom[key] for key in ("symptom", "case", "baseline", "metric")]
    assert named == ["[dark]", "dark", "calm", "timeouts"]
    metrics = {(arm["case"], arm["name"]): arm["metrics"]["timeouts"] for arm in content["arms"]}
    for arm in symptom["arms"]:
        here, there = metrics["dark", arm["arm"]], metrics["calm", arm["arm"]]
        assert (arm["mean"], arm["ci95"]) == (here["mean"], here["ci95"])
        assert arm["in_baseline"] == {"mean": there["mean"], "ci95": there["ci95"]}
        assert arm["excess"]["mean"] == pytest.approx(here["mean"] - there["mean"])
        word = {True: "shown", False: "not shown"}[arm["shown"]]
        assert f"{arm['arm']}: {word} (" in screen


def test_one_replication_has_no_interval(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "named.toml").write_text(NAMED)
    result = invoke("run", "named.toml", "--workers", 0, "--replications", 1)
    assert "one replication; --replications 10 gives means with 95 % intervals" in result.stdout
    assert "±" not in result.stdout
    assert result.stdout.count("95 %") == 1
    assert result.stdout.count("not judged (one replication)") == 2
