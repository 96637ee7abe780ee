"""Sweeps small enough for a test: a scenario, policies that do what the test needs, and ways to run them."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from meterstorm.actors.wall.backends.family import children
from meterstorm.experiments.scenario import validate
from meterstorm.experiments.sweeps import results
from meterstorm.experiments.sweeps.options import SweepOptions
from meterstorm.experiments.sweeps.points import Plan, plan
from meterstorm.experiments.sweeps.run import Outcome, run_sweep

from support.layers import layered
from support.processes import command, in_session

SMALL: dict[str, Any] = {
    "title": "small",
    "run": {"duration_s": 2000.0, "warmup_s": 100.0, "replications": 2},
    "clients": {"count": 30},
    "products": [{"name": "editor", "licenses": 10}],
    "faults": [{"kind": "unreachable", "servers": [0], "start_s": 300.0, "duration_s": 600.0}],
}
# Balancing is plain Python, so it can do to its world, and to the process, whatever the test needs.
PLAYED = """
import signal
from pathlib import Path
from typing import NamedTuple


class Played(NamedTuple):
    interval_s: float = 500.0
    scene: float = 0.0
    kills: float = float("inf")
    raises: float = float("inf")
    prints: float = float("inf")
    lasts: float = float("inf")

    def targets(self, report):
        if self.scene == self.kills:
            signal.raise_signal(signal.SIGKILL)
        if self.scene == self.raises:
            raise RuntimeError("no targets today")
        if self.scene == self.prints:
            print("a word of the policy's")
        if self.scene == self.lasts:
            Path(__file__).with_name("at work").touch()
        return report.allocated
"""
SCENE = "policies.balancing.scene"
CODE = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    "from meterstorm.experiments.cli.main import main; main()"
)
WORKER = "meterstorm.experiments.sweeps.worker"


def played(folder: Path, **scenes: float) -> dict[str, Any]:
    """The layer with which worlds of some scenes do something else than others."""
    (folder / "played.py").write_text(PLAYED)
    return {"policies": {"balancing": {"name": f"{folder / 'played.py'}:Played", **scenes}}}


def plan_of(vary: dict[str, Any], *layers: dict[str, Any], **design: Any) -> Plan:
    """The plan of SMALL with layers on top."""
    return plan(validate(layered(SMALL, *layers, {"sweep": {"vary": vary, **design}})))


def run_in(folder: Path, made: Plan, **options: Any) -> Outcome:
    """Run what is left of a sweep, by default in this process."""
    on_progress = options.pop("on_progress", lambda done: None)
    return run_sweep(made, SweepOptions(**{"workers": 0, **options}), folder, on_progress)


def rows_in(folder: Path, made: Plan) -> list[dict[str, Any]]:
    """What a folder has of a sweep, world by world, without what it cost."""
    table = results.collect(made, folder).drop_columns(["cpu_s", "memory_bytes"])
    found: list[dict[str, Any]] = table.to_pylist()
    return found


def bytes_of(folder: Path, made: Plan) -> bytes:
    """The metrics.parquet of what a folder has."""
    results.write(folder, made, results.collect(made, folder))
    return (folder / "metrics.parquet").read_bytes()


def start(folder: Path, *arguments: object, before: str = "") -> "subprocess.Popen[str]":
    """A command in a session of its own; `before` is Python that its process runs first."""
    return subprocess.Popen(
        [sys.executable, "-c", f"{before}\n{CODE}", *map(str, arguments)],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def workers_of(leader: int) -> list[int]:
    """The worker processes in a session."""
    return [pid for pid, line in in_session(leader).items() if WORKER in line]


def workers_below() -> list[int]:
    """The worker processes that this one has started."""
    return [pid for pid in children(os.getpid()) if WORKER in command(pid)]


def end_session(process: "subprocess.Popen[str]") -> tuple[str, str]:
    """End whatever is left of a command; return what it has said."""
    for pid in in_session(process.pid):
        os.kill(pid, signal.SIGKILL)
    return process.communicate()
