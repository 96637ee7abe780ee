"""A wheel is complete: every folder of modules is a package of it, and every data file goes along."""

import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
ROOMS = ("actors", "policies", "experiments")
PAPERS = ("*.md", "*.svg")  # for readers of the repository


def setuptools() -> Any:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]


def folder_of(package: str) -> Path:
    """Where setuptools looks for a package: below the folder given for the nearest package above it."""
    folders = setuptools()["package-dir"]
    above = max((name for name in folders if f"{package}.".startswith(f"{name}.")), key=len)
    return ROOT / folders[above] / Path(*package.removeprefix(above).split("."))


def sources(pattern: str) -> set[Path]:
    found = {path for room in ROOMS for path in (ROOT / room).rglob(pattern) if path.is_file()}
    return {path for path in found if "__pycache__" not in path.parts}


def test_every_folder_of_modules_is_a_package():
    listed = [folder_of(package) for package in setuptools()["packages"]]
    assert len(listed) == len(set(listed))
    assert set(listed) == {path.parent for path in sources("*.py")}


def test_every_folder_of_modules_says_that_it_is_one():
    assert all((path.parent / "__init__.py").exists() for path in sources("*.py"))


def test_every_data_file_goes_along():
    data = setuptools()["package-data"]
    for package in setuptools()["packages"]:
        patterns = ("*.py", *PAPERS, *data.get("*", ()), *data.get(package, ()))
        files = {path for path in sources("*") if path.parent == folder_of(package)}
        assert not [path for path in files if not any(fnmatch(path.name, pattern) for pattern in patterns)]


def test_every_pattern_of_data_files_matches_one():
    for package, patterns in setuptools()["package-data"].items():
        files = sources("*") if package == "*" else {p for p in sources("*") if p.parent == folder_of(package)}
        assert all(any(fnmatch(path.name, pattern) for path in files) for pattern in patterns), package


def test_types_are_marked_at_the_top():
    """PEP 561: the marker of the top package covers those within."""
    assert (folder_of("meterstorm") / "py.typed").exists()
