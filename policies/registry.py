"""Policies by name: the built-in ones, and a user's own from a file (`path/to/mine.py:MyPolicy`)."""

import difflib
import hashlib
import importlib.util
import math
import re
import sys
from collections.abc import Mapping
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from . import (
    admission,
    balancing,
    denial,
    errors,
    failback,
    failover,
    leases,
    libraries,
    limits,
    managers,
    purity,
    selection,
    sms2,
    sources,
    wants,
    wrappers,
    wrapping,
)
from .failover import HOOKS, ON_FAILURE
from .wrapping import MEMORY_MAX

PARAMETER = r"\w[\w.\[\]]*: "  # how an error begins that names one

BUILT_IN: dict[str, dict[str, Any]] = {
    "failover": failover.POLICIES | sms2.POLICIES | managers.POLICIES | leases.POLICIES | libraries.POLICIES,
    "failback": failback.POLICIES,
    "selection": selection.POLICIES,
    "admission": admission.POLICIES | limits.POLICIES,
    "denial": denial.POLICIES,
    "balancing": balancing.POLICIES | wants.POLICIES,
    "intersite": balancing.INTERSITE,
}

WRAPPER = "wrapper"  # a kind by its name only: what a failover policy may be within
WRAPPER_ARGUMENTS = 5  # of its on_failure: self, link, memory, u and the decision
ALL = BUILT_IN | {WRAPPER: wrappers.POLICIES}
WITHIN = "within"  # the parameter of a failover policy that lists its wrappers, the innermost first

METHOD = {
    "failover": "on_failure",
    "failback": "plan",
    "selection": "next_server",
    "admission": "on_request",
    "denial": "on_denial",
    "balancing": "targets",
    "intersite": "targets",
}


def resolve(kind: str, name: str, parameters: Mapping[str, Any]) -> Any:
    """Return the policy `name` of a kind (a key of `BUILT_IN`) with its parameters set, within its wrappers.

    Raises ValueError with a finished message when there is no such policy, a parameter is unknown, or a
    value is impossible.
    """
    if kind != "failover" or WITHIN not in parameters:
        return _resolve(kind, name, parameters)
    own = {key: value for key, value in parameters.items() if key != WITHIN}
    policy = wrapping.wrap(_resolve(kind, name, own), _wrappers(parameters[WITHIN]))
    _check_memory(getattr(policy, "memory_size", 0))
    return policy


def _wrappers(tables: Any) -> list[Any]:
    """Return the wrappers that a list of tables names."""
    allowed = 'a list of tables { name = "..." }'
    if not isinstance(tables, list | tuple):
        raise ValueError(f"{WITHIN}: {tables!r} is not allowed; it must be {allowed}")
    found = []
    for k, table in enumerate(tables):
        if not isinstance(table, Mapping) or not isinstance(table.get("name"), str):
            raise ValueError(f"{WITHIN}[{k}]: {table!r} is not allowed; it must be one of {allowed}")
        try:
            given = {key: value for key, value in table.items() if key != "name"}
            found.append(_resolve(WRAPPER, table["name"], given))
        except errors.PolicyError:
            raise
        except ValueError as error:
            raise ValueError(joined(f"{WITHIN}[{k}]", error)) from error
    return found


def joined(path: str, error: ValueError) -> str:
    """Return an error of what is at a path: one that names a parameter continues the path."""
    return f"{path}{'.' if re.match(PARAMETER, str(error)) else ': '}{error}"


def _resolve(kind: str, name: str, parameters: Mapping[str, Any]) -> Any:
    cls = class_of(kind, name)
    fields: tuple[str, ...] = cls._fields
    for key, value in parameters.items():
        if key not in fields:
            takes = f"it takes {', '.join(fields)}" if fields else "it takes no parameters"
            raise ValueError(f"{key}: unknown parameter of {kind} policy {name!r}; {takes}")
        _check_number(key, value)
    for key, value in cls._field_defaults.items():
        if key not in parameters:
            _check_number(f"{key} (the default)", value)
    missing = [f for f in fields if f not in parameters and f not in cls._field_defaults]
    if missing:
        raise ValueError(f"{kind} policy {name!r} needs {', '.join(missing)}")
    try:
        policy = cls(**{key: float(value) for key, value in parameters.items()})
        _check(kind, name, policy)
    except ValueError:
        raise
    except (Exception, SystemExit) as error:
        raise errors.raised(kind, cls, "check", error) from error
    return policy


