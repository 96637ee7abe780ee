"""The one place where a policy becomes machine code.

The engine calls a policy by pointer, with its parameters as a float vector, so that a new policy needs no
recompilation of the engine. A generated shim turns the vector back into the policy's NamedTuple and calls its
method; with the JIT off the shim is plain Python.
"""

import sys
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple, get_type_hints

import numba
import numpy as np
from meterstorm.policies.admission import Arrival, Verdict
from meterstorm.policies.compilable import MARKED
from meterstorm.policies.failover import Decision, Link
from meterstorm.policies.selection import Choice
from numba import types
from numba.core.caching import FunctionCache
from numba.core.ccallback import CFunc
from numba.extending import register_jitable
from numba.np.unsafe.ndarray import to_fixed_tuple

from .jit import cache_folder

BUILT_IN = Link.__module__.removesuffix("failover")  # what the modules of built-in policies begin with
VECTOR = types.Array(types.float64, 1, "C")


def record_type(cls: Any) -> Any:
    """Return the numba type of a NamedTuple whose fields are `int` or `float`."""
    numbers = {int: types.int64, float: types.float64}
    members = [numbers[hint] for hint in get_type_hints(cls).values()]
    if len(set(members)) == 1:
        return types.NamedUniTuple(members[0], len(members), cls)
    return types.NamedTuple(members, cls)


class Compiled(NamedTuple):
    """What the engine holds of a policy."""

    call: Any  # first-class function (numba CFunc), or a Python function with the JIT off
    parameters: Any  # float64, shape (max(1, number of parameters),)


SIGNATURES = {
    "failover": record_type(Decision)(VECTOR, record_type(Link), VECTOR, types.float64),
    "selection": types.int64(VECTOR, record_type(Choice), types.float64),
    "admission": record_type(Verdict)(VECTOR, record_type(Arrival), types.float64),
}


def compile_failover(policy: Any) -> Compiled:
    """Compile `policy.on_failure`; called as call(parameters, link, memory, u) -> Decision."""
    return _compiled(policy, _failover_shim, "on_failure", SIGNATURES["failover"])


def compile_selection(policy: Any) -> Compiled:
    """Compile `policy.next_server`; called as call(parameters, choice, u) -> int64."""
    return _compiled(policy, _plain_shim, "next_server", SIGNATURES["selection"])


def compile_admission(policy: Any) -> Compiled:
    """Compile `policy.on_request`; called as call(parameters, arrival, u) -> Verdict."""
    return _compiled(policy, _plain_shim, "on_request", SIGNATURES["admission"])


def _compiled(policy: Any, shim: Callable[..., Any], method: str, signature: Any) -> Compiled:
    parameters = np.array([*policy, 0.0][: max(1, len(policy))], dtype=np.float64)
    cls: Any = type(policy)
    return Compiled(_function(cls, shim, method, signature), parameters)


@cache
def _function(cls: Any, shim: Callable[..., Any], method: str, signature: Any) -> Any:
    _register_marked()
    try:
        function = shim(cls, getattr(cls, method), len(cls._fields))
        if numba.config.DISABLE_JIT:
            return function
        if cls.__module__.startswith(BUILT_IN):
            return _cached(function, f"{cls.__module__}.{cls.__qualname__}.{method}", signature)
        return numba.cfunc(signature)(function)
    except numba.core.errors.NumbaError as error:
        lines = [line.strip() for line in str(error).splitlines()]
        reason = next((line for line in lines if line and not line.startswith("Failed in nopython")), "")
        source = sys.modules[cls.__module__].__file__
        raise ValueError(
            f"{source}: {cls.__qualname__}.{method} cannot be compiled: {reason}\n"
            "A policy's method may use numbers, arithmetic, conditions, loops and its arguments' fields."
        ) from error


@cache
def _register(function: Callable[..., object]) -> None:
    register_jitable(function)


def _register_marked() -> None:
    """Let compiled code call what policies have marked: files of users may have added some."""
    for function in MARKED:
        _register(function)


class _Cache(FunctionCache):
    """Numba's cache, for a generated function: two shims differ only by the policy, which numba cannot tell."""

    def __init__(self, function: Any, name: str) -> None:
        self._policy = name
        super().__init__(function)

    def _index_key(self, sig: Any, codegen: Any) -> Any:
        return str(sig), codegen.magic_tuple(), self._policy


def _cached(function: Any, name: str, signature: Any) -> Any:
    """Compile a policy of this package, or load it: the folder of the cache changes whenever its source does.

    A user's policy may import what numba would not notice to have changed, so it is compiled anew.
    """
    compiled: Any = CFunc(function, (signature.args, signature.return_type), {}, {})
    with cache_folder():
        compiled._cache = _Cache(function, name)
    compiled.compile()
    return compiled


def _failover_shim(cls: Any, method: Any, size: int) -> Any:
    method = numba.njit(method, boundscheck=True)  # a user's policy must not reach beyond its memory
    if numba.config.DISABLE_JIT:
        return lambda parameters, link, memory, u: method(cls(*parameters[:size]), link, memory, u)
    if size == 0:
        return lambda parameters, link, memory, u: method(None, link, memory, u)
    return lambda parameters, link, memory, u: method(cls(*to_fixed_tuple(parameters, size)), link, memory, u)


def _plain_shim(cls: Any, method: Any, size: int) -> Any:
    method = numba.njit(method, boundscheck=True)  # a user's policy must not reach beyond its memory
    if numba.config.DISABLE_JIT:
        return lambda parameters, view, u: method(cls(*parameters[:size]), view, u)
    if size == 0:
        return lambda parameters, view, u: method(None, view, u)
    return lambda parameters, view, u: method(cls(*to_fixed_tuple(parameters, size)), view, u)
