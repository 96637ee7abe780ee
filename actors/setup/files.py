"""The files that a scenario names: users' own policies, and data, which are traces and observed times."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .scenario import Scenario

DATA = ("trace", "launch_intervals", "run_times")  # keys of [workload] that name files


def policies_of(scenario: "Scenario") -> list[str]:
    """Return the files of users' own policies that one version names, sorted."""
    choices = [choice for one in (scenario, *scenario.of_groups) for _, choice in one.policies]
    names = [name for choice in choices for name in choice.names]
    return sorted({name.rpartition(":")[0] for name in names if ".py:" in name})


def data_of(scenario: "Scenario") -> dict[str, str]:
    """Return the files of data that one version reads, each with the key that names it."""
    return {path: f"workload.{key}" for key in DATA if (path := getattr(scenario.workload, key))}