def _check(kind: str, name: str, policy: Any) -> None:
    """Check what a policy says of itself; raises ValueError, or whatever the policy raises."""
    if kind == "denial":
        _check_number("servers", getattr(policy, "servers", 1))
        _check_number("asked_before", getattr(policy, "asked_before", 0))
        denial.check_number("asked_before", getattr(policy, "asked_before", 0))
    if kind == "admission":
        _check_number("lifo_after_s", getattr(policy, "lifo_after_s", 0.0))
    if kind == "selection":
        _check_memory_per_server(name, policy)
    if METHOD.get(kind) == "targets":
        if not hasattr(policy, "interval_s"):
            raise ValueError(f"{kind} policy {name!r} needs a field interval_s")
        _check_number("interval_s", policy.interval_s)
        if policy.interval_s != 0:  # else it never acts by time
            balancing.check_interval(policy.interval_s)
        _check_shortage_gap(kind, policy.interval_s, getattr(policy, "shortage_gap_s", 0.0))
        _check_shortage_share(policy)
        _check_takeover(kind, policy)
    if hasattr(policy, "check"):
        policy.check()
    _check_memory(getattr(policy, "memory_size", 0))  # which may follow from parameters


def _check_shortage_gap(kind: str, interval_s: float, gap_s: Any) -> None:
    _check_number("shortage_gap_s", gap_s)
    most_s = 0.0 if kind == "intersite" else interval_s or balancing.INTERVAL_MAX_S
    if gap_s > most_s or 0 < gap_s < balancing.INTERVAL_MIN_S:
        reason = "between sites" if kind == "intersite" else f"while interval_s = {interval_s:g}"
        allowed = f"0 or >= {balancing.INTERVAL_MIN_S:g} and <= {most_s:g}" if most_s else "0"
        raise ValueError(f"shortage_gap_s: {gap_s} is not allowed; it must be {allowed} {reason}")


def _check_shortage_share(policy: Any) -> None:
    share = getattr(policy, "shortage_share", 0.0)
    _check_number("shortage_share", share)
    if not (share == 0 or 1 / balancing.MILLION <= share <= 1):
        allowed = f"0 or >= {1 / balancing.MILLION:g} and <= 1"
        raise ValueError(f"shortage_share: {share} is not allowed; it must be {allowed}")
    if share > 0 and balancing.shortage_gap_s(policy) == 0:
        raise ValueError(f"shortage_gap_s: 0.0 is not allowed; it must be > 0 while shortage_share = {share:g}")


def _check_takeover(kind: str, policy: Any) -> None:
    says = getattr(policy, "takes_over", False)
    if not isinstance(says, bool):
        raise ValueError(f"takes_over: {says!r} is not allowed; it must be True or False")
    if not says:
        return
    if kind == "intersite":
        raise ValueError("takes_over: True is not allowed; it must be False between sites")
    if getattr(policy, "keeps_until_ack", False):
        raise ValueError("takes_over: True is not allowed; it must be False while keeps_until_ack is True")
    if getattr(policy, "is_shared", False):
        raise ValueError("takes_over: True is not allowed; it must be False while is_shared is True")


def _check_memory_per_server(name: str, policy: Any) -> None:
    size = getattr(policy, "memory_per_server", 0)
    _check_memory(size, "memory_per_server")
    takes = selection.takes_memory(type(policy).next_server)
    if not (size > 0) == takes == selection.is_told(type(policy)):
        raise ValueError(
            f"selection policy {name!r} that remembers needs all of memory_per_server > 0, "
            "next_server(self, choice, memory, u) and on_answer(self, choice, memory, u)"
        )


def _check_memory(size: object, key: str = "memory_size") -> None:
    _check_number(key, size)
    if not (isinstance(size, int) and size <= MEMORY_MAX):
        raise ValueError(f"{key}: {size!r} is not allowed; it must be a whole number from 0 to {MEMORY_MAX}")


