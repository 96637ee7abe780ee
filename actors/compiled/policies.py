"""The one place where a policy becomes machine code.

The engine calls a policy by pointer, with its parameters as a float vector, so that a new policy needs no
recompilation of the engine. A generated shim turns the vector back into the policy's NamedTuple and calls its
method; with the JIT off the shim is plain Python.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple, get_type_hints

import numba
import numpy as np
from meterstorm.policies import admission, errors, selection, wrapping
from meterstorm.policies.admission import AT_DEQUEUE, DEQUEUED, Arrival, Verdict
from meterstorm.policies.compilable import MARKED
from meterstorm.policies.denial import Denied
from meterstorm.policies.failback import Place, Plan
from meterstorm.policies.failover import ON_FAILURE, Decision, Link
from meterstorm.policies.registry import METHOD
from meterstorm.policies.selection import ANSWERED, ON_ANSWER, Choice
from numba import types
from numba.core.caching import FunctionCache
from numba.core.ccallback import CFunc
from numba.extending import register_jitable
from numba.np.unsafe.ndarray import to_fixed_tuple

from . import questions
from .jit import cache_folder, linked
from .kept import keep_apart
from .loops import BoundedLoops, Unmarked
from .raising import exceptions_kept
from .time_limit import NoAnswer, answer_in_time

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
    policy: Any  # as it is in plain Python


SIGNATURES = {
    "failover": record_type(Decision)(VECTOR, record_type(Link), VECTOR, types.float64),
    "failback": record_type(Plan)(VECTOR, record_type(Place), types.float64),
    "selection": types.int64(VECTOR, record_type(Choice), VECTOR, types.float64),
    "admission": record_type(Verdict)(VECTOR, record_type(Arrival), VECTOR, types.float64),
    "denial": record_type(Decision)(VECTOR, record_type(Denied), types.float64),
}


def compile_policy(kind: str, policy: Any) -> Compiled:
    """Compile what a policy of a kind in SIGNATURES answers with; raises PolicyError where that cannot be.

    Called as call(parameters, view, memory, u) for kinds with a memory, and as call(parameters, view, u) for
    others.
    """
    cls: Any = type(policy)
    parameters = np.array([*policy, 0.0][: max(1, len(policy))], dtype=np.float64)
    if not errors.is_own(cls):
        return Compiled(_function(cls, kind), parameters, policy)
    try:
        return Compiled(_function(cls, kind), parameters, policy)
    except Unmarked as error:
        raise errors.uncompilable(cls, METHOD[kind], error, None) from error
    except Exception as error:  # of numba, of llvmlite, or of Python where those find no words
        raise errors.uncompilable(cls, METHOD[kind], error, questions.plain_failure(kind, policy)) from error


def ask(kind: str, compiled: Compiled, view: Any, memory: Any, u: float) -> Any:
    """Ask a compiled policy from Python, as the engine does; raises what it raises."""
    question = (view, memory, u) if kind in questions.REMEMBERING else (view, u)
    with exceptions_kept(lambda: None) as kept:
        answer = _caller(len(question))(compiled.call, compiled.parameters, *question)
    if kept:
        raise kept[0]
    return answer


@cache
def _caller(arguments: int) -> Any:
    if arguments == 3:
        return numba.njit(lambda call, parameters, view, memory, u: call(parameters, view, memory, u))
    return numba.njit(lambda call, parameters, view, u: call(parameters, view, u))


@cache
def _function(cls: Any, kind: str) -> Any:
    if numba.config.DISABLE_JIT:
        return _plain(cls, kind)
    _register_marked()
    shim = _shim(cls, kind)
    if errors.is_own(cls):
        return numba.cfunc(SIGNATURES[kind])(_recorded(shim, kind, len(cls._fields)))
    return _cached(shim, f"{_identity(cls)}.{METHOD[kind]}", SIGNATURES[kind])


def _identity(cls: Any) -> str:
    """Return the key that distinguishes compiled policies: their classes, and where each one's memory is."""
    layers = wrapping.layers_of(cls)
    return " ".join(f"{n.cls.__module__}.{n.cls.__qualname__}:{n.memory_first}:{n.memory_end}" for n in layers)


@cache
def _register(function: Callable[..., object]) -> None:
    if errors.is_own(function):
        register_jitable(boundscheck=True, pipeline_class=BoundedLoops)(function)
    else:
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
        keep_apart(self)

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


def _shim(cls: Any, kind: str) -> Any:
    """Return a function that turns a vector of parameters back into a policy and asks it."""
    if kind == "failover":
        layers = wrapping.layers_of(cls)
        hooks = wrapping.composed(layers, _bound, linked)
        if wrapping.hooks_of(layers):
            return wrapping.answering(hooks)
        failure = hooks[ON_FAILURE]
        return lambda parameters, link, memory, u: failure(parameters, link, memory, u)  # noqa: PLW0108 -- numba caches plain functions only
    if kind == "admission":
        return _admission(cls)
    if kind == "selection":
        return _selection(cls)
    method, size = _method(cls, getattr(cls, METHOD[kind])), len(cls._fields)
    if size == 0:
        return lambda parameters, view, u: method(None, view, u)
    return lambda parameters, view, u: method(cls(*to_fixed_tuple(parameters, size)), view, u)


