"""Scenarios small enough to be worked out by hand, and the list of the keys that tests show at work.

`run` takes recorded launches, so that everything that happens is known to the millisecond: a launch at t is at its
server at t + LATENCY, and answered at t + ANSWER when nobody is before it.
"""

import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import numpy as np
import pytest
from meterstorm.actors.randomness import streams
from meterstorm.actors.shards.simulate import simulate
from meterstorm.experiments.metrics.metrics import metrics
from meterstorm.experiments.scenario import validate
from meterstorm.experiments.scenario.schema import Scenario
from pydantic import BaseModel
from scipy.stats import binom, norm

from support.layers import layered

LATENCY, SERVICE = 0.005, 0.2  # s
ANSWER = 2 * LATENCY + SERVICE
LAST = 1000.0  # s, the measured time
HOUR = 3600.0
CONFIDENCE = 0.999

# One server, no heartbeats, no reclaim, no balancing, releases that take no time, and a single try.
BARE: dict[str, Any] = {
    "title": "worked out by hand",
    "run": {"duration_s": LAST, "warmup_s": 0.0, "sample_s": LAST},
    "network": {"latency_ms": 5.0},
    "servers": {"count": 1, "service_ms": 200.0, "release_cost": 0.0, "reclaim_after_s": 0.0},
    "products": [{"name": "editor", "licenses": 100}],
    "clients": {"count": 4, "heartbeat_s": 0.0, "enforcement": "before-start", "request_timeout_s": 5.0},
    "policies": {"failover": {"name": "never"}, "balancing": {"name": "static"}},
}
# Nothing takes time but intervals and runs.
INSTANT: dict[str, Any] = {"network": {"latency_ms": 0.0}, "servers": {"service_ms": 0.0}}

Launch = tuple[float, int, float] | tuple[float, int, float, str]  # time, client, run time, product
Test = TypeVar("Test", bound=Callable[..., None])
COVERED: dict[str, list[str]] = defaultdict(list)  # tests by key


def covers(*keys: str) -> Callable[[Test], Test]:
    """Say that a test shows the effect of a key, or of one of the words it takes ("key=word")."""

    def note(test: Test) -> Test:
        for key in keys:
            COVERED[key].append(test.__name__)
        return test

    return note


def keys_of(table: type[BaseModel] = Scenario, path: str = "") -> set[str]:
    """Every key below a table, with each word it takes ("key=word"); those of a list's items without a number."""
    return {key for name, field in table.model_fields.items() for key in _keys(field.annotation, path + name)}


def _keys(annotation: Any, path: str) -> Iterator[str]:
    origin, inner = get_origin(annotation), get_args(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield from keys_of(annotation, f"{path}.")
    elif origin is Literal:
        yield from (f"{path}={word}" for word in inner)
    elif origin in (Union, UnionType):
        for part in inner:
            yield from _keys(part, path)
    elif origin in (Annotated, tuple):
        yield from _keys(inner[0], path)
    elif annotation is not type(None):
        yield path


def on_bare(*layers: dict[str, Any]) -> dict[str, Any]:
    """BARE with layers on top."""
    return layered(BARE, *layers)


def measure(*layers: dict[str, Any]) -> dict[str, Any]:
    """The metrics of BARE with layers on top."""
    scenario = validate(on_bare(*layers))
    return metrics(scenario, simulate(scenario, 0))


def run(launches: list[Launch], *layers: dict[str, Any]) -> dict[str, Any]:
    """The metrics of BARE with layers on top, when exactly these launches come."""
    with tempfile.TemporaryDirectory() as folder:
        return measure(*layers, recorded(launches, Path(folder)))


def recorded(launches: list[Launch], folder: Path) -> dict[str, Any]:
    """The layer with which exactly these launches come; the file is written to the folder."""
    rows = [",".join(map(str, (*launch, "editor")[:4])) for launch in launches]
    file = folder / "trace.csv"
    file.write_text("\n".join(["time_s,client,run_time_s,product", *rows]) + "\n")
    return {"workload": {"arrivals": "trace", "trace": str(file)}}


def at_once(clients: int, time: float = 10.0, run_time: float = 0.0) -> list[Launch]:
    """Clients 0, 1, ... launch at the same time."""
    return [(time, client, run_time) for client in range(clients)]


def one_a_client(clients: int, every: float, run_time: float = 0.0) -> list[Launch]:
    """Clients 0, 1, ... launch one after the other."""
    return [(1.0 + every * client, client, run_time) for client in range(clients)]


def first_beat_s(every_s: float) -> float:
    """When client 0 sends its first heartbeat, if it holds a lease then."""
    with np.errstate(over="ignore"):
        bits = np.uint64(streams.draw(streams.stream_keys(1, 0)[streams.PHASE], 0, 0))
    return every_s * float(streams.uniform(bits))


def exactly(value: float) -> Any:
    """Equal but for the rounding of floating-point sums."""
    return pytest.approx(value, rel=1e-9, abs=1e-12)


def is_by_chance(count: int, trials: int, chance: float) -> bool:
    """Whether so many of the trials succeed with this chance, as far as a 99.9 % interval tells."""
    low, high = binom.interval(CONFIDENCE, trials, chance)
    return bool(low <= count <= high)


def is_mean(value: float, mean: float, deviation: float, draws: int) -> bool:
    """Whether a mean of independent draws is that of their law, as far as a 99.9 % interval tells."""
    return bool(abs(value - mean) <= norm.ppf(0.5 + CONFIDENCE / 2) * deviation / draws**0.5)
