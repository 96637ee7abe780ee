"""What a run in real time does not have is refused, from Python too, before anything runs."""

import re
from typing import Any

import pytest
from meterstorm.actors.shards.glance import glance
from meterstorm.actors.shards.shard import Shard
from meterstorm.actors.wall.sights import Sight
from meterstorm.experiments.cli.run import TYPED
from meterstorm.experiments.runs import run as runs
from meterstorm.experiments.runs.options import Options, of_simulated_time
from meterstorm.experiments.scenario import validate

from support.wall_runs import SETTING, MadeUp, measured

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


def test_a_watch_sees_what_all_processes_have_left(monkeypatch):
    """Nothing before all of them have; then the world that they are together."""

    class Watched(MadeUp):
        def simulate(self, scenario, replication, shards, pace, on_progress, watcher):
            shard, nodes = Shard(scenario, replication), measured(scenario, replication).nodes
            shard.run(shard.end)
            watcher(list)
            watcher(lambda: [Sight(glance(shard.world), node) for node in nodes[:1]])
            return super().simulate(scenario, replication, shards, pace, on_progress)

    monkeypatch.setattr(runs, "WallSet", Watched)
    looks = []
    scenario = validate(SETTING | {"run": SETTING["run"] | {"replications": 1}})
    results = runs.run_as(
        Options(), scenario, lambda done: None, watch=lambda version, number: lambda see: looks.append(see())
    )
    (one,) = results.versions[0].replications
    assert looks[0] is None
    assert looks[1].wall.cpu_s(of_servers=True) == (1.0, 2.0, 3.0)
    seen = looks[1].series["attempts"]
    assert len(seen) >= 11  # of twelve samples
    assert list(seen) == list(one.series[1 : 1 + len(seen), list(looks[1].series).index("attempts")])


def test_a_run_that_nobody_watches_leaves_nothing(monkeypatch):
    class Unwatched(MadeUp):
        def simulate(self, scenario, replication, shards, pace, on_progress, watcher):
            assert watcher is None
            return super().simulate(scenario, replication, shards, pace, on_progress)

    monkeypatch.setattr(runs, "WallSet", Unwatched)
    runs.run_as(Options(), validate(SETTING | {"run": SETTING["run"] | {"replications": 1}}), lambda done: None)


def test_the_command_line_has_a_word_for_each():
    some = Options(workers=1, keep_journal=True, checkpoint_every_s=1.0, ray_address="auto", check_shards=2)
    assert of_simulated_time(some).keys() == TYPED.keys()
    assert not of_simulated_time(Options(workers=0))
