"""What a run would otherwise leave out silently although its input is valid."""

import math
from collections.abc import Iterable, Iterator

from meterstorm.actors.setup import crashes, observations, traces
from meterstorm.actors.setup.scenario import is_client_crash
from meterstorm.policies.denial import BackoffRetry
from meterstorm.policies.failover import CappedExponential

from ..scenario import Scenario
from ..scenario.choices import resolver
from ..scenario.wording import show
from .results import Results

SHARDS_MEASURED = 64  # the most whose windows were measured: experiments/bench/RESULTS.md


def warnings(scenarios: Iterable[Scenario]) -> list[str]:
    """Return what the user of these versions should know, each once; raises ValueError for wrong data."""
    versions = list(scenarios)
    for scenario in {(one.workload.run_times, one.workload.launch_intervals): one for one in versions}.values():
        observations.tables(scenario)
    replayed = [one for one in versions if one.workload.arrivals == "trace"]
    traced = {(one.workload.trace, one.run.warmup_s, one.run.duration_s): one for one in replayed}
    lines = [line for scenario in traced.values() for line in _late_launches(scenario)]
    lines += [line for scenario in versions for rule in RULES for line in rule(scenario)]
    return list(dict.fromkeys(lines))


def many_shards(shards: int) -> list[str]:
    """Return a line for more shards than were ever measured: each sends every other one a frame in each window."""
    pairs = f"{shards * (shards - 1)} frames a window"
    words = f"run.shards: {shards} is more than was measured, {SHARDS_MEASURED}: each tells every other, {pairs}"
    return [words] if shards > SHARDS_MEASURED else []


def fallen_behind(results: Results) -> list[str]:
    """Return a line for each process of a wall-clock run that could not keep up with the clock."""
    worlds = [(result.version, row) for result in results.versions for row in result.replications if row.wall]
    lines = []
    for version, row in worlds:
        name = ", ".join(filter(None, (version.case, version.arm, f"replication {row.number}")))
        lines += [f"{name}: {line}" for line in (row.wall.behind() if row.wall else ())]
    return lines


def _late_launches(scenario: Scenario) -> list[str]:
    late, count = traces.late(scenario)
    end = f"the end of the run, {scenario.run.duration_s:g} s after the warm-up"
    return [f"{scenario.workload.trace}: {late} of {count} launches come after {end}"] if late else []


def _late_faults(scenario: Scenario) -> Iterator[str]:
    duration_s = scenario.run.duration_s
    end = f"the end of the run (run.duration_s = {show(duration_s)})"
    for index, fault in enumerate(scenario.faults):
        times = fault.repeats if fault.repeat_s > 0 else 1
        if fault.start_s >= duration_s:
            yield f"faults[{index}].start_s: {show(fault.start_s)} is not before {end}: this fault does not happen"
        elif fault.start_s + (times - 1) * fault.repeat_s >= duration_s:
            happens = math.ceil((duration_s - fault.start_s) / fault.repeat_s)
            yield f"faults[{index}].repeats: only {happens} of {times} begin before {end}"
        elif fault.stagger_s > 0:
            whom, many = "clients" if is_client_crash(fault) else "servers", len(crashes.hit(scenario, fault))
            reached = math.ceil((duration_s - fault.start_s) / fault.stagger_s)
            if reached < many:
                yield f"faults[{index}].stagger_s: it comes to only {reached} of {many} {whom} before {end}"


def _long_samples(scenario: Scenario) -> Iterator[str]:
    sample_s, duration_s = scenario.run.sample_s, scenario.run.duration_s
    if sample_s > duration_s:
        words = "the run is less than one sample, in which no recovery can be seen"
        yield f"run.sample_s: {show(sample_s)} is longer than run.duration_s = {show(duration_s)}: {words}"


def _low_caps(scenario: Scenario) -> Iterator[str]:
    yield from _low_caps_of(scenario, "")
    for index, own in enumerate(scenario.of_groups):
        yield from _low_caps_of(own, f"groups[{index}].set: ")


def _low_caps_of(scenario: Scenario, path: str) -> Iterator[str]:
    resolve = resolver()
    for kind in ("failover", "denial"):
        choice = getattr(scenario.policies, kind)
        policy = resolve(kind, choice.name, choice.parameters).policy
        if isinstance(policy, CappedExponential | BackoffRetry) and policy.cap_s < policy.base_s:
            delay = f"base_s = {show(policy.base_s)}: no delay is ever longer than the cap, so none grows"
            yield f"{path}policies.{kind}.cap_s: {show(policy.cap_s)} is below {delay}"


RULES = (_late_faults, _long_samples, _low_caps)
