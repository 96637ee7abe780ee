"""How a run ends that is expected to give something: statuses, `--junit`, `resume`."""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from meterstorm.experiments.cli import console
from meterstorm.experiments.reports import kb
from meterstorm.experiments.runs import run
from meterstorm.experiments.scenario import load

from support.command_line import COMPARED, SHORT, invoke, refused

MET = '[[expect]]\nname = "some"\nmetric = "launches"\nop = ">"\nvalue = 0\n'
UNMET = '[[expect]]\nname = "none"\nmetric = "launches"\nop = "<"\nvalue = 1\n'
CLEAR = '[[expect]]\nmetric = "attempts"\non = "difference"\nop = "<"\nvalue = 0\ncase = "dark"\n'
ONE = "one replication has no interval; --replications 10 gives one"


@pytest.fixture(autouse=True)
def files(here):
    for name, text in {
        "met.toml": SHORT + MET,
        "unmet.toml": SHORT + MET + UNMET,
        "clear.toml": COMPARED + CLEAR,
    }.items():
        (here / name).write_text(text)


def command(name: str, *options: object) -> Any:
    return invoke("run", name, "--workers", 0, "--out", "out", "--force", *options)


def junit(name: str = "junit.xml") -> list[tuple[str | None, bool]]:
    (suite,) = ElementTree.parse(name).getroot()
    return [(case.get("name"), case.find("failure") is None) for case in suite]


def expectations() -> list[bool]:
    return [entry["passed"] for entry in json.loads(Path("out/summary.json").read_text())["expectations"]]


def test_what_is_met_ends_well():
    result = command("met.toml")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "PASS  some: launches > 0: " in result.stdout
    assert expectations() == [True]


def test_what_is_not_met_ends_with_a_status_of_its_own_after_all_is_written():
    result = command("unmet.toml")
    assert result.exit_code == console.UNMET == 5
    assert "PASS  some: launches > 0: " in result.stdout and "FAIL  none: launches < 1: " in result.stdout
    assert "results in out; digest " in result.stdout
    assert result.stderr == "meterstorm: 1 of 2 expectations not met:\nmeterstorm: none: launches < 1\n"
    assert expectations() == [True, False]


def test_json_stays_alone_on_standard_output():
    result = command("unmet.toml", "--json")
    assert result.exit_code == console.UNMET
    assert [entry["passed"] for entry in json.loads(result.stdout)["expectations"]] == [True, False]
    assert "none: launches < 1" in result.stderr


def test_what_is_expected_changes_no_digest():
    digests = {json.loads(command(name, "--json").stdout)["digest"] for name in ("short.toml", "met.toml")}
    assert len(digests) == 1


@pytest.mark.parametrize(("replications", "passed"), [(1, False), (8, True)])
def test_a_difference_needs_replications(replications, passed):
    result = command("clear.toml", "--replications", replications)
    assert result.exit_code == (0 if passed else console.UNMET)
    line = next(line for line in result.stdout.splitlines() if "difference in attempts" in line)
    assert line.startswith("PASS" if passed else "FAIL")
    assert "in 'dark', 'never' to 'immediate': -" in line
    assert (ONE in line) == (not passed)


def test_the_screen_has_the_comparisons_of_the_summary():
    result = command("clear.toml")
    found = json.loads(Path("out/summary.json").read_text())["comparisons"]
    assert {(entry["case"], entry["arm"], entry["baseline"]) for entry in found} == {
        ("calm", "never", "immediate"),
        ("dark", "never", "immediate"),
    }
    for case in ("calm", "dark"):
        assert f"{case}: differences to 'immediate', paired by replication" in result.stdout
    (entry,) = [one for one in found if (one["case"], one["metric"]) == ("dark", "amplification")]
    assert f"{entry['difference']:+.4g} ± {entry['half_width']:.2g}" in result.stdout


@pytest.mark.parametrize("name", ["met.toml", "unmet.toml"])
@pytest.mark.parametrize("file", ["junit.xml", "deep/er/junit.xml"])
def test_junit_is_written_whether_all_are_met_or_not(name, file):
    command(name, "--junit", file, "--json")
    some = ("some: launches > 0", True)
    assert junit(file) == ([some] if name == "met.toml" else [some, ("none: launches < 1", False)])


