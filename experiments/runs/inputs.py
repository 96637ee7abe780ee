"""The files that a scenario names: users' own policies, and traces."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from ..scenario import Scenario, versions


class Input(NamedTuple):
    """A file as it was when a run began."""

    path: str
    sha256: str
    source: bytes | None  # of a policy; None: a trace


def inputs(scenario: Scenario) -> list[Input]:
    """Return the files that the versions of a scenario name, sorted; raises ValueError if one cannot be read."""
    return inputs_of(version.scenario for version in versions(scenario))


def inputs_of(versions: Iterable[Scenario]) -> list[Input]:
    """Return the files that these versions name, sorted; raises ValueError if one cannot be read."""
    made = list(versions)
    policies = {path for version in made for path in policies_of(version)}
    traces = {path for version in made for path in traces_of(version)}
    return [*map(_policy, sorted(policies)), *map(_trace, sorted(traces))]


def policies_of(version: Scenario) -> list[str]:
    """Return the files of users' own policies that one version names, sorted."""
    names = [choice.name for one in (version, *version.of_groups) for _, choice in one.policies]
    return sorted({name.rpartition(":")[0] for name in names if ".py:" in name})


def traces_of(version: Scenario) -> list[str]:
    """Return the trace that one version replays, if it does."""
    return [version.workload.trace] if version.workload.arrivals == "trace" else []


def sha256_of(path: str) -> str:
    """Return the SHA-256 of a file, in hex; raises OSError."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _policy(path: str) -> Input:
    try:
        source = Path(path).read_bytes()
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from error
    return Input(path, hashlib.sha256(source).hexdigest(), source)


def _trace(path: str) -> Input:
    try:
        return Input(path, sha256_of(path), None)
    except FileNotFoundError as error:
        raise ValueError(f"workload.trace: there is no file {path!r}") from error
    except OSError as error:
        raise ValueError(f"workload.trace: {path!r} cannot be read: {error.strerror}") from error
