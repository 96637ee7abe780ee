"""What `resume` asks of a cluster takes the place of what the run asked; what would have no effect is refused."""

from pathlib import Path
from typing import Any

import pytest
from meterstorm.experiments.cli import console, execution
from meterstorm.experiments.runs.options import Options
from meterstorm.experiments.runs.unfinished import UnfinishedRun
from meterstorm.experiments.scenario import load

from support.command_line import invoke, refused

ASKED = ("ray_address", "ray_resources", "cpu_wait_s")


def begin(**options: Any) -> None:
    """Leave an unfinished run in `out`, with nothing done."""
    with UnfinishedRun.begin(Path("out"), load("short.toml"), Options(checkpoint_every_s=30.0, **options)):
        pass


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("", ("127.0.0.1:1", {"fast": 1.0}, 7.0)),
        ("--cpu-wait 5m", ("127.0.0.1:1", {"fast": 1.0}, 300.0)),
        ("--ray-resources big=0.5 --ray-resources a=2", ("127.0.0.1:1", {"big": 0.5, "a": 2.0}, 7.0)),
        ("--ray-resources none --ray-address auto", ("auto", {}, 7.0)),
    ],
)
def test_what_is_asked_now_counts(monkeypatch, words, expected):
    begin(shards=2, ray_address="127.0.0.1:1", ray_resources={"fast": 1.0}, cpu_wait_s=7.0)
    asked: list[Options] = []
    monkeypatch.setattr(execution, "finish", lambda _, options, *rest: asked.append(options))
    invoke("resume", "out", *words.split())
    assert [tuple(getattr(options, name) for name in ASKED) for options in asked] == [expected]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("--cpu-wait 5m", "--cpu-wait 5m: only in a cluster; it needs --ray-address"),
        ("--ray-resources fast=1", "--ray-resources fast=1: only in a cluster; it needs --ray-address"),
        ("--ray-address auto --ray-resources none --ray-resources a=1", "--ray-resources: 'none' is not allowed"),
        ("--ray-address auto --cpu-wait 5m", "--cpu-wait 5m: only for shards; here each world is run whole"),
    ],
)
def test_what_would_have_no_effect_is_refused(monkeypatch, words, why):
    monkeypatch.setattr(execution, "finish", None)
    begin()
    refused(invoke("resume", "out", *words.split()), console.WRONG_INPUT, [why])


@pytest.mark.parametrize("words", ["--ray-address auto", "--ray-resources fast=1"])
def test_a_tuning_stays_on_its_machine(words):
    tuning = Path("out/checkpoints/tuning")
    tuning.parent.mkdir(parents=True)
    tuning.touch()
    refused(invoke("resume", "out", *words.split()), console.WRONG_INPUT, [f"{words}: not for a tuning"])
