"""The compiler's flags, in one alias.

`jit` is numba's `njit` with this project's flags. With NUMBA_DISABLE_JIT=1 it leaves functions as they are, so
that a reader can step through a handler.

By default numba makes machine code of every function, wraps it for Python, and keeps it. But most of ours are
called only by compiled functions, which link them in. They are compiled just for linking, which saves a third of
the time.

Compiled code is kept; `cache.py` has the folder.
"""

import itertools
import os
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

import numba
from numba import types
from numba.core.bytecode import FunctionIdentity
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import AnalysisPass, register_pass
from numba.core.typed_passes import NativeLowering

from .cache import CACHE_FOLDER
from .kept import keep_apart

F = TypeVar("F", bound=Callable[..., object])

JIT_DISABLED = bool(numba.config.DISABLE_JIT)


_one_at_a_time = threading.Lock()


def _number_apart() -> None:
    """Have functions that are compiled here get numbers that no other process has given.

    Numba numbers functions so that the linker can tell those of one name apart, but from one on in each process.
    Code from the cache was numbered by another one. Of two with the same name and number the linker takes the one
    that it saw first, for both: a policy would answer as another one.
    """
    FunctionIdentity._unique_ids = itertools.count(secrets.randbits(62))


_number_apart()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_number_apart)


class _LinkedLibrary(JITCodeLibrary):
    """Code to be linked into that of its callers, which becomes no machine code by itself.

    It is optimized first, unless it is to be compiled into each caller: then only with that one.
    """

    is_inlined = False

    def _optimize_final_module(self) -> None:
        if not self.is_inlined:
            super()._optimize_final_module()

    def _finalize_final_module(self) -> None:
        self._finalized = True


@register_pass(mutates_CFG=False, analysis_only=True)
class _Registration(AnalysisPass):
    """Register the code under a stand-in object, since there is no machine code to point to."""

    _name = "registration"

    def __init__(self) -> None:
        super().__init__()

    def run_pass(self, state: Any) -> bool:
        stand_in = list[Any]().append  # numba wants a built-in function, and each its own
        state.targetctx.insert_user_function(stand_in, state.cr.fndesc, [state.library])
        state.cr = state.cr._replace(cfunc=stand_in)
        return True


class _LinkedCompiler(CompilerBase):
    """Compiles a function for those compiled functions that call it."""

    def define_pipelines(self) -> list[Any]:
        state = self.state
        state.flags.no_compile = True
        state.library = _LinkedLibrary(state.targetctx.codegen(), state.func_id.func_qualname)
        state.library.is_inlined = state.flags.forceinline
        passes = DefaultPassBuilder.define_nopython_pipeline(state)
        passes.add_pass_after(_Registration, NativeLowering)
        passes.finalize()
        return [passes]


def _widened(argument: Any) -> Any:
    """Return the type that a function of the engine takes for an argument: signed integers as int64."""
    argument = types.unliteral(argument)
    return types.int64 if isinstance(argument, types.Integer) and argument.signed else argument


def _call_linked(dispatcher: Any, linked: Callable[[], Any]) -> None:
    """Have compiled functions that name a function call its linked version, whereas Python calls the other.

    One version takes integers of any width and literals. Numba compiles a function anew for each width and each
    literal of its arguments: 285 versions of the engine's functions instead of 150.
    """

    def get_call_template(args: Any, kws: Any) -> Any:
        named = {name: _widened(argument) for name, argument in dict(kws).items()}
        return linked().get_call_template(tuple(map(_widened, args)), named)

    dispatcher.get_call_template = get_call_template
    dispatcher.get_overload = lambda sig: linked().get_overload(sig)


def jit(function: F) -> F:
    """Compile a function of the engine, with the compiled code cached."""
    return _compiled(function, is_inlined=False)


def inlined(function: F) -> F:
    """As `jit`, but compiled into each function that calls it: for what is short, or called in one busy place."""
    return _compiled(function, is_inlined=True)


def direct(function: F, *arguments: Any) -> F:
    """Call a compiled function; return its version for such arguments, which numba else looks up at each call."""
    function(*arguments)
    if JIT_DISABLED:
        return function
    version = function.overloads[tuple(map(numba.typeof, arguments))]  # type: ignore[attr-defined]
    return version.entry_point


@contextmanager
def cache_folder() -> Iterator[None]:
    """Have numba keep in CACHE_FOLDER what is declared here."""
    with _one_at_a_time:  # numba's setting is the process's: another thread would find it changed half-way
        before = numba.config.CACHE_DIR
        numba.config.CACHE_DIR = str(CACHE_FOLDER)
        try:
            yield
        finally:
            numba.config.CACHE_DIR = before


def _compiled(function: F, is_inlined: bool) -> F:
    """Compile a function when it is called: to machine code by Python, for linking by compiled code."""
    flags = {"error_model": "numpy", "nogil": True, "forceinline": is_inlined}
    with cache_folder():
        compiled: F = numba.njit(cache=True, **flags)(function)
    if not JIT_DISABLED:
        keep_apart(compiled._cache)  # type: ignore[attr-defined]
        _call_linked(compiled, cache(lambda: linked(function, **flags)))
    return compiled


def linked(function: F, **flags: Any) -> F:
    """Compile a function for those compiled functions that call it, and no further."""
    bare = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True, "pipeline_class": _LinkedCompiler}
    return numba.njit(**bare, **flags)(function)
