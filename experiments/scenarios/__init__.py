"""The built-in scenarios, one file each: their names and their text, without reading what a scenario is.

Those of sweeps are in the folder `sweeps`, beside what runs them.
"""

import tomllib
from importlib import resources
from importlib.resources.abc import Traversable


def _scenarios() -> Traversable:
    return resources.files(__name__)


def _sweeps() -> Traversable:
    return resources.files(__name__.rpartition(".")[0]) / "sweeps"


def _files(folder: Traversable) -> dict[str, Traversable]:
    found = {file.name: file for file in folder.iterdir() if file.name.endswith(".toml")}
    return {name.removesuffix(".toml"): found[name] for name in sorted(found)}


def names() -> list[str]:
    """Return the names of the built-in scenarios, sorted, and then those of sweeps."""
    return [*_files(_scenarios()), *sweeps()]


def sweeps() -> list[str]:
    """Return the names of the built-in scenarios that have a sweep, sorted."""
    return list(_files(_sweeps()))


def text(name: str) -> str:
    """Return the file of a built-in scenario; `name` must be one of `names()`."""
    return (_files(_scenarios()) | _files(_sweeps()))[name].read_text("utf-8")


def built_in() -> dict[str, str]:
    """Return the titles of the built-in scenarios, by name."""
    return {name: str(tomllib.loads(text(name))["title"]) for name in names()}
