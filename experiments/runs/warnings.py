"""What a run would leave out in silence, though its input is right."""

from collections.abc import Iterable

from meterstorm.actors.setup import traces

from ..scenario import Scenario


def warnings(scenarios: Iterable[Scenario]) -> list[str]:
    """Return what the user of these versions should know, each once; raises ValueError for a wrong trace."""
    traced = {one.workload.trace: one for one in scenarios if one.workload.arrivals == "trace"}
    return [line for scenario in traced.values() for line in _late_launches(scenario)]


def _late_launches(scenario: Scenario) -> list[str]:
    late, count = traces.late(scenario)
    end = f"the end of the run, {scenario.run.duration_s:g} s after the warm-up"
    return [f"{scenario.workload.trace}: {late} of {count} launches come after {end}"] if late else []
