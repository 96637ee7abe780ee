"""What a user's own policy imports of their own: modules that are neither Python's, nor installed, nor ours."""

import ast
import hashlib
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from . import errors, sources
from .registry import module_of


@cache
def imports_of(path: Path) -> Mapping[str, str]:
    """Return the SHA-256 in hex of each such module that a policy's file uses, by the module's name.

    Other nodes import modules from wherever they have them, so that names are compared, not places. Raises
    ValueError for a file that cannot be imported, OSError for a module whose file is gone. A process asks once: it
    imports a module once, and each world of a sweep has its origin.
    """
    return {module.__name__: _sha256_of(str(module.__file__)) for module in _used(module_of(path), set())}


@cache
def may_read(cls: Any, names: frozenset[str]) -> bool:
    """Whether a user's own policy, a wrapper of theirs, or what these import of their own has one of these names.

    As an attribute, somewhere in its file; what has no file of Python's may have them.
    """
    return any(_has(module, names) for own in errors.own_classes(cls) for module in _with_used(own.__module__))


def _with_used(name: str) -> list[ModuleType]:
    module = sys.modules[name]
    return [module, *_used(module, set())]


def _has(module: ModuleType, names: frozenset[str]) -> bool:
    file = getattr(module, "__file__", None) or ""
    if not file.endswith(".py"):
        return True
    tree = ast.parse(sources.text_of(Path(file)))
    return any(isinstance(node, ast.Attribute) and node.attr in names for node in ast.walk(tree))


def _used(module: ModuleType, seen: set[str]) -> Iterator[ModuleType]:
    for value in list(vars(module).values()):
        name = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
        home = sys.modules.get(name or "")
        if home is not None and home is not module and home.__name__ not in seen and _is_own(home):
            seen.add(home.__name__)
            yield home
            yield from _used(home, seen)


def _is_own(module: ModuleType) -> bool:
    file = getattr(module, "__file__", None)
    if not file or module.__name__.partition(".")[0] == "meterstorm":
        return False
    return not any(Path(file).is_relative_to(folder) for folder in _installed())


@cache
def _installed() -> set[str]:
    return {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}


@cache
def _sha256_of(file: str) -> str:
    """As it is when this is first asked: a process imports a module once."""
    return hashlib.sha256(Path(file).read_bytes()).hexdigest()
