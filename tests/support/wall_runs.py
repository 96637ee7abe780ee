"""Folders of wall-clock runs without their processes: worlds in simulated time, measures made up."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from meterstorm.actors.setup.scenario import Scenario
from meterstorm.actors.shards.simulate import simulate
from meterstorm.actors.shards.tally import Tally
from meterstorm.actors.wall.measures import Histogram, Lateness, NodeMeasures
from meterstorm.actors.wall.outcome import Measures

from support.pages import written

MS = 10**6
SETTING: dict[str, Any] = {
    "title": "two servers & a wall",
    "run": {"duration_s": 60.0, "warmup_s": 5.0, "sample_s": 5.0, "replications": 2, "clock": "wall"},
    "clients": {"count": 30},
    "workload": {"launch_interval_s": 6.0, "run_time_s": 12.0},
    "servers": {"count": 2},
    "products": [{"name": "editor", "licenses": 12}],
    "faults": [{"kind": "unreachable", "servers": [0], "start_s": 20.0, "duration_s": 10.0}],
    "policies": {"balancing": {"name": "static"}},
}


def node(cpu_s: tuple[float, ...], attempts: tuple[int, ...], trips_ms: int, messages: int) -> NodeMeasures:
    """What a process has measured that was never late."""
    trips, lateness = Histogram(), Lateness()
    trips.add([trips_ms * MS] * (trips_ms > 0))
    lateness.add(2.0 * MS, messages)
    return NodeMeasures(lateness, trips, 0, cpu_s, attempts, (20.0, 10.0, 30.0), 3, {}, 1, 5 * MS, messages, 0.0)


def measured(scenario: Scenario, replication: int) -> Measures:
    """Two servers and a shard of clients; the second replication takes 2 % more CPU time than the first."""
    times = 1.0 + 0.02 * replication
    none = (0, 0, 0)
    nodes = (
        node((1.0 * times, 2.0 * times, 3.0 * times), none, 0, 100),
        node((1.0 * times, 1.0 * times, 1.0 * times), none, 0, 100),
        node((0.5 * times, 4.0 * times, 0.75 * times), (100, 400, 50), 40, 300),
    )
    return Measures(scenario.run.pace, scenario.run.duration_s, nodes, 2, 0, 0.0)


class MadeUp:
    """In place of the processes of a wall-clock run."""

    def simulate(
        self, scenario: Scenario, replication: int, shards: int, pace: float, on_progress: Callable[[float], None],
        *_: Any,
    ) -> tuple[Tally, Measures]:  # fmt: skip
        """A world in simulated time, and what was made up."""
        return simulate(scenario, replication), measured(scenario, replication)


def wall_folder(monkeypatch: Any, folder: Path, setting: dict[str, Any] = SETTING) -> Path:
    """The folder of a wall-clock run that was made up, with its report."""
    monkeypatch.setattr("meterstorm.experiments.runs.run.WallSet", MadeUp)
    return written(folder, setting)