def _check_number(key: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value) or value < 0:
        raise ValueError(f"{key}: {value!r} is not allowed; it must be a number >= 0")


def class_of(kind: str, name: str) -> Any:
    """Return the class of a policy of a kind (a key of `ALL`); raises ValueError where there is none."""
    return _from_file(kind, name) if ":" in name else _built_in(kind, name)


def _built_in(kind: str, name: str) -> Any:
    known = ALL[kind]
    if name in known:
        return known[name]
    close = difflib.get_close_matches(name, known, n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    raise ValueError(f"no {kind} policy {name!r}; allowed: {', '.join(known)}, or your own as FILE.py:CLASS{hint}")


def kind_of(name: str) -> str:
    """Return the kind of a user's policy, FILE.py:CLASS, by its method; raises ValueError as `resolve` does."""
    cls = _class_in_file(name)
    if _is_wrapper(cls):
        return WRAPPER
    for kind, method in METHOD.items():
        if callable(getattr(cls, method, None)):
            return kind
    raise ValueError(f"{name!r}: a policy needs one of the methods {', '.join(dict.fromkeys(METHOD.values()))}")


def _from_file(kind: str, name: str) -> Any:
    cls = _class_in_file(name)
    if kind == WRAPPER and not _is_wrapper(cls):
        raise ValueError(
            f"{name!r}: a wrapper has a method on_failure(self, link, memory, u, decision), or none of that name "
            f"and at least one of {', '.join(HOOKS.values())}"
        )
    if kind != WRAPPER and (not callable(getattr(cls, METHOD[kind], None)) or _is_wrapper(cls)):
        is_wrapper = " (this one is a wrapper)" if _is_wrapper(cls) else ""
        raise ValueError(f"{name!r}: a {kind} policy needs a method {METHOD[kind]}{is_wrapper}")
    purity.check(cls)
    return cls


def _is_wrapper(cls: Any) -> bool:
    """Whether a class is a wrapper: it is given a decision about failures, or is not asked about them."""
    if not hasattr(cls, ON_FAILURE):
        return not hasattr(cls, METHOD["denial"]) and any(hasattr(cls, hook) for hook in HOOKS.values())
    code = getattr(cls.on_failure, "__code__", None)
    return code is not None and code.co_argcount == WRAPPER_ARGUMENTS


def _class_in_file(name: str) -> Any:
    path_text, _, class_name = name.rpartition(":")
    if not path_text.endswith(".py"):
        raise ValueError(f"{name!r}: {path_text!r} is not a .py file; a policy of your own is FILE.py:CLASS")
    path = Path(path_text).expanduser()
    if not sources.is_there(path):
        raise ValueError(f"{name!r}: there is no file {str(path)!r}")
    cls = getattr(module_of(path), class_name, None)
    if cls is None:
        raise ValueError(f"{name!r}: {path} defines no {class_name}")
    if not (isinstance(cls, type) and issubclass(cls, tuple) and hasattr(cls, "_fields")):
        raise ValueError(f"{name!r}: {class_name} must be a typing.NamedTuple whose fields are its parameters")
    return cls


class _SourceLoader(SourceFileLoader):
    """Loads a file as it was when it was first met: `sources.py`. A cache of bytecode would know only its size
    and the second of its last change.
    """

    def get_data(self, path: str) -> bytes:
        """Return the file's text."""
        return sources.meet(Path(path))

    def get_code(self, fullname: str) -> CodeType:
        """Compile the file."""
        return self.source_to_code(self.get_data(self.path), self.path)


def module_of(path: Path) -> ModuleType:
    """Import a user's file once, under a name of its own; raises ValueError if it cannot be."""
    path = path.expanduser().resolve()
    name = f"meterstorm_user_{hashlib.sha256(str(path).encode()).hexdigest()[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path, loader=_SourceLoader(name, str(path)))
    if spec is None or spec.loader is None:
        raise ValueError(f"{str(path)!r} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        sources.forget(path)
        raise ValueError(f"{str(path)!r} cannot be imported: {type(error).__name__}: {error}") from error
    return module
