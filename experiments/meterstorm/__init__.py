"""License clients and metering servers, and what they do to each other when servers fail.

`load` reads a scenario and `run` runs it; a `Sweep` runs it at many points, and `write_report` makes a page of its
folder; a `World` is one replication, event by event. All are imported on first use: `import meterstorm` loads
nothing else.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from meterstorm.experiments.interface.report import write_report
    from meterstorm.experiments.interface.sweep import Sweep, SweepResults
    from meterstorm.experiments.interface.world import World
    from meterstorm.experiments.runs.run import run
    from meterstorm.experiments.scenario import ScenarioError, load

    __version__: str

__all__ = ["ScenarioError", "Sweep", "SweepResults", "World", "__version__", "load", "run", "write_report"]

_MODULES = {
    "ScenarioError": "meterstorm.experiments.scenario",
    "Sweep": "meterstorm.experiments.interface.sweep",
    "SweepResults": "meterstorm.experiments.interface.sweep",
    "World": "meterstorm.experiments.interface.world",
    "load": "meterstorm.experiments.scenario",
    "run": "meterstorm.experiments.runs.run",
    "write_report": "meterstorm.experiments.interface.report",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module("importlib.metadata").version("meterstorm")
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
