"""The compiler's flags, in one alias, and where compiled code is kept.

`jit` is numba's `njit` with this project's flags. With NUMBA_DISABLE_JIT=1 it leaves functions as they are, so
that a reader can step through a handler.

Compiled code is cached in a folder named by a hash of these sources: numba looks only at the file of the
function itself, so a change in a function that it calls would go unnoticed.
"""

import hashlib
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba import types

F = TypeVar("F", bound=Callable[..., object])

JIT_DISABLED = bool(numba.config.DISABLE_JIT)


def _cache_folder() -> Path:
    base = os.environ.get("NUMBA_CACHE_DIR")
    if base is None:
        base = str(Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "meterstorm")
    here = Path(__file__).parent
    sources = sorted([*here.glob("*.py"), *(here.parent / "policies").glob("*.py")])
    text = b"".join(path.read_bytes() for path in sources)
    return Path(base) / hashlib.sha256(text).hexdigest()[:16]


CACHE_FOLDER = _cache_folder()
_one_at_a_time = threading.Lock()


def forget_old_code(kept: int = 8) -> None:
    """Remove the compiled code of all but the `kept` latest versions of these sources: 15 MB each."""
    folders = [path for path in CACHE_FOLDER.parent.glob("[0-9a-f]" * 16) if any(path.glob("actors_*"))]
    for folder in sorted(folders, key=lambda path: path.stat().st_mtime)[:-kept]:
        shutil.rmtree(folder, ignore_errors=True)


def _widened(argument: Any) -> Any:
    """Return the type that a function of the engine takes for an argument: signed integers as int64."""
    argument = types.unliteral(argument)
    return types.int64 if isinstance(argument, types.Integer) and argument.signed else argument


def _specialize_once(dispatcher: Any) -> None:
    """Let callers pass integers of any width and literals to one compiled version.

    Numba compiles a function anew for each width and each literal of its arguments: 285 versions of the
    engine's functions instead of 150, at a quarter of a second each.
    """
    select = dispatcher.get_call_template
    dispatcher.get_call_template = lambda args, kws: select(tuple(map(_widened, args)), kws)


def jit(function: F) -> F:
    """Compile a function of the engine, with the compiled code cached."""
    return _compiled(function, is_inlined=False)


def inlined(function: F) -> F:
    """As `jit`, but compiled into each function that calls it: for what is short, or called in one busy place."""
    return _compiled(function, is_inlined=True)


def direct(function: F, *arguments: Any) -> F:
    """Call a compiled function; return its version for such arguments, which numba else looks up at each call."""
    function(*arguments)
    return function if JIT_DISABLED else function.get_overload(function.signatures[0])  # type: ignore[attr-defined]


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
    with cache_folder():
        compiled: F = numba.njit(cache=True, error_model="numpy", nogil=True, forceinline=is_inlined)(function)
    if not JIT_DISABLED:
        _specialize_once(compiled)
    return compiled