def _admission(cls: Any) -> Any:
    """Return what asks an admission policy: about a request that has arrived, or whose service would begin."""
    arrives = _asked(cls, METHOD["admission"], admission.takes_memory(cls.on_request))
    if not admission.asks_at_dequeue(cls):
        return lambda parameters, arrival, memory, u: arrives(parameters, arrival, memory, u)  # noqa: PLW0108 -- likewise
    begins = _asked(cls, AT_DEQUEUE, admission.takes_memory(cls.at_dequeue))

    def ask(parameters: Any, arrival: Any, memory: Any, u: Any) -> Any:
        if arrival.kind == DEQUEUED:
            return begins(parameters, arrival, memory, u)
        return arrives(parameters, arrival, memory, u)

    return ask


def _selection(cls: Any) -> Any:
    """Return what asks a selection policy: for another server, or about an answer that has come."""
    is_told = selection.is_told(cls)
    names = _asked(cls, METHOD["selection"], is_told)
    if not is_told:
        return lambda parameters, choice, memory, u: names(parameters, choice, memory, u)  # noqa: PLW0108 -- likewise
    hears = _asked(cls, ON_ANSWER, is_told)

    def ask(parameters: Any, choice: Any, memory: Any, u: Any) -> Any:
        if choice.kind == ANSWERED:
            hears(parameters, choice, memory, u)
            return 0
        return names(parameters, choice, memory, u)

    return ask


def _asked(cls: Any, name: str, takes_memory: bool) -> Any:
    """Return what asks a method of an admission or a selection policy, with the memory if it takes that."""
    method, own = _method(cls, getattr(cls, name)), _own(cls, 0)
    if takes_memory:
        return linked(lambda parameters, view, memory, u: method(own(parameters), view, memory, u))
    return linked(lambda parameters, view, memory, u: method(own(parameters), view, u))


def _own(cls: Any, first: int) -> Any:
    """Return what makes a policy of its parameters, which begin at `first`."""
    size = len(cls._fields)
    if size == 0:
        return linked(lambda parameters: None)
    last = first + size
    return linked(lambda parameters: cls(*to_fixed_tuple(parameters[first:last], size)))


def _method(cls: Any, function: Any) -> Any:
    """Compile a method of a policy."""
    if errors.is_own(cls):  # which may reach beyond its memory, or never end
        return numba.njit(function, boundscheck=True, pipeline_class=BoundedLoops)
    return linked(function)


def _bound(layer: wrapping.Layer, function: Any, takes_decision: bool) -> Any:
    """Return what asks a layer of a failover policy: see `wrapping.composed`."""
    method, own = _method(layer.cls, function), _own(layer.cls, layer.first)
    start, end, turn = layer.memory_first, layer.memory_end, layer.turn

    def ask_innermost(parameters: Any, link: Any, memory: Any, u: Any) -> Any:
        return method(own(parameters), link, memory[:end], u)

    def ask(parameters: Any, link: Any, memory: Any, u: Any) -> Any:
        return method(own(parameters), link, memory[start:end], (u * turn) % 1.0)

    def ask_about(parameters: Any, link: Any, memory: Any, u: Any, decision: Any) -> Any:
        return method(own(parameters), link, memory[start:end], (u * turn) % 1.0, decision)

    return linked(ask_innermost if layer.depth == 0 else ask_about if takes_decision else ask)


def _recorded(shim: Any, kind: str, size: int) -> Any:
    """Return a shim that also writes down what it is asked: `questions.py`."""
    record, ask = questions.recorder(kind, size), linked(shim)

    def with_memory(parameters: Any, view: Any, memory: Any, u: Any) -> Any:
        record(parameters, view, memory, u)
        return ask(parameters, view, memory, u)

    def of_others(parameters: Any, view: Any, u: Any) -> Any:
        record(parameters, view, u)
        return ask(parameters, view, u)

    return with_memory if kind in questions.REMEMBERING else of_others


def _plain(cls: Any, kind: str) -> Any:
    """Return what the engine calls with the JIT off."""
    size = len(cls._fields)
    if not errors.is_own(cls):
        return lambda parameters, *question: questions.answer(kind, cls(*parameters[:size]), *question)
    record = questions.recorder(kind, size)

    def ask(parameters: Any, *question: Any) -> Any:
        record(parameters, *question)
        try:
            with answer_in_time():
                return questions.answer(kind, cls(*parameters[:size]), *question)
        except (Exception, SystemExit, NoAnswer) as error:
            raise errors.raised(kind, cls, questions.method_of(kind, question[0]), error) from error

    return ask
