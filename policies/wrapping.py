"""A failover policy within wrappers, as one policy: its hooks, and the order in which they are asked.

A wrapper is a NamedTuple with some of the hooks of a failover policy; its `on_failure(self, link, memory, u,
decision)` gets what was decided within it, and answers with that or with something else. The policy and its
wrappers are *layers*, from the inside out. Each has parameters, a memory and a random number of its own.

- `before_request` is asked from the outside in: the first answer other than `send()` counts, and layers further in
  are not asked.
- `on_failure` is asked from the inside out.
- `on_success` and `on_denial` are told to all, from the inside out. A layer without an `on_denial` hears of a
  denial as of any good answer. A policy without either forgets then; a wrapper never does unless it says so.
"""

from collections import namedtuple
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

from .failover import BEFORE_REQUEST, DENIED, HOOKS, ON_FAILURE, SEND, SERVED, Decision

Ask = Callable[..., Any]  # (parameters, link, memory, u)
MEMORY_MAX = 1024  # numbers that a failover policy may keep for each client
TURN = 1048583.0  # an odd factor: what is left of u times it is uniform again, in steps of 2^-32, and not alike


class Layer(NamedTuple):
    """A policy or a wrapper, and where its numbers are among those of all."""

    cls: Any
    first: int  # of its parameters
    memory_first: int
    memory_end: int
    depth: int  # 0: the policy itself

    @property
    def turn(self) -> float:
        """What `u` is multiplied by for this layer; its fractional part counts."""
        return TURN + 2.0 * self.depth if self.depth else 1.0


def layers_of(cls: Any) -> tuple[Layer, ...]:
    """Return the layers of a class of policies, from the inside out; most have one, with all the memory."""
    layers: tuple[Layer, ...] = getattr(cls, "layers", (Layer(cls, 0, 0, MEMORY_MAX, 0),))
    return layers


def wrap(policy: Any, wrappers: Sequence[Any]) -> Any:
    """Return a policy within wrappers as one policy; the first wrapper is the innermost."""
    if not wrappers:
        return policy
    parts = [policy, *wrappers]
    sizes = [int(getattr(part, "memory_size", 0)) for part in parts]
    cls = _class_of(tuple(type(part) for part in parts), tuple(sizes))
    return cls(*(number for part in parts for number in part))


@cache
def _class_of(classes: tuple[Any, ...], memory_sizes: tuple[int, ...]) -> Any:
    firsts = [sum(len(cls._fields) for cls in classes[:k]) for k in range(len(classes))]
    memory_firsts = [sum(memory_sizes[:k]) for k in range(len(classes))]
    layers = tuple(
        Layer(cls, first, start, start + size, depth)
        for depth, (cls, first, start, size) in enumerate(
            zip(classes, firsts, memory_firsts, memory_sizes, strict=True)
        )
    )
    fields = [f"{field}_{depth}" if depth else field for depth, cls in enumerate(classes) for field in cls._fields]
    members: dict[str, Any] = {"layers": layers, "memory_size": sum(memory_sizes)}
    members |= {hook: _method(hook) for hook in (ON_FAILURE, *hooks_of(layers))}
    name = " within ".join(cls.__qualname__ for cls in classes)
    return type(name, (namedtuple("Wrapped", fields),), members | {"__module__": __name__})


def _method(hook: str) -> Any:
    def method(self: Any, link: Any, memory: Any, u: float) -> Any:
        cls: Any = type(self)
        return plain_hooks(cls)[hook](self, link, memory, u)

    return method


def hooks_of(layers: Sequence[Layer]) -> set[str]:
    """Return which hooks besides `on_failure` a policy of such layers has."""
    own = {hook for hook in HOOKS.values() for layer in layers if hasattr(layer.cls, hook)}
    keeps = len(layers) > 1  # else a good answer would take a wrapper's memory, too
    return own | ({HOOKS[SERVED], HOOKS[DENIED]} if keeps or own - {HOOKS[BEFORE_REQUEST]} else set())


@cache
def plain_hooks(cls: Any) -> dict[str, Ask]:
    """Return `composed` of a class of policies in plain Python."""
    return composed(layers_of(cls), _plain)


