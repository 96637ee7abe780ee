"""The last question to a user's own policy, kept so that plain Python can replay it and show why it failed.

For most exceptions compiled code reports no line. So the engine's table of a policy's parameters has extra room at
the end, where the compiled policy writes what it was asked: the fields of its view, `u`, and its memory.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, get_type_hints

import numba
import numpy as np
from meterstorm.policies import admission, selection, wrapping
from meterstorm.policies.admission import AT_DEQUEUE, DEQUEUED, Arrival
from meterstorm.policies.denial import Denied
from meterstorm.policies.failback import Place
from meterstorm.policies.failover import HOOKS, TIMED_OUT, Link
from meterstorm.policies.registry import METHOD
from meterstorm.policies.selection import ANSWERED, ON_ANSWER, Choice

from .time_limit import NoAnswer, answer_in_time

# Methods besides that of the kind, by what a question is about.
OTHERS: dict[str, dict[int, str]] = {
    "failover": HOOKS,
    "selection": {ANSWERED: ON_ANSWER},
    "admission": {DEQUEUED: AT_DEQUEUE},
}
# A question of each kind that any policy should be able to answer.
ORDINARY: dict[str, Any] = {
    "failover": Link(0.0, TIMED_OUT, 0.0, 1, 1, 0, 2, 1),
    "failback": Place(0.0, 0, 1, 0, 2, 0),
    "selection": Choice(0, 0, 0, 0, 2),
    "admission": Arrival(0.0, 0, 0, 1),
    "denial": Denied(0.0, 0.0, 1.0, 1, 1, 2, 0),
}
REMEMBERING = ("failover", "selection", "admission")  # kinds of policies that have a memory
VIEWS: dict[str, Any] = {kind: type(view) for kind, view in ORDINARY.items()}


def with_room(parameters: Any, kind: str, memory_size: int) -> Any:
    """Return a policy's parameters with room for a question behind them."""
    return np.append(parameters, np.zeros(len(VIEWS[kind]._fields) + 1 + memory_size))


def last(kind: str, table: Any, size: int) -> tuple[Any, Any, float]:
    """Return the view, the memory and `u` of the last question to a policy with `size` parameters."""
    hints = get_type_hints(VIEWS[kind]).values()
    end = _start(size) + len(hints)
    numbers = table[_start(size) : end].tolist()
    view = VIEWS[kind](*(hint(number) for hint, number in zip(hints, numbers, strict=True)))
    return view, table[end + 1 :].copy(), float(table[end])


def ask_again(kind: str, policy: Any, table: Any) -> Any:
    """Ask a policy the last question again, in plain Python; raises what it raises."""
    return ask(kind, policy, *last(kind, table, len(policy)))


def plain_failure(kind: str, policy: Any) -> BaseException | None:
    """Return what a policy raises in plain Python at an ordinary question, if it does."""
    view = ORDINARY[kind]
    hooks = [view._replace(kind=what) for what, hook in OTHERS.get(kind, {}).items() if hasattr(policy, hook)]
    for question in (view, *hooks):
        try:
            ask(kind, policy, question, np.zeros(memory_size(kind, policy, question)), 0.5)
        except (Exception, SystemExit, NoAnswer) as error:
            return error
    return None


def memory_size(kind: str, policy: Any, view: Any) -> int:
    """Return how many numbers a policy remembers, as it is asked about a view."""
    if kind == "selection":
        return selection.memory_size(policy, view.servers)
    return int(getattr(policy, "memory_size", 0))


def ask(kind: str, policy: Any, view: Any, memory: Any, u: float) -> Any:
    """Ask a policy in plain Python; raises what it raises, and NoAnswer."""
    with answer_in_time():
        return answer(kind, policy, *((view, memory, u) if kind in REMEMBERING else (view, u)))


def answer(kind: str, policy: Any, view: Any, *others: Any) -> Any:
    """Return what a policy answers in plain Python, to a question of any of its hooks."""
    if kind == "failover":
        cls: Any = type(policy)
        return wrapping.plain(cls)(policy, view, *others)
    if kind == "admission":
        return admission.ask(policy, view, *others)
    if kind == "selection":
        return selection.ask(policy, view, *others)
    return getattr(policy, METHOD[kind])(view, *others)


def method_of(kind: str, view: Any) -> str:
    """Return the name of the method that is asked such a question."""
    return OTHERS[kind].get(view.kind, METHOD[kind]) if kind in OTHERS else METHOD[kind]


@cache
def recorder(kind: str, size: int) -> Callable[..., None]:
    """Return a function that writes a question behind `size` parameters, where there is room."""
    start, names = _start(size), VIEWS[kind]._fields
    lines = [f"table[{start + k}] = view.{name}" for k, name in enumerate(names)]
    lines.append(f"table[{start + len(names)}] = u")
    memory = kind in REMEMBERING
    if memory:
        lines.append(f"table[{start + len(names) + 1} :] = memory")
    code = f"def record(table, view, {'memory, ' if memory else ''}u):\n    if table.size > {start}:\n"
    made: dict[str, Any] = {}
    exec(code + "".join(f"        {line}\n" for line in lines), made)
    return numba.njit(made["record"])


def _start(size: int) -> int:
    return max(1, size)  # a policy without parameters has one that means nothing
