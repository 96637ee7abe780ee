"""The files that a scenario names, as they were when a run began."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from meterstorm.actors.setup.files import data_of, policies_of
from meterstorm.actors.setup.origin import sha256_of
from meterstorm.policies import sources

from ..scenario import Scenario, versions


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


def _policy(path: str) -> Input:
    try:
        source = sources.meet(Path(path))
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
