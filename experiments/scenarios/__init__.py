"""The built-in scenarios, one file each: their names and their text, without reading what a scenario is."""

import tomllib
from importlib import resources


def names() -> list[str]:
    """Return the names of the built-in scenarios, sorted."""
    files = resources.files(__name__).iterdir()
    return sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml"))


def text(name: str) -> str:
    """Return the file of a built-in scenario; `name` must be one of `names()`."""
    return (resources.files(__name__) / f"{name}.toml").read_text("utf-8")


def built_in() -> dict[str, str]:
    """Return the titles of the built-in scenarios, by name."""
    return {name: str(tomllib.loads(text(name))["title"]) for name in names()}
