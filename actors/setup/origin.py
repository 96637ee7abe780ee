"""What a result comes from: code, versions, the files that its scenario names, and what its policies import.

Every result carries its origin: a shard's tally, a replication from a worker, a checkpoint. Results of different
origins do not belong together, so code that combines results compares them.
"""

import hashlib
import os
import platform
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from meterstorm.policies import sources
from meterstorm.policies.imports import imports_of

from ..compiled.sources import hash_of, sources_of
from .files import data_of, policies_of

if TYPE_CHECKING:  # which loads the compiler
    from .scenario import Scenario

Origin = Mapping[str, str]  # by name of a fact, or path of a file: its value, or its SHA-256 in hex

# As at the import of this module, which is when a process reads its code.
CODE: Origin = {
    "meterstorm": version("meterstorm"),
    "sources": hash_of(sources_of("actors", "experiments", "policies")),
    "python": platform.python_version(),
    "numba": version("numba"),
    "numpy": version("numpy"),
}


class OriginError(Exception):
    """A result's origin differs from that of the results it would be combined with; the message says whose."""


def check(theirs: Origin, ours: Origin, whose: str) -> None:
    """Raise OriginError, which says `whose` the other one is, unless two origins are the same."""
    if different := sorted(name for name in theirs.keys() | ours.keys() if theirs.get(name) != ours.get(name)):
        there, here = (", ".join(f"{name} {one.get(name)}" for name in different) for one in (theirs, ours))
        raise OriginError(f"{whose} has {there}; this run has {here}; they must be the same")


def of_world(scenario: "Scenario") -> Origin:
    """Return the origin of a world that this process runs now; raises OSError for a file that is gone."""
    files = policies_of(scenario)
    policies = {path: hashlib.sha256(sources.text_of(Path(path))).hexdigest() for path in files}
    modules = {f"module {name}": value for path in files for name, value in imports_of(Path(path)).items()}
    return {**CODE, **policies, **modules, **{path: sha256_of(path) for path in data_of(scenario)}}


def sha256_of(path: str) -> str:
    """Return the SHA-256 of a file, in hex; raises OSError. It is read again only when it has changed."""
    found = os.stat(path)
    return _sha256_of(path, found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


@cache
def _sha256_of(path: str, *stamp: int) -> str:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
