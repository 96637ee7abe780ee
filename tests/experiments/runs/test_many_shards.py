"""More shards than were ever measured are a warning, in one line that has both numbers."""

import pytest
from meterstorm.experiments.runs import run
from meterstorm.experiments.runs.options import Options
from meterstorm.experiments.runs.warnings import SHARDS_MEASURED
from meterstorm.experiments.scenario import Scenario, validate

from support.wall_runs import SETTING

SCENARIO = validate({"title": "many clients", "clients": {"count": 1000}})


def said(shards: int, monkeypatch: pytest.MonkeyPatch, scenario: Scenario = SCENARIO) -> list[str]:
    monkeypatch.setattr(run, "_run_left", lambda *_: None)  # no process is started
    return run.run_as(Options(shards=shards), scenario, lambda done: None).warnings


def test_one_more_than_was_measured_is_told(monkeypatch: pytest.MonkeyPatch):
    assert said(SHARDS_MEASURED, monkeypatch) == []
    (line,) = said(65, monkeypatch)
    assert line == "run.shards: 65 is more than was measured, 64: each tells every other, 4160 frames a window"


def test_on_the_wall_clock_shards_have_no_windows(monkeypatch: pytest.MonkeyPatch):
    assert said(65, monkeypatch, validate(SETTING)) == []