@pytest.mark.parametrize(
    ("name", "file", "words"),
    [
        ("short.toml", "junit.xml", "the scenario expects nothing; it has no [[expect]]"),
        ("met.toml", ".", "a folder, not a file"),
        ("met.toml", "mine.py/junit.xml", "cannot be written"),
    ],
)
def test_a_junit_file_that_cannot_be_is_refused_before_the_run(name, file, words, here):
    result = invoke("run", name, "--workers", 0, "--json", "--junit", file)
    refused(result, console.WRONG_INPUT, ["--junit ", words])
    assert not (here / "results").exists()


def test_junit_of_a_disk_that_is_full(monkeypatch):
    full = OSError(28, "No space left on device")
    monkeypatch.setattr(Path, "write_bytes", lambda *_: (_ for _ in ()).throw(full))
    result = command("met.toml", "--junit", "junit.xml")
    assert result.exit_code == console.UNAVAILABLE
    assert "--junit " in result.stderr and "No space left on device" in result.stderr


def test_a_collection_takes_no_junit():
    refused(invoke("run", "kb", "--junit", "j.xml"), console.WRONG_INPUT, ["--junit j.xml: not for kb"])


def test_a_collection_says_where_what_is_expected_is_not_met(monkeypatch):
    monkeypatch.setattr(kb, "names", lambda: ["q226838", "q226823"])
    expect = 'expect=[{metric = "launches", op = "<", value = 1, case = "control"}]'
    result = invoke("run", "kb", "--replications", 1, "--workers", 0, "--set", expect)
    assert result.exit_code == console.UNMET
    assert "meterstorm: 2 of 2 expectations not met:" in result.stderr
    assert all(f"meterstorm: {name}: launches < 1" in result.stderr for name in kb.names())
    assert "symptoms reproduced" in result.stdout


def test_arms_that_are_left_out_take_their_expectations_along(here):
    (here / "arm.toml").write_text(COMPARED + UNMET + 'arm = "never"\n')
    assert command("arm.toml").exit_code == console.UNMET
    assert command("arm.toml", "--arm", "immediate").exit_code == 0
    assert command("arm.toml", "--arms", "none").exit_code == 0


def test_wrong_expectations_are_all_told_before_the_run(here):
    (here / "wrong.toml").write_text(SHORT + UNMET + 'arm = "x"\n' + MET.replace("launches", "launchs"))
    result = invoke("run", "wrong.toml", "--json")
    words = ['expect[0].arm: "x" is not allowed', 'expect[1].metric: "launchs" is not', 'did you mean "launches"?']
    refused(result, console.WRONG_INPUT, words)


def interrupt(monkeypatch: Any, *options: object) -> Any:
    """Run unmet.toml with two replications, and interrupt it in the second."""
    simulate = run.simulate

    def interrupted(scenario, replication, *rest):
        if replication == 1:
            raise KeyboardInterrupt
        return simulate(scenario, replication, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(run, "simulate", interrupted)
        return command("unmet.toml", "--replications", 2, "--junit", "junit.xml", *options)


def test_an_interrupted_run_keeps_its_status_and_writes_no_junit(here, monkeypatch):
    result = interrupt(monkeypatch)
    assert result.exit_code == console.INTERRUPTED
    assert "not met" not in result.stderr
    assert "FAIL  none: launches < 1: " in result.stdout  # as far as it went
    assert not (here / "junit.xml").exists()


def test_resume_judges_and_writes_junit_where_it_was_meant_to_be(here, monkeypatch, tmp_path_factory):
    result = interrupt(monkeypatch, "--checkpoint-every", "1h")
    assert result.exit_code == console.INTERRUPTED
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    resumed = invoke("resume", here / "out")
    assert resumed.exit_code == console.UNMET
    assert "FAIL  none: launches < 1: " in resumed.stdout
    assert junit(str(here / "junit.xml")) == [("some: launches > 0", True), ("none: launches < 1", False)]
    assert load(here / "out" / "scenario.toml").expect[1].name == "none"