@cache
def plain(cls: Any) -> Ask:
    """Return what asks such a policy by kind of question in plain Python, as (parameters, link, memory, u)."""
    return answering(plain_hooks(cls))


def _plain(layer: Layer, method: Any, takes_decision: bool) -> Ask:
    def ask(parameters: Any, link: Any, memory: Any, u: float, *decided: Any) -> Any:
        own = layer.cls(*parameters[layer.first : layer.first + len(layer.cls._fields)])
        part = memory[layer.memory_first : layer.memory_end]
        return method(own, link, part, (u * layer.turn) % 1.0, *decided)

    return ask


def composed(
    layers: Sequence[Layer], bind: Callable[[Layer, Any, bool], Ask], made: Callable[[Any], Any] = lambda ask: ask
) -> dict[str, Ask]:
    """Return for each hook what asks it, (parameters, link, memory, u); those that no layer has do as if none had.

    `bind` makes such a function of a layer's method (with a decision as last argument where that is asked for);
    `made` is applied to every function that is made of others: the compiler, if any.
    """
    inner, *wrappers = layers
    failure = bind(inner, inner.cls.on_failure, False)
    for layer in wrappers:
        if hasattr(layer.cls, ON_FAILURE):
            failure = made(_after(failure, bind(layer, layer.cls.on_failure, True)))
    before: Ask | None = None
    for layer in layers:
        if hasattr(layer.cls, HOOKS[BEFORE_REQUEST]):
            ask = bind(layer, layer.cls.before_request, False)
            before = ask if before is None else made(_before(before, ask))
    return {
        ON_FAILURE: failure,
        HOOKS[BEFORE_REQUEST]: before or made(_sent),
        HOOKS[SERVED]: _told(layers, bind, made, ("on_success",)),
        HOOKS[DENIED]: _told(layers, bind, made, ("on_denial", "on_success")),
    }


def _told(layers: Sequence[Layer], bind: Any, made: Any, names: Sequence[str]) -> Ask:
    """Return what tells all layers, each by the first of these hooks that it has."""
    tell: Ask | None = None
    for layer in layers:
        hook = next((getattr(layer.cls, name) for name in names if hasattr(layer.cls, name)), None)
        if hook is None and layer.depth:
            continue
        one = bind(layer, hook or _forget, False)
        tell = one if tell is None else made(_both(tell, one))
    assert tell is not None, "the policy itself is always told"
    return tell


def answering(hooks: dict[str, Ask]) -> Ask:
    """Return what asks the hook that a question is about."""
    failure, before = hooks[ON_FAILURE], hooks[HOOKS[BEFORE_REQUEST]]
    served, denied = hooks[HOOKS[SERVED]], hooks[HOOKS[DENIED]]

    def answer(parameters: Any, link: Any, memory: Any, u: float) -> Any:
        if link.kind == BEFORE_REQUEST:
            return before(parameters, link, memory, u)
        if link.kind == SERVED:
            served(parameters, link, memory, u)
            return Decision(SEND, 0.0)
        if link.kind == DENIED:
            denied(parameters, link, memory, u)
            return Decision(SEND, 0.0)
        return failure(parameters, link, memory, u)

    return answer


def _after(inner: Ask, outer: Ask) -> Ask:
    def ask(parameters: Any, link: Any, memory: Any, u: float) -> Any:
        return outer(parameters, link, memory, u, inner(parameters, link, memory, u))

    return ask


def _before(inner: Ask, outer: Ask) -> Ask:
    def ask(parameters: Any, link: Any, memory: Any, u: float) -> Any:
        decision = outer(parameters, link, memory, u)
        if decision.action == SEND:
            return inner(parameters, link, memory, u)
        return decision

    return ask


def _both(first: Ask, second: Ask) -> Ask:
    def tell(parameters: Any, link: Any, memory: Any, u: float) -> None:
        first(parameters, link, memory, u)
        second(parameters, link, memory, u)

    return tell


def _sent(parameters: Any, link: Any, memory: Any, u: float) -> Any:
    return Decision(SEND, 0.0)


def _forget(policy: Any, link: Any, memory: Any, u: float) -> None:
    memory[:] = 0.0
