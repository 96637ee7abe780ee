"""meterstorm tune: its folder, its table, its words, and how it goes on."""

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
from meterstorm.experiments.sweeps import chunks
from pyarrow import parquet

from support.command_line import invoke, refused
from support.storm import CLIENTS, write_storm

VARY = "policies.failover.cap_s=1:500:log"
TUNE = ("tune", "storm.toml", "--vary", VARY, "--objective", "wait_s_max:min", "--workers", 0)
LIMITED = ("--subject-to", "queue_s_max <= 15")
HOSTILE = 'a "b"\\[red] $x'


@pytest.fixture(autouse=True)
def storm(here: Path) -> Path:
    return write_storm(here)


def tuned(*options: object) -> Any:
    result = invoke(*TUNE, *options, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)  # refuses anything around it


def in_file(name: str, **changes: str) -> None:
    text = Path("storm.toml").read_text()
    Path(name).write_text("".join([changes.get("before", ""), text, changes.get("after", "")]))


def test_the_command_that_is_printed_gives_the_numbers_that_are_printed():
    content = tuned(*LIMITED, "--trials", 12, "--replications", 2, "--out", "o")
    (best,) = content["best"]
    words = shlex.split(best["command"])
    assert words[0] == "meterstorm"
    again = invoke(*words[1:], "--json", "--workers", 0)
    assert again.exit_code == 0, again.stderr
    (arm,) = json.loads(again.stdout)["arms"]
    for name, told in best["cases"][0]["metrics"].items():
        assert {key: arm["metrics"][name][key] for key in told} == told
    assert arm["replications"] == content["judged_by"]["replications"] >= 10


def test_the_screen_says_what_is_best_and_what_judged_it():
    result = invoke(*TUNE, *LIMITED, "--trials", 12, "--replications", 2, "--out", "o")
    assert result.exit_code == 0, result.stderr
    assert "best of 12 trials for wait_s_max:min where queue_s_max <= 15" in result.stdout
    assert "replications 2 to 11, which no trial has seen" in result.stdout
    assert f"meterstorm run {Path('o') / 'scenario.toml'} --replications 10" in result.stdout


def test_the_folder_is_like_that_of_a_sweep():
    content = tuned("--trials", 5, "--out", "o")
    names = {"summary.json", "metrics.parquet", "costs.parquet", "scenario.toml", "provenance.json"}
    assert {path.name for path in Path("o").iterdir()} == names
    table = parquet.read_table("o/metrics.parquet")
    assert json.loads(table.schema.metadata[b"meterstorm.design"]) == {"kind": "tuning", "n": 5}
    assert table.num_rows == content["worlds"] == 5 + 10
    shown = invoke("results", "o", "--metric", "wait_s_max")
    assert shown.exit_code == 0, shown.stderr
    assert sum(line.startswith("│") for line in shown.stdout.splitlines()) == 5


@pytest.mark.parametrize("worlds", [1, 11, 15])  # in the first batch, in the second, and among those that judge
def test_a_tuning_that_was_interrupted_is_resumed(worlds: int, monkeypatch: pytest.MonkeyPatch):
    options = (*LIMITED, "--trials", 12)
    expected = tuned(*options, "--out", "whole")
    left, run_world = [worlds], chunks.run_world

    def interrupted(*arguments: Any, **options: Any) -> Any:
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt
        return run_world(*arguments, **options)

    monkeypatch.setattr(chunks, "run_world", interrupted)
    result = invoke(*TUNE, *options, "--out", "cut")
    assert result.exit_code == 130
    assert "meterstorm resume cut goes on" in result.stderr
    refused(invoke(*TUNE, *options, "--out", "cut"), 2, ["has an unfinished tuning", "meterstorm resume cut"])
    assert invoke("results", "cut").exit_code == 0
    resumed = invoke("resume", "cut", "--json")
    assert resumed.exit_code == 0, resumed.stderr
    assert json.loads(resumed.stdout)["best"][0]["settings"] == expected["best"][0]["settings"]
    assert Path("cut/metrics.parquet").read_bytes() == Path("whole/metrics.parquet").read_bytes()
    assert not Path("cut/checkpoints").exists()


def test_a_finished_tuning_is_not_replaced_unless_that_is_asked_for():
    tuned("--trials", 2, "--out", "o")
    refused(invoke(*TUNE, "--trials", 2, "--out", "o"), 2, ["--out o: not empty", "--force"])
    tuned("--trials", 3, "--out", "o", "--force")


def test_goals_have_folders_of_their_own():
    first, other = (json.loads(invoke(*TUNE, "--trials", 2, *more, "--json").stdout) for more in ((), LIMITED))
    assert first["best"][0]["command"].split()[2] != other["best"][0]["command"].split()[2]


