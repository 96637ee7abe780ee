"""The metrics of a world, by the engine and by a recount of its journal, which must agree."""

from collections.abc import Iterator
from typing import Any

from meterstorm.actors.shards.simulate import simulate
from meterstorm.experiments.metrics.groups import of_groups
from meterstorm.experiments.metrics.metrics import metrics
from meterstorm.experiments.metrics.names import METRICS, METRICS_OF_GROUPS
from meterstorm.experiments.scenario import to_toml, validate

from oracles.recount import recount
from support import recountable

EXACT = 1e-9  # relative: sums of floats may be rounded in another order
BIN = 1 / 32  # width of the engine's histogram bins, relative


def counted(raw: recountable.Raw) -> recountable.Raw:
    """Run a scenario and recount it; return the metrics, which agree."""
    scenario = validate({"title": "recounted"} | raw)
    tally = simulate(scenario, keep_journal=True)
    engine, again = metrics(scenario, tally), recount(scenario, tally.journal, tally.faults)
    assert set(engine) == set(again.metrics) == set(METRICS)
    different = list(differences(engine, again.metrics))
    assert tally.server_series["connected"].tolist() == again.connected
    groups = of_groups(scenario, tally)
    assert set(groups) == set(again.groups)
    for name, found in groups.items():
        assert set(found) == set(again.groups[name]) == set(METRICS_OF_GROUPS)
        different += [f"group {name}, {line}" for line in differences(found, again.groups[name])]
    assert not different, "\n".join([*different, to_toml(scenario)])
    return engine


def differences(engine: recountable.Raw, again: recountable.Raw) -> Iterator[str]:
    for name, value in engine.items():
        if not agree(name, value, again[name]):
            yield f"{name}: engine {value}, recount {again[name]}"


def agree(name: str, engine: Any, again: Any) -> bool:
    if engine is None or again is None:
        return engine is again
    if name.endswith(("_p50", "_p95", "_p99")):
        return abs(engine - again) <= again * BIN + 1e-9
    return bool(engine == again or abs(engine - again) <= EXACT * abs(again))
