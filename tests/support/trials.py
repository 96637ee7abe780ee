"""How a scenario is held to a law.

A law is checked with the 99.9 % interval of the mean over independent replications with fixed seeds, by
Student's t. The interval must also be narrow, so that a wrong engine fails.
"""

import math
from statistics import fmean, stdev
from typing import Any

from meterstorm.actors.shards.simulate import simulate
from meterstorm.experiments.metrics.metrics import metrics
from meterstorm.experiments.scenario import validate
from scipy.stats import t as student

from support.laws import MANY
from support.layers import layered

REPLICATIONS = 12
# No time passes but between launches and during runs (`actors/README.md`, exact special cases).
LOSS_SYSTEM: dict[str, Any] = {
    "title": "a law",
    "network": {"latency_ms": 0.0},
    "servers": {"count": 1, "service_ms": 0.0},
    "clients": {"count": MANY, "heartbeat_s": 0.0, "request_timeout_s": 1e6},
    "workload": {"arrivals": "open"},
    "policies": {"balancing": {"name": "static"}, "failover": {"name": "never"}},
}


def scenario(*layers: dict[str, Any]) -> Any:
    """One scenario from layers."""
    return validate(layered(*layers))


def offered(arrivals_per_s: float, licenses: int, run_time_s: float, duration_s: float) -> dict[str, Any]:
    """A Poisson stream of launches of one product."""
    return {
        "run": {"duration_s": duration_s, "warmup_s": 20 * run_time_s, "sample_s": duration_s},
        "products": [{"name": "editor", "licenses": licenses}],
        "workload": {"launch_interval_s": MANY / arrivals_per_s, "run_time_s": run_time_s},
    }


def replicate(*layers: dict[str, Any], replications: int = REPLICATIONS) -> list[dict[str, Any]]:
    """The metrics of independent replications."""
    made = scenario(*layers)
    return [metrics(made, simulate(made, r)) for r in range(replications)]


def check(laws: dict[str, float], *layers: dict[str, Any], within: float = 0.05) -> None:
    """The mean of each metric, or of a ratio "a / b" of two, is its law, as far as an interval tells."""
    results = replicate(*layers)
    for name, law in laws.items():
        hold(name, [_value(name, result) for result in results], law, within)


def hold(name: str, values: list[float], law: float, within: float = 0.05) -> None:
    """The mean of independent values is `law`; their interval's half-width is less than `within` of it."""
    width = margin(values)
    assert abs(fmean(values) - law) <= width, f"{name}: {fmean(values)} +- {width}, not {law}"
    assert width < within * law, f"{name}: {fmean(values)} +- {width} says little about {law}"


def margin(values: list[float]) -> float:
    """The half-width of the 99.9 % interval of the mean of independent values."""
    return float(student.ppf(0.9995, len(values) - 1) * stdev(values) / math.sqrt(len(values)))


def _value(name: str, result: dict[str, Any]) -> float:
    top, _, bottom = name.partition(" / ")
    return float(result[top] / (result[bottom] if bottom else 1))
