"""Policies that are not pure, or could not be stopped, are refused if their source shows it.

A policy may not use anything that can answer the same question differently: a clock, its own random generator, a
global that changes. Nothing can stop what numba has compiled. We look at the policy's class, what it uses from
other files beside its own, and what runs at import.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from . import sources
from .errors import PolicyError

# Modules whose answers change from call to call, and single functions that do.
IMPURE = ("datetime", "numpy.random", "random", "secrets", "time", "uuid")
IMPURE_NAMES = {"id", "hash", "input", "os.environ", "os.getenv", "os.getloadavg", "os.getpid", "os.urandom"}
CHANGES = {
    "add", "append", "appendleft", "clear", "discard", "extend", "fill", "insert", "pop", "popitem", "popleft",
    "put", "remove", "reverse", "setdefault", "sort", "update", "__next__", "__setitem__",
}  # fmt: skip
PURE = "a policy answers from its arguments alone: randomness is u, time is now_s, what it remembers is in memory"
PLAIN = "compiled by numba, so that nobody could end it; leave the function plain, and mark it @compilable instead"


def check(cls: Any) -> None:
    """Raise PolicyError, with file and line, where a user's policy is seen to break a rule."""
    for source, line, what in _found(sys.modules[cls.__module__], cls.__name__, set()):
        raise PolicyError(f"{source}, line {line}: {cls.__qualname__}: {what}")


def _found(module: ModuleType, name: str | None, seen: set[Any]) -> Iterator[tuple[str, int, str]]:
    """Yield file, line and what is wrong, of a definition and of what it names; None: of what runs at import."""
    if (module.__name__, name) in seen or not getattr(module, "__file__", None):
        return
    seen.add((module.__name__, name))
    source = str(module.__file__)
    for node in _statements(ast.parse(sources.text_of(Path(source))), name):
        for line, what in _wrong(node, vars(module)):
            yield source, line, what
        for used in _names(node):
            yield from _found(module, used, seen)
            value = vars(module).get(used)
            home = sys.modules.get(getattr(value, "__module__", None) or "")
            if isinstance(value, ModuleType):
                home = value
            if home is not None and home is not module and _is_beside(home, source):
                yield from _found(home, None if isinstance(value, ModuleType) else used, seen)
    yield from _found(module, None, seen)


def _statements(tree: ast.Module, name: str | None) -> list[ast.stmt]:
    """Return the definitions of a name; None: what runs at import."""
    definitions = (ast.FunctionDef, ast.ClassDef)
    if name is not None:
        return [node for node in tree.body if isinstance(node, definitions) and node.name == name]
    others = [node for node in tree.body if not isinstance(node, (*definitions, ast.Import, ast.ImportFrom))]
    return [node for node in others if not (isinstance(node, ast.If) and "__main__" in ast.unparse(node.test))]


def _names(node: ast.AST) -> list[str]:
    return sorted({each.id for each in ast.walk(node) if isinstance(each, ast.Name)})


def _is_beside(module: ModuleType, source: str) -> bool:
    file = getattr(module, "__file__", None)
    return file is not None and Path(file).resolve().is_relative_to(Path(source).resolve().parent)


def _wrong(
    node: ast.AST, names: dict[str, Any], line: int = 1, local: frozenset[str] = frozenset()
) -> Iterator[tuple[int, str]]:
    """Yield line and what is wrong there; `local` are the names of the functions around."""
    if isinstance(node, ast.FunctionDef | ast.Lambda):
        local |= _bound(node)
    line = getattr(node, "lineno", line)
    if what := _impure_value(node, names, local) or _impure_import(node) or _change(node, names, local):
        yield line, f"{what}; {PURE}"
        return
    if what := _compiled(node, names, local):
        yield line, f"{what} is {PLAIN}"
        return
    for child in ast.iter_child_nodes(node):
        yield from _wrong(child, names, line, local)


def _bound(function: ast.AST) -> frozenset[str]:
    """Return the names that are a function's own: its arguments, and what it assigns to."""
    nodes = list(ast.walk(function))
    arguments = {node.arg for node in nodes if isinstance(node, ast.arg)}
    stored = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    shared = {name for node in nodes if isinstance(node, ast.Global | ast.Nonlocal) for name in node.names}
    return frozenset(arguments | stored - shared | {""})


def _impure_value(node: ast.AST, names: dict[str, Any], local: frozenset[str]) -> str | None:
    text, value = _named(node, names, local)
    return f"uses {text}" if text in IMPURE_NAMES or _is_impure(value) else None


def _compiled(node: ast.AST, names: dict[str, Any], local: frozenset[str]) -> str | None:
    text, value = _named(node, names, local)
    home = getattr(value, "__module__", None)  # of the function that numba has compiled
    return text if _is_in(type(value).__module__, "numba") and not _is_in(home, "numba") else None


def _named(node: ast.AST, names: dict[str, Any], local: frozenset[str]) -> tuple[str, Any]:
    """Return a name that is not local, as it is written, and what it stands for; else an empty one, and None."""
    if not isinstance(node, ast.Name | ast.Attribute) or _root(node) in {*local, None}:
        return "", None
    text = ast.unparse(node)
    value: Any = vars(sys.modules["builtins"]) | names
    for k, part in enumerate(text.split(".")):
        value = value.get(part) if k == 0 else getattr(value, part, None)
    return text, value


def _is_impure(value: Any) -> bool:
    owner = getattr(value, "__self__", None)
    homes = (
        value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None),
        type(value).__module__,
        type(owner).__module__,
    )
    return any(_is_in(home, impure) for home in homes for impure in IMPURE)


def _is_in(name: Any, module: str) -> bool:
    return isinstance(name, str) and (name == module or name.startswith(f"{module}."))


def _impure_import(node: ast.AST) -> str | None:
    if isinstance(node, ast.Import):
        modules = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        modules = [f"{node.module}.{alias.name}" for alias in node.names]
    else:
        return None
    return next((f"imports {name}" for name in modules for impure in IMPURE if _is_in(name, impure)), None)


def _change(node: ast.AST, names: dict[str, Any], local: frozenset[str]) -> str | None:
    """Return what changes something that outlives a call, if this is in a function."""
    if not local:
        return None
    if isinstance(node, ast.Global | ast.Nonlocal):
        return f"changes {node.names[0]}"
    if isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del):
        return None if _root(node) in local - {"self", "cls"} else f"changes {ast.unparse(node)}"
    if isinstance(node, ast.arguments):
        defaults = [*node.defaults, *filter(None, node.kw_defaults)]
        kept = [
            each
            for each in defaults
            if not isinstance(each, ast.Constant | ast.UnaryOp | ast.Name | ast.Attribute)
        ]
        return f"keeps {ast.unparse(kept[0])} from call to call, as a default" if kept else None
    if isinstance(node, ast.Call):
        return _changing_call(node, names, local)
    return None


def _changing_call(node: ast.Call, names: dict[str, Any], local: frozenset[str]) -> str | None:
    called, outlives = node.func, names.keys() - local
    if isinstance(called, ast.Attribute) and called.attr in CHANGES:
        root = _root(called.value)
        changed = root in outlives and not isinstance(names[str(root)], ModuleType)
    else:
        changed = (
            ast.unparse(called) in {"next", "setattr"} and _root(node.args[0] if node.args else called) in outlives
        )
    return f"changes what outlives it: {ast.unparse(node)}" if changed else None


def _root(node: ast.AST) -> str | None:
    """Return the name that a chain of attributes and indices begins with."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None
