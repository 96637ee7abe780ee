"""The files that a scenario names: users' own policies, and data: traces and observed times."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from ..scenario import Scenario, versions
from ..scenario.files import DATA


class Input(NamedTuple):
    """A file as it was when a run began."""

    path: str
    sha256: str
    source: bytes | None  # of a policy; None: data


def inputs(scenario: Scenario) -> list[Input]:
    """Return the files that the versions of a scenario name, sorted; raises ValueError if one cannot be read."""
    return inputs_of(version.scenario for version in versions(scenario))


def inputs_of(versions: Iterable[Scenario]) -> list[Input]:
    """Return the files that these versions name, sorted; raises ValueError if one cannot be read."""
    made = list(versions)
    policies = {path for version in made for path in policies_of(version)}
    data = {path: key for version in made for path, key in data_of(version).items()}
    return [*map(_policy, sorted(policies)), *(_data(path, data[path]) for path in sorted(data))]


def policies_of(version: Scenario) -> list[str]:
    """Return the files of users' own policies that one version names, sorted."""
    choices = [choice for one in (version, *version.of_groups) for _, choice in one.policies]
    names = [name for choice in choices for name in choice.names]
    return sorted({name.rpartition(":")[0] for name in names if ".py:" in name})


def data_of(version: Scenario) -> dict[str, str]:
    """Return the files of data that one version reads, each with the key that names it."""
    return {path: f"workload.{key}" for key in DATA if (path := getattr(version.workload, key))}


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


def _data(path: str, key: str) -> Input:
    try:
        return Input(path, sha256_of(path), None)
    except FileNotFoundError as error:
        raise ValueError(f"{key}: there is no file {path!r}") from error
    except OSError as error:
        raise ValueError(f"{key}: {path!r} cannot be read: {error.strerror}") from error
