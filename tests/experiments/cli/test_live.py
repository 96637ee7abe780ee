"""meterstorm run --live: the same run, watched; what is on the screen is what there is."""

from itertools import pairwise

import numpy as np
import pytest
from meterstorm.actors.shards.glance import glance
from meterstorm.actors.shards.shard import Shard
from meterstorm.experiments.cli import live
from meterstorm.experiments.runs import run, watching
from meterstorm.experiments.runs.options import Options
from meterstorm.experiments.scenario import validate, versions
from rich.cells import cell_len

from support.command_line import invoke, refused, run_json
from support.pages import SETTING
from support.wall_runs import SETTING as ON_WALL
from support.wall_runs import measured

SCENARIO = validate(SETTING | {"run": SETTING["run"] | {"sample_s": 60.0}})
CLOCK = live.Clock(4400.0, 50.0)


@pytest.fixture
def slices(monkeypatch):
    """Slices as short as can be, whatever the machine does."""
    monkeypatch.setattr(watching, "SLICES", 40)
    monkeypatch.setattr(watching, "SLICE_S", 0.0)


def watched(scenario):
    """The results of a run all of whose slices were looked at, and the looks of each world."""
    seen = {}

    def watch(version, number):
        looks = seen.setdefault((version.case, version.arm, number), [])
        return lambda see: looks.append(see())

    return run.run_as(Options(workers=0), scenario, lambda done: None, None, watch), seen


def test_a_run_that_is_watched_is_the_same(slices):
    results, seen = watched(SCENARIO)
    alone = run.run(SCENARIO, workers=0)
    assert len(seen) == 6 * 3
    assert all(len(looks) > 20 for looks in seen.values())
    for row, other in zip(results.versions, alone.versions, strict=True):
        assert [one.digest for one in row.replications] == [one.digest for one in other.replications]


def test_looks_are_what_the_time_series_will_have(slices):
    """And every client's link is in one state."""
    results, seen = watched(SCENARIO)
    for row in results.versions:
        for one in row.replications:
            looks = seen[row.version.case, row.version.arm, one.number]
            assert all(a.now_s <= b.now_s and a.events <= b.events for a, b in pairwise(looks))
            assert {sum(found.links.values()) for found in looks} == {30}
            column = list(looks[-1].series).index("attempts")
            for found in looks:
                samples = len(found.series["attempts"])
                assert samples == max(0, int(found.now_s // 60)) or found.now_s % 60 < 1
                assert list(found.series["attempts"]) == list(one.series[1 : 1 + samples, column])


def test_a_screen_fits_80_columns_and_24_lines(slices):
    _, seen = watched(SCENARIO)
    for version in versions(SCENARIO):
        looks = seen[version.case, version.arm, 2]
        for found in (looks[0], looks[-1]._replace(links=dict.fromkeys(looks[0].links, 10_000_000))):
            shown = live.lines(version, 2, found, 12_345_678.0)
            assert len(shown) + 2 < 24
            assert max(map(cell_len, shown)) < 80


def on_wall():
    """The screen of a world in real time, after all of it."""
    scenario = validate(ON_WALL)
    shard = Shard(scenario)
    shard.run(shard.end)
    (version,) = versions(scenario)
    found = watching.look(scenario, [glance(shard.world)], measured(scenario, 0))
    return live.lines(version, 0, found, 12_345_678.0), found


def test_a_screen_of_the_wall_clock_fits_too():
    shown, _ = on_wall()
    assert len(shown) + 2 < 24
    assert max(map(cell_len, shown)) < 80


def test_what_only_real_time_has_is_told_below():
    """550 attempts of 30 clients took 5.25 s of theirs and 9 s of servers: 9,545 and 16,364 us an attempt."""
    shown, found = on_wall()
    rate = sum(found.series["messages"]) / (5.0 * len(found.series["messages"]))
    assert [line.split(maxsplit=3 if line.startswith("CPU") else 2)[-1] for line in shown[-4:-2]] == [
        "0.5 / 4 / 0.75 s; 9,545 us an attempt, 175 ms a client",
        "2 / 3 / 4 s; 16.4k us an attempt, 300 ms a client",
    ]
    assert shown[-2].endswith("40 / 40 / 40 ms: median, 99 %, longest")
    assert shown[-1].endswith(f"0.00%, 99 % by 2 ms; 9 unsent; {live.number(rate)} messages/s")


def test_nothing_is_shown_before_all_processes_have_been_seen():
    shown = []
    view = live.View("title", 1, shown.append, live.BLOCKS)
    view._due_s = 0.0
    (version,) = versions(validate(ON_WALL))
    view.watch(version, 0)(lambda: watching.look_at_wall(version.scenario, []))
    assert shown == []


def test_a_spark_line_is_highest_where_its_values_are():
    values = np.zeros(44)
    values[[3, 20]] = 8.0, 4.0
    line = live.spark(values, CLOCK.columns(len(values)))
    assert len(line) == live.SPARK
    places = [n for n, sign in enumerate(line) if sign != " "]
    assert [line[n] for n in places] == ["█", "▄"]
    assert places == [int(50 * (n + 0.5) / 4400 * live.SPARK) for n in (3, 20)]


def test_a_spark_line_without_values_is_empty():
    assert live.spark(np.zeros(5), CLOCK.columns(5)).strip() == ""
    assert live.spark(np.zeros(0), CLOCK.columns(0)).strip() == ""


def test_faults_are_marked_where_they_hold():
    faulty, calm = versions(SCENARIO)[0], versions(SCENARIO)[-1]
    clock = live.Clock(1500.0, 60.0)
    marks = live.faults(faulty, clock)
    assert [n for n, sign in enumerate(marks) if sign != " "] == list(
        range(clock.place(300), clock.place(600) + 1)
    )
    assert live.faults(calm, clock).strip() == ""


def test_looks_pause_long_enough_to_cost_next_to_nothing(monkeypatch):
    """A look that takes 2 s is followed by none in the 200 s after it."""
    now = [0.0]
    monkeypatch.setattr(live.time, "perf_counter", lambda: now[0])
    shown = []

    def show(text):
        shown.append(now[0])
        now[0] += 2.0

    view = live.View("title", 1, show, live.BLOCKS)
    version = versions(SCENARIO)[0]
    watcher = view.watch(version, 0)
    shard = Shard(version.scenario)
    for second in range(1, 500):
        now[0] = max(now[0], float(second))
        watcher(lambda: watching.look(version.scenario, [glance(shard.world)]))
    assert len(shown) == 3
    assert min(np.diff(shown)) >= 200


def test_without_a_terminal_it_is_off():
    """Digests, tables and standard error are those of any run."""
    assert run_json("short.toml", "--live")["digest"] == run_json("short.toml")["digest"]
    result = invoke("run", "short.toml", "--live", "--workers", 0)
    assert result.exit_code == 0
    assert "worlds  " not in result.stderr


@pytest.mark.parametrize(
    "words", [["--workers", "2"], ["--shards", "2"], ["--ray-address", "auto"], ["--checkpoint-every", "30s"]]
)  # fmt: skip
def test_what_cannot_be_watched_is_refused(words):
    refused(invoke("run", "short.toml", "--live", *words), 2, [f"{' '.join(words)}: not with --live"])


def test_a_collection_is_not_watched():
    refused(invoke("run", "kb", "--live"), 2, ["--live: not for kb"])
