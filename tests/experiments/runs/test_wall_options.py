"""What a run in real time does not have is refused, from Python too, before anything runs."""

import re
from typing import Any

import pytest
from meterstorm.experiments.cli.run import TYPED
from meterstorm.experiments.runs import run as runs
from meterstorm.experiments.runs.options import Options, of_simulated_time
from meterstorm.experiments.scenario import validate

SCENARIO = validate(
    {"title": "t", "run": {"clock": "wall", "pace": 60.0}, "policies": {"balancing": {"name": "static"}}}
)
GIVEN: list[tuple[dict[str, Any], str]] = [
    ({"keep_journal": True}, "keep_journal=True"),
    ({"workers": 2}, "workers=2"),
    ({"ray_address": "127.0.0.1:1"}, "ray_address='127.0.0.1:1'"),
    ({"unfinished": object()}, "unfinished"),
]


@pytest.fixture(autouse=True)
def nothing_runs(monkeypatch):
    monkeypatch.setattr(runs, "WallSet", None)


@pytest.mark.parametrize(("given", "named"), GIVEN)
def test_an_option_that_it_does_not_have_is_refused(given, named):
    with pytest.raises(ValueError, match=re.escape(f'{named}: not with run.clock = "wall"')):
        runs.run(SCENARIO, **given)


def test_a_watch_is_refused():
    with pytest.raises(ValueError, match="watch: not with"):
        runs.run_as(Options(), SCENARIO, lambda done: None, watch=lambda version, number: lambda world: None)


def test_the_command_line_has_a_word_for_each():
    some = Options(workers=1, keep_journal=True, checkpoint_every_s=1.0, ray_address="auto", check_shards=2)
    assert of_simulated_time(some).keys() == TYPED.keys()
    assert not of_simulated_time(Options(workers=0))
