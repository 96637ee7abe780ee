"""meterstorm hunt: its scenario, its words, and what runs it again."""

import json
import shlex
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from meterstorm.experiments.cli import hunting
from meterstorm.experiments.scenario import load
from meterstorm.experiments.search import hunt

from support.command_line import invoke, refused

BUSY = """
[run]
duration_s = 600
warmup_s = 60
[clients]
count = 40
[[products]]
licenses = 30
[workload]
launch_interval_s = 300
run_time_s = 100
"""
HOSTILE = 'a "b"\\[red] $x'
ARMS = f"""
[[arms]]
name = {json.dumps(HOSTILE)}
set = {{ "policies.failover" = {{ name = "immediate" }} }}
[[arms]]
name = "other"
"""
HUNT = ("hunt", "busy.toml", "--trials", 20, "--max-faults", 1, "--breaks")


@pytest.fixture(autouse=True)
def busy(here: Path) -> None:
    title = 'title = "ti\\"t\\nle"\ndescription = "[red]what\\"it was"\narticle = "Q226827"\n'
    (here / "busy.toml").write_text(title + BUSY + '[policies.failover]\nname = "immediate"\n')
    (here / "arms.toml").write_text(title + BUSY + ARMS)


def hunted(*options: object) -> Any:
    result = invoke(*HUNT, *options, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)  # refuses anything around it


def test_the_command_that_is_printed_breaks_it():
    content = hunted("amplification > 3", "--out", "o")
    assert content["found"] and content["value"] > 3
    words = shlex.split(content["command"])
    again = invoke(*words[1:], "--json", "--workers", 0)
    (arm,) = json.loads(again.stdout)["arms"]
    assert arm["metrics"]["amplification"]["mean"] == content["value"]


def test_the_file_says_what_breaks_and_what_it_was():
    content = hunted("amplification > 3", "--out", "o")
    made = tomllib.loads(Path("o/scenario.toml").read_text())
    assert [
        {key: fault[key] for key in mine} for fault, mine in zip(made["faults"], content["faults"], strict=True)
    ] == content["faults"]
    first, _, rest = made["description"].partition("\n")
    assert first.startswith("Breaks: amplification > 3. amplification is 3")
    assert "without faults 1" in first
    assert rest == '[red]what"it was'
    assert made["title"] == 'ti"t\nle'
    assert made["article"] == ""
    assert invoke("validate", "o/scenario.toml").exit_code == 0
    assert {path.name for path in Path("o").iterdir()} == {"scenario.toml", "summary.json", "provenance.json"}


def test_the_summary_is_what_is_printed():
    printed = hunted("amplification > 3", "--out", "o")
    assert json.loads(Path("o/summary.json").read_text()) == printed


def test_the_screen_tells_the_faults_and_the_numbers():
    result = invoke(*HUNT, "amplification > 3", "--out", "o")
    assert result.exit_code == 0, result.stderr
    assert "amplification > 3: found after" in result.stdout
    assert "without faults 1; mean of 1 replication; replayed from o/scenario.toml" in result.stdout
    assert result.stdout.endswith("meterstorm run o/scenario.toml\n")


def test_nothing_found_is_said_and_leaves_no_folder():
    result = invoke(*HUNT, "denial_fraction > 1", "--out", "o")
    assert result.exit_code == 0
    assert "nothing found in 20 schedules" in result.stdout
    assert "meterstorm run" not in result.stdout
    assert not Path("o").exists()
    content = hunted("denial_fraction > 1")
    assert (content["found"], content["faults"], content["command"], content["tried"]) == (False, None, None, 20)


def test_one_arm_is_hunted_by_any_name():
    options = (
        "hunt",
        "arms.toml",
        "--trials",
        20,
        "--max-faults",
        1,
        "--breaks",
        "amplification > 3",
        "--out",
        "o",
    )
    refused(invoke(*options), 2, ["arms: there are 2", "--arm NAME"])
    result = invoke(*options, "--arm", HOSTILE)
    assert result.exit_code == 0, result.stderr
    (arm,) = tomllib.loads(Path("o/scenario.toml").read_text())["arms"]
    assert arm["name"] == HOSTILE


def test_a_folder_with_a_run_is_not_replaced_unless_that_is_asked_for():
    assert invoke("run", "short.toml", "--out", "o").exit_code == 0
    refused(invoke(*HUNT, "amplification > 3", "--out", "o"), 2, ["--out o: not empty", "--force"])
    hunted("amplification > 3", "--out", "o", "--force")


def interrupt_at(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    left, run_world = [number], hunt.run_world

    def interrupted(*arguments: Any) -> Any:
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt
        return run_world(*arguments)

    monkeypatch.setattr(hunt, "run_world", interrupted)


def test_an_interrupt_ends_it_and_keeps_what_was_found(monkeypatch: pytest.MonkeyPatch):
    after = hunted("amplification > 3", "--out", "whole")["found_after"]
    interrupt_at(after + 4, monkeypatch)
    result = invoke(*HUNT, "amplification > 3", "--out", "o")
    assert result.exit_code == 130
    assert "what was found is kept" in result.stderr
    assert "not shrunk to the end" in result.stdout
    assert json.loads(Path("o/summary.json").read_text())["value"] > 3


def test_an_interrupt_before_that_is_said_to_have_found_nothing(monkeypatch: pytest.MonkeyPatch):
    interrupt_at(5, monkeypatch)
    refused(invoke(*HUNT, "denial_fraction > 1"), 130, ["interrupted; nothing was found so far"])


def test_a_replay_that_differs_is_a_defect(monkeypatch: pytest.MonkeyPatch):
    """The file is what is replayed: here another one is read in its place."""
    monkeypatch.setattr(hunting, "load", lambda source, *rest: load("busy.toml" if rest == () else source, *rest))
    result = invoke(*HUNT, "amplification > 3", "--out", "o")
    assert result.exit_code == 3
    assert "o/scenario.toml: gives 1 where 3" in result.stderr
    assert "meterstorm run" not in result.stdout


def test_without_hypothesis_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    words = ["Hypothesis", "not installed", "pip install 'meterstorm[search]'"]
    refused(invoke(*HUNT, "amplification > 3", "--out", "o"), 2, words)
    assert not Path("o").exists()


WRONG = {
    "nothing": ((), ["--breaks: missing"]),
    "no comparison": (("--breaks", "denials"), ["--breaks denials: not a comparison", "2x"]),
    "a metric": (("--breaks", "denial > 2"), ["denial is not a metric", 'did you mean "denials"']),
    "holds already": (("--breaks", "amplification >= 1"), ["holds without any fault: amplification is 1"]),
    "times nothing": (("--breaks", "time_to_recover_s > 2x"), ["does not apply without faults"]),
    "trials": (("--breaks", "denials > 2x", "--trials", 0), ["--trials 0: must be 1 or more"]),
    "faults": (("--breaks", "denials > 2x", "--max-faults", 0), ["--max-faults 0: must be 1 or more"]),
    "faults x": (("--breaks", "denials > 2x", "--max-faults", "x"), ["--max-faults x"]),
    "seed": (("--breaks", "denials > 2x", "--seed", -1), ["run.seed: -1"]),
    "no such arm": (("--breaks", "denials > 2x", "--arm", "x"), ["arms.x: there is no such arm"]),
}


@pytest.mark.parametrize(("options", "words"), WRONG.values(), ids=WRONG)
def test_wrong_input_is_refused_and_leaves_no_folder(options: tuple[object, ...], words: list[str]):
    refused(invoke("hunt", "busy.toml", *options, "--out", "o"), 2, words)
    assert not Path("o").exists()