def test_where_the_constraints_cannot_be_kept_the_words_say_so():
    result = invoke(*TUNE, "--subject-to", "queue_s_max <= -1", "--trials", 3, "--out", "o")
    assert result.exit_code == 0
    assert "no trial keeps the constraints; this one comes nearest of 3 trials" in result.stdout
    content = json.loads(Path("o/summary.json").read_text())
    assert (content["feasible"], content["best"][0]["violated"]) == (False, ["queue_s_max <= -1"])


def test_several_objectives_have_a_set():
    content = tuned("--objective", "queue_s_max:min", "--trials", 6, "--out", "o")
    assert len(content["best"]) > 1
    assert len({best["command"] for best in content["best"]}) == len(content["best"])


def test_a_name_of_an_arm_may_be_anything():
    name = json.dumps(HOSTILE)
    in_file("arms.toml", after=f'[[arms]]\nname = {name}\n[[arms]]\nname = "other"\n')
    options = ("tune", "arms.toml", *TUNE[2:], "--trials", 2)
    refused(invoke(*options), 2, ["arms: there are 2", "--arm NAME"])
    result = invoke(*options, "--arm", HOSTILE, "--out", "o", "--json")
    assert result.exit_code == 0, result.stderr
    words = shlex.split(json.loads(result.stdout)["best"][0]["command"])
    assert HOSTILE in words
    assert invoke(*words[1:], "--workers", 0, "--out", "again").exit_code == 0


def test_trials_that_fail_are_told_and_the_others_count():
    vary = ("--vary", "servers.sites=1,2", "--vary", "servers.count=2,3", "--set", 'servers.split="even"')
    options = ("--set", "clients.assignment=random", "--trials", 12, "--out", "o")
    result = invoke("tune", "storm.toml", *vary, "--objective", "launches:max", "--workers", 0, *options)
    assert result.exit_code == 0, result.stderr
    assert "of 12 trials failed: servers.count: 3" in result.stderr


def test_where_all_trials_fail_so_does_the_command():
    result = invoke("tune", "short.toml", *TUNE[2:4], *NOT_THERE, "--trials", 2, "--out", "o")
    assert result.exit_code == 6
    assert "all of 2 trials failed: an objective does not apply" in result.stderr


NOT_THERE = ("--set", "policies.failover.name=full-jitter", "--objective", "time_to_recover_s:min", "--workers", 0)


def test_without_optuna_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    refused(invoke(*TUNE, "--out", "o"), 2, ["Optuna", "not installed", "pip install 'meterstorm[search]'"])
    assert not Path("o").exists()


WRONG = {
    "no objective": (("--vary", VARY), ["--objective: missing"]),
    "an objective": (("--vary", VARY, "--objective", "wait:min"), ["--objective wait:min", "not a metric"]),
    "a constraint": (("--vary", VARY, "--subject-to", "denials < 2"), ["--subject-to denials < 2", "<= NUMBER"]),
    "no axis": (("--objective", "denials:min"), ["sweep.vary: empty"]),
    "an axis": (("--vary", "clients.count", "--objective", "denials:min"), ["clients.count: not an axis"]),
    "set and varied": (
        ("--vary", "clients.count=1:9", "--set", "clients.count=3", "--objective", "denials:min"),
        ["clients.count: set to one value, and clients.count is varied"],
    ),
    "a value": (("--vary", "clients.count=0:9", "--objective", "denials:min"), ["clients.count: 0"]),
    "trials": (("--vary", VARY, "--objective", "denials:min", "--trials", 0), ["--trials 0: must be 1 or more"]),
    "trials x": (("--vary", VARY, "--objective", "denials:min", "--trials", "x"), ["--trials x"]),
    "workers": (("--vary", VARY, "--objective", "denials:min", "--workers", -1), ["--workers -1"]),
    "replications": (("--vary", VARY, "--objective", "denials:min", "--replications", 0), ["run.replications: 0"]),
}


@pytest.mark.parametrize(("options", "words"), WRONG.values(), ids=WRONG)
def test_wrong_input_is_refused_and_leaves_no_folder(options: tuple[object, ...], words: list[str]):
    objective = () if "--objective" in options or "missing" in words[0] else ("--objective", "denials:min")
    refused(invoke("tune", "storm.toml", *options, *objective, "--out", "o"), 2, words)
    assert not Path("o").exists()


def test_the_best_window_is_that_of_the_law():
    content = tuned(*LIMITED, "--trials", 25, "--out", "o")
    (best,) = content["best"]
    assert CLIENTS - 15 <= best["settings"]["policies.failover.cap_s"] <= CLIENTS
